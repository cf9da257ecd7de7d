"""A VPC's default security group admits its own members, as EC2's does; moto gives it no rule for that.

https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html
"""

from typing import Any

from localstack.utils.patch import patch
from moto.ec2.models.security_groups import SecurityGroupBackend


def install() -> None:
    """Called once, before the first VPC is made."""
    patch(SecurityGroupBackend.create_security_group)(_create)


def _create(original: Any, backend: Any, *arguments: Any, **named: Any) -> Any:
    group = original(backend, *arguments, **named)
    if group.is_default:
        itself = [{"GroupId": group.id, "UserId": backend.account_id}]
        backend.authorize_security_group_ingress(
            group.id, "-1", None, None, [], source_groups=itself, vpc_id=group.vpc_id
        )
    return group
