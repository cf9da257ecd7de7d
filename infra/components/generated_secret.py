"""A secret that nobody ever typed."""

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.components.acknowledged import acknowledge


class GeneratedSecret(secretsmanager.Secret):
    """A secret of `length` letters and digits, made by Secrets Manager."""

    def __init__(self, scope: Construct, id_: str, *, description: str, length: int) -> None:
        super().__init__(
            scope,
            id_,
            description=description,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=length, exclude_punctuation=True, include_space=False
            ),
        )
        acknowledge(
            self, {"SMG4": "A new value needs new tasks to hold it: it is changed by an operator with a deployment."}
        )
