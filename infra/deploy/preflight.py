"""What must hold before anything is touched: target, region, credentials, account. Each failure is one plain line."""

import os
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from infra.deploy.aws import Aws
from infra.errors import DeployError
from infra.settings import DOMAIN_VARIABLE, Settings

ACCOUNT_VARIABLE = "DUET_ACCOUNT"
# Alone it is for every service, with a service's name after it for that one.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who deploys, into which account."""

    account: str
    arn: str


def check_endpoint(settings: Settings, *, on_endpoint: bool) -> None:
    """Raise DeployError where an environment of AWS's would go elsewhere and nobody said so."""
    given = sorted(name for name, value in os.environ.items() if name.startswith(ENDPOINT_VARIABLE) and value)
    if settings.name != "twin" and given and not on_endpoint:
        raise DeployError(
            f"{settings.name} goes to AWS, but {given[0]} is {os.environ[given[0]]}: unset it, or say --on-endpoint"
        )


def check_target(settings: Settings, *, endpoint: str | None, has_certificate: bool) -> None:
    """Raise DeployError where an environment cannot go to this target at all."""
    if settings.name == "twin" and not endpoint:
        raise DeployError("the environment twin goes to the twin only: AWS_ENDPOINT_URL is not set")
    if not endpoint and not has_certificate and settings.domain.endswith(".localhost"):
        raise DeployError(
            f"{settings.name} requires a domain on AWS: set {DOMAIN_VARIABLE}, and the app answers at "
            f"{settings.name}.<domain>"
        )


def check_region(region: str) -> None:
    """Raise DeployError where the caller's environment means another region than the templates."""
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        given = os.environ.get(variable)
        if given and given != region:
            raise DeployError(f"{variable} is {given}, the templates are for {region}: unset it or set it to {region}")


def identify(aws: Aws) -> Caller:
    """Return who the credentials belong to. Raises DeployError where there are none, or they are of a wrong account."""
    try:
        identity = aws.sts.get_caller_identity()
    except NoCredentialsError as error:
        raise DeployError(
            "no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        ) from error
    except EndpointConnectionError as error:
        raise DeployError(f"nothing answers at {aws.endpoint or 'AWS'}: {error}") from error
    except (ClientError, BotoCoreError) as error:
        raise DeployError(f"the AWS credentials do not work: {error}") from error
    wanted = os.environ.get(ACCOUNT_VARIABLE)
    if wanted and wanted != identity["Account"]:
        raise DeployError(f"the credentials are of account {identity['Account']}, {ACCOUNT_VARIABLE} wants {wanted}")
    return Caller(account=identity["Account"], arn=identity["Arn"])
