"""What LocalStack is told about the types there are: nothing, since the template's own check refuses by name."""

from localstack.utils.catalog.catalog import CatalogPlugin
from localstack.utils.catalog.common import CloudFormationResourcesSupportAtRuntime


class Catalogue(CatalogPlugin):
    """Replaces the catalogue that LocalStack would fetch from its maker's host.

    It takes the name under which LocalStack looks first.
    """

    name = "aws-catalog-remote-state-with-license"

    def get_aws_service_status(self, service_name: str, operation_name: str | None = None) -> None:
        """No opinion: each service answers for itself."""

    def get_cloudformation_resource_status(
        self,
        resource_name: str,  # noqa: ARG002 - LocalStack's signature
        service_name: str,  # noqa: ARG002
        is_pro_resource: bool = False,  # noqa: ARG002
    ) -> CloudFormationResourcesSupportAtRuntime:
        """No opinion: twin.services.cloudformation.checks knows every type that a template may use."""
        return CloudFormationResourcesSupportAtRuntime.AVAILABLE
