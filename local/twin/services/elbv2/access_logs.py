"""Access logs: the first object that proves a bucket, and each node's requests brought there every five minutes.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
"""

import gzip
import json
import logging
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from twin.services.common.api import ACCOUNT, client
from twin.services.elbv2 import certificates, errors
from twin.services.elbv2.access_log_lines import Known, line, noted
from twin.services.elbv2.models import LoadBalancer, Snapshot

LOG = logging.getLogger(__name__)

EVERY_SECONDS = 300
_SERVICE = "logdelivery.elasticloadbalancing.amazonaws.com"
# The account by which Elastic Load Balancing writes in regions older than August 2022.
_WRITERS = {"ap-northeast-2": "600734575887", "us-east-1": "127311923021", "ap-northeast-1": "582318560864"}


def wanted(balancer: LoadBalancer) -> bool:
    """Whether the balancer keeps access logs."""
    return balancer.attributes["access_logs.s3.enabled"] == "true"


def prove_bucket(arn: str, attributes: Mapping[str, str]) -> None:
    """Write AWS's first object; raises InvalidConfigurationRequest when the bucket does not let the service write."""
    region, bucket = arn.split(":")[3], attributes["access_logs.s3.bucket"]
    key = f"{_root(attributes)}/ELBAccessLogTestFile"
    refused = errors.invalid_configuration(f"Access Denied for bucket: {bucket}. Please check S3bucket permission")
    try:
        policy = client("s3", region).get_bucket_policy(Bucket=bucket)["Policy"]
    except ClientError as error:
        raise refused from error
    if not may_write(policy, region, f"arn:aws:s3:::{bucket}/{key}"):
        raise refused
    text = f"Enable AccessLog for ELB: {arn.split(':loadbalancer/')[1].split('/')[1]} at {datetime.now(UTC):%FT%T.%fZ}"
    client("s3", region).put_object(Bucket=bucket, Key=key, Body=text.encode())


def may_write(policy: str, region: str, resource: str) -> bool:
    """Whether the bucket policy lets Elastic Load Balancing put the object `resource`, an ARN."""
    return any(
        statement.get("Effect") == "Allow"
        and _is_writer(statement.get("Principal"), region)
        and any(fnmatchcase("s3:putobject", str(action).lower()) for action in _listed(statement.get("Action")))
        and any(fnmatchcase(resource, str(one)) for one in _listed(statement.get("Resource")))
        for statement in _listed(json.loads(policy).get("Statement"))
    )


def deliver(balancer: LoadBalancer, address: str, files: Iterable[Path], known: Snapshot) -> str | None:
    """Bring the requests in `files` to the bucket as one object and remove them; the sentence that says so.

    address: the node's, which is part of the name. Files stay when the bucket does not take the object.
    """
    named = _known(balancer, known)
    read = sorted(files)
    lines = [
        line(request, balancer.full_name, named)
        for path in read
        for text in path.read_text(errors="replace").splitlines()
        if (request := noted(text)) is not None
    ]
    if lines:
        bucket = balancer.attributes["access_logs.s3.bucket"]
        try:
            client("s3", balancer.arn.split(":")[3]).put_object(
                Bucket=bucket, Key=_key(balancer, address), Body=gzip.compress("\n".join([*lines, ""]).encode())
            )
        except (ClientError, BotoCoreError) as error:
            LOG.warning("the access log of %s was not delivered: %s", balancer.name, error)
            return f"the access log was not delivered to {bucket}: {error}"
    for path in read:
        path.unlink(missing_ok=True)
    return f"{len(lines)} requests of {address} are in the access log" if lines else None


def _known(balancer: LoadBalancer, wanted: Snapshot) -> Known:
    arns = [arn for listener in wanted.listeners_of(balancer.arn) for arn in listener.all_certificates]
    return Known(
        {group.cluster: group.arn for group in wanted.groups.values()},
        {found.names: arn for arn in reversed(arns) if (found := certificates.material(arn)) is not None},
    )


def _root(attributes: Mapping[str, str]) -> str:
    prefix = attributes["access_logs.s3.prefix"].strip("/")
    return f"{prefix}/AWSLogs/{ACCOUNT}" if prefix else f"AWSLogs/{ACCOUNT}"


def _key(balancer: LoadBalancer, address: str) -> str:
    region, now = balancer.arn.split(":")[3], datetime.now(UTC)
    # A file's time is the end of its interval, on a full five minutes.
    ends = now - timedelta(minutes=now.minute % 5, seconds=now.second) + timedelta(seconds=EVERY_SECONDS)
    name = f"{ACCOUNT}_elasticloadbalancing_{region}_{balancer.full_name.replace('/', '.')}"
    folder = f"{_root(balancer.attributes)}/elasticloadbalancing/{region}/{ends:%Y/%m/%d}"
    return f"{folder}/{name}_{ends:%Y%m%dT%H%MZ}_{address}_{secrets.token_hex(4)}.log.gz"


def _is_writer(principal: Any, region: str) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    account = _WRITERS.get(region, "")
    accounts = {account, f"arn:aws:iam::{account}:root", "*"}
    return _SERVICE in _listed(principal.get("Service")) or bool(
        accounts & set(map(str, _listed(principal.get("AWS"))))
    )


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
