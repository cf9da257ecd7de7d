"""Access logs in AWS's form, brought to the balancer's bucket."""

from collections.abc import Mapping

from twin.services.elbv2.models import LoadBalancer


def wanted(balancer: LoadBalancer) -> bool:
    """Whether the balancer keeps access logs."""
    return balancer.attributes["access_logs.s3.enabled"] == "true"


def prove_bucket(arn: str, attributes: Mapping[str, str]) -> None:
    """Write AWS's first object."""
