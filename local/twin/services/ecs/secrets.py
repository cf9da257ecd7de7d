"""What a container's `secrets` stand for, read when the task starts and never kept.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
"""

import json
from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import client
from twin.services.common.on_behalf import Session, require

_PARTS_OF_ARN = 7


class SecretError(Exception):
    """A secret cannot be read; the text is ECS's, for ResourceInitializationError."""


def resolve(secrets: list[dict[str, Any]], execution: Session) -> dict[str, str]:
    """The values by name, read as the execution role; raises SecretError for the first that cannot be read."""
    texts: dict[str, str] = {}
    found: dict[str, str] = {}
    for secret in secrets:
        source = str(secret["valueFrom"])
        if ":secretsmanager:" in source:
            found[str(secret["name"])] = _from_secrets_manager(source, execution, texts)
        else:
            found[str(secret["name"])] = _from_parameter_store(source, execution)
    return found


def _from_secrets_manager(source: str, execution: Session, texts: dict[str, str]) -> str:
    parts = source.split(":")
    arn = ":".join(parts[:_PARTS_OF_ARN])
    key, stage, version = [*parts[_PARTS_OF_ARN:], "", "", ""][:3]
    which = {name: value for name, value in (("VersionStage", stage), ("VersionId", version)) if value}
    cached = f"{arn}:{stage}:{version}"
    if cached not in texts:
        try:
            require(execution, "secretsmanager", "GetSecretValue", {"SecretId": arn, **which})
            answer = client("secretsmanager", execution.region).get_secret_value(SecretId=arn, **which)
        except ClientError as error:
            raise SecretError(
                "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve "
                f"secret from asm: service call has been retried 1 time(s): failed to fetch secret {arn} from secrets "
                f"manager: {error.response['Error']['Code']}: {error.response['Error']['Message']}"
            ) from error
        texts[cached] = str(answer.get("SecretString", ""))
    if not key:
        return texts[cached]
    try:
        return _text(json.loads(texts[cached])[key])
    except (ValueError, KeyError, TypeError):
        raise SecretError(
            "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret "
            f"from asm: retrieved secret from Secrets Manager did not contain json key {key}"
        ) from None


def _from_parameter_store(source: str, execution: Session) -> str:
    name = source.split(":parameter", 1)[1] if ":parameter" in source else source
    try:
        require(execution, "ssm", "GetParameters", {"Names": [name]})
        answer = client("ssm", execution.region).get_parameter(Name=name, WithDecryption=True)
    except ClientError as error:
        raise SecretError(
            "unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets "
            f"from ssm: {_reason(error, name)}"
        ) from error
    return str(answer["Parameter"]["Value"])


def _reason(error: ClientError, name: str) -> str:
    told = error.response["Error"]
    denied = str(told["Code"]).startswith("AccessDenied")
    return f"{told['Code']}: {told['Message'] if denied else f'invalid parameters: {name}'}"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
