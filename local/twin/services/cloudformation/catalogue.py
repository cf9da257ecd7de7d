"""What LocalStack is told about the types there are: those present at run time, and nothing else."""

from localstack.utils.catalog.catalog import CatalogPlugin
from localstack.utils.catalog.common import (
    CloudFormationResourcesSupportAtRuntime,
    CloudFormationResourcesSupportInLatest,
)


class Catalogue(CatalogPlugin):
    """Replaces the catalogue that LocalStack would fetch from its maker's host.

    It takes the name under which LocalStack looks first.
    """

    name = "aws-catalog-remote-state-with-license"

    def get_aws_service_status(self, service_name: str, operation_name: str | None = None) -> None:
        """No opinion: each service answers for itself."""

    def get_cloudformation_resource_status(
        self,
        resource_name: str,
        service_name: str,  # noqa: ARG002 - LocalStack's signature
        is_pro_resource: bool = False,  # noqa: ARG002
    ) -> CloudFormationResourcesSupportAtRuntime | CloudFormationResourcesSupportInLatest:
        """AVAILABLE for a type that somebody here makes, else NOT_SUPPORTED."""
        from twin.services.cloudformation.registry import available  # noqa: PLC0415 - LocalStack loads this at start

        if resource_name in available():
            return CloudFormationResourcesSupportAtRuntime.AVAILABLE
        return CloudFormationResourcesSupportInLatest.NOT_SUPPORTED
