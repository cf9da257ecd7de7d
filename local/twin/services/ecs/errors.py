"""ECS's errors, with AWS's codes and texts."""

from collections.abc import Sequence

from localstack.aws.api import CommonServiceException

from twin.services.common.api import fault


def client_error(text: str) -> CommonServiceException:
    """Something in the request is not such as ECS takes."""
    return fault("ClientException", text)


def invalid(text: str) -> CommonServiceException:
    """A parameter is not such as ECS takes."""
    return fault("InvalidParameterException", text)


def no_cluster() -> CommonServiceException:
    """The cluster is not there."""
    return fault("ClusterNotFoundException", "Cluster not found.")


def no_service() -> CommonServiceException:
    """The service is not there."""
    return fault("ServiceNotFoundException", "Service not found.")


def inactive_service() -> CommonServiceException:
    """The service has been deleted."""
    return fault("ServiceNotActiveException", "Service was not ACTIVE.")


def not_idempotent() -> CommonServiceException:
    """The service is there already, and was not made by this request."""
    return invalid("Creation of service was not idempotent.")


def conflict(made: Sequence[str]) -> CommonServiceException:
    """The clientToken is that of another RunTask, which made these tasks.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
    """
    error = fault("ConflictException", "The provided clientToken is already in use with a different RunTask request.")
    error.__dict__["resourceIds"] = list(made)
    return error
