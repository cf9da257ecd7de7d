"""The AWS API as the deployer uses it: one account, one region, one client per service."""

import os
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from infra.errors import Interrupted

if TYPE_CHECKING:
    from mypy_boto3_acm import ACMClient
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ecr import ECRClient
    from mypy_boto3_ecs import ECSClient
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient

_QUICK_POLL, _PATIENT_POLL = 0.25, 3.0


@dataclass
class Aws:
    """Clients of one region, made on first use; safe to share between threads.

    `endpoint` is where an emulator answers, None on AWS itself. It decides only how patiently to poll and how to
    address buckets, and whether the deployer may bootstrap by itself.
    """

    region: str
    endpoint: str | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _interrupted: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def poll_seconds(self) -> float:
        """How long to wait between two looks at the same thing."""
        return _QUICK_POLL if self.endpoint else _PATIENT_POLL

    def pause(self) -> None:
        """Wait until the next look. Raises Interrupted as soon as `interrupt` was called, from any thread."""
        self._interrupted.wait(self.poll_seconds)
        self.check()

    def check(self) -> None:
        """Raise Interrupted once `interrupt` was called."""
        if self._interrupted.is_set():
            raise Interrupted("interrupted; what AWS is at goes on, and the next run takes it from there")

    def interrupt(self) -> None:
        """End every wait."""
        self._interrupted.set()

    def _client(self, service: str) -> Any:
        style: dict[str, str] = {"addressing_style": "path"} if self.endpoint else {}
        config = Config(
            retries={"mode": "standard", "max_attempts": 6},
            s3=style,  # type: ignore[arg-type]  # the stub wants a literal
            max_pool_connections=16,
        )
        with self._lock:
            return boto3.client(service, region_name=self.region, config=config)  # type: ignore[call-overload]

    @cached_property
    def cloudformation(self) -> "CloudFormationClient":
        """CloudFormation."""
        return self._client("cloudformation")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self._client("s3")  # type: ignore[no-any-return]

    @cached_property
    def ecr(self) -> "ECRClient":
        """ECR."""
        return self._client("ecr")  # type: ignore[no-any-return]

    @cached_property
    def ecs(self) -> "ECSClient":
        """ECS."""
        return self._client("ecs")  # type: ignore[no-any-return]

    @cached_property
    def logs(self) -> "CloudWatchLogsClient":
        """CloudWatch Logs."""
        return self._client("logs")  # type: ignore[no-any-return]

    @cached_property
    def acm(self) -> "ACMClient":
        """ACM."""
        return self._client("acm")  # type: ignore[no-any-return]

    @cached_property
    def ssm(self) -> "SSMClient":
        """SSM."""
        return self._client("ssm")  # type: ignore[no-any-return]

    @cached_property
    def sts(self) -> "STSClient":
        """STS."""
        return self._client("sts")  # type: ignore[no-any-return]

    @cached_property
    def rds(self) -> "RDSClient":
        """RDS."""
        return self._client("rds")  # type: ignore[no-any-return]

    @cached_property
    def elbv2(self) -> "ElasticLoadBalancingv2Client":
        """Elastic Load Balancing."""
        return self._client("elbv2")  # type: ignore[no-any-return]


def connect(region: str) -> Aws:
    """Return the API of `region`, at AWS_ENDPOINT_URL where that is set."""
    return Aws(region=region, endpoint=os.environ.get("AWS_ENDPOINT_URL") or None)
