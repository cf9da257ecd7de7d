"""A log group that forgets."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
}


class AppLogGroup(logs.LogGroup):
    """A log group that keeps its lines for `days`: 7, 30 or 90."""

    def __init__(self, scope: Construct, id_: str, *, days: int, removal_policy: RemovalPolicy) -> None:
        super().__init__(scope, id_, retention=_RETENTION[days], removal_policy=removal_policy)
