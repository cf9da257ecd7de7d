"""ECS's errors, with AWS's codes and texts."""

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
