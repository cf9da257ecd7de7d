"""A balancer that a template describes: a node in each zone, its rules, its targets, and nothing left behind."""

import gzip
import http.client
import http.server
import json
import os
import shlex
import signal
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError
from twin.core.addresses import loopback
from twin.core.certificates import Authority

from tests.twin.support import Twin, delete, deploy, eventually, of, ref

ZONES = ("ap-northeast-2a", "ap-northeast-2c")
STACK = "balanced"

type Json = dict[str, Any]


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers with its own address and the headers that came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.server.slow.wait(10)  # type: ignore[attr-defined]
        body = "\n".join([self.server.server_address[0], *(f"{k}: {v}" for k, v in self.headers.items())]).encode()  # type: ignore[list-item]
        self.send_response(500 if self.path == "/health" and self.server.ill.is_set() else 200)  # type: ignore[attr-defined]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Target(http.server.ThreadingHTTPServer):
    """A target at an address of the emulated network."""

    def __init__(self, ip: str, twin_id: int) -> None:
        self.ip = ip
        self.slow, self.ill = threading.Event(), threading.Event()
        super().__init__((loopback(ip, twin_id), 8080), Answer)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def targets(twin: Twin) -> Iterator[list[Target]]:
    """One target in each zone."""
    made = [Target(f"10.45.{number}.50", twin.world.twin_id) for number in range(2)]
    yield made
    for target in made:
        target.slow.set()
        target.shutdown()
        target.server_close()


@pytest.fixture(scope="module")
def balancer(twin: Twin, targets: list[Target]) -> Iterator[Json]:
    """The stack's outputs, with the certificate authority beside."""
    authority = Authority(twin.world.directory("certs"))
    leaf = authority.issue("balanced", ["127.0.0.1"], ["balanced.localhost"])
    certificate = twin.client("acm").import_certificate(
        Certificate=leaf.cert_path.read_bytes(), PrivateKey=leaf.key_path.read_bytes()
    )["CertificateArn"]
    outputs = deploy(twin, STACK, template(certificate, [target.ip for target in targets]))
    yield {**outputs, "Certificate": certificate, "Authority": str(authority.ca_path)}
    with suppress(KeyError):
        delete(twin, STACK)


@pytest.fixture
def logs(twin: Twin) -> Iterator[str]:
    """A bucket, emptied and removed afterwards."""
    s3, name = twin.client("s3"), "balanced-logs"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": twin.world.region})
    yield name
    for entry in s3.list_objects_v2(Bucket=name).get("Contents", []):
        s3.delete_object(Bucket=name, Key=entry["Key"])
    s3.delete_bucket(Bucket=name)


def template(certificate: str, addresses: list[str], **more: Json) -> Json:
    """Network, balancer, a group with its targets, a listener with two rules, and one that leads to it."""
    resources = {**network(), **balancing(certificate, addresses), **rules(), **more}
    outputs = {
        "Name": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}},
        "Arn": {"Value": {"Ref": "Balancer"}},
        "Group": {"Value": {"Ref": "Group"}},
        "FullName": {"Value": {"Fn::GetAtt": ["Group", "TargetGroupFullName"]}},
    }
    return {"Resources": resources, "Outputs": outputs}


def network() -> Json:
    """A VPC that the internet reaches, with a subnet in each zone."""
    subnets = {
        f"Subnet{number}": of("EC2::Subnet", VpcId=ref("Vpc"), CidrBlock=f"10.45.{number}.0/24", AvailabilityZone=zone)
        for number, zone in enumerate(ZONES)
    }
    return {
        "Vpc": of("EC2::VPC", CidrBlock="10.45.0.0/16"),
        "Gateway": of("EC2::InternetGateway"),
        "Attached": of("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Table": of("EC2::RouteTable", VpcId=ref("Vpc")),
        "Out": of(
            "EC2::Route",
            "Attached",
            RouteTableId=ref("Table"),
            DestinationCidrBlock="0.0.0.0/0",
            GatewayId=ref("Gateway"),
        ),
        "Door": of(
            "EC2::SecurityGroup",
            GroupDescription="open to all",
            VpcId=ref("Vpc"),
            SecurityGroupIngress=[{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}],
        ),
        **subnets,
        **{
            f"{name}Table": of("EC2::SubnetRouteTableAssociation", RouteTableId=ref("Table"), SubnetId=ref(name))
            for name in subnets
        },
    }


def balancing(certificate: str, addresses: list[str]) -> Json:
    """The balancer, its group, a listener over TLS and one that leads to it; some numbers are text."""
    to_group = {"Type": "forward", "TargetGroupArn": ref("Group")}
    to_tls = {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}
    subnets = [ref(f"Subnet{number}") for number in range(len(ZONES))]
    return {
        "Balancer": of(
            "ElasticLoadBalancingV2::LoadBalancer",
            "Attached",
            Subnets=subnets,
            SecurityGroups=[ref("Door")],
            Tags=[{"Key": "made", "Value": "here"}],
        ),
        "Group": of(
            "ElasticLoadBalancingV2::TargetGroup",
            Port="8080",
            Protocol="HTTP",
            TargetType="ip",
            VpcId=ref("Vpc"),
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            UnhealthyThresholdCount="2",
            HealthyThresholdCount=2,
            TargetGroupAttributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}],
            Targets=[{"Id": address, "Port": 8080} for address in addresses],
        ),
        "Secure": of(
            "ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=443,
            Protocol="HTTPS",
            Certificates=[{"CertificateArn": certificate}],
            DefaultActions=[to_group],
        ),
        "Plain": of(
            "ElasticLoadBalancingV2::Listener",
            LoadBalancerArn=ref("Balancer"),
            Port=80,
            Protocol="HTTP",
            DefaultActions=[{"Type": "redirect", "RedirectConfig": to_tls}],
        ),
    }


def rules() -> Json:
    """One by path that answers itself, one by host that leads elsewhere."""
    teapot = {"StatusCode": "418", "ContentType": "text/plain", "MessageBody": "short and stout"}
    elsewhere = {"Host": "new.localhost", "StatusCode": "HTTP_302"}
    return {
        "ByPath": of(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("Secure"),
            Priority=10,
            Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/teapot*"]}}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": teapot}],
        ),
        "ByHost": of(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("Secure"),
            Priority=20,
            Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["old.*"]}}],
            Actions=[{"Type": "redirect", "RedirectConfig": elsewhere}],
        ),
    }


def test_requests_go_to_both_zones_over_tls_with_the_headers_of_a_balancer(
    twin: Twin, balancer: Json, targets: list[Target]
) -> None:
    _healthy(twin, balancer)
    seen = [_ask(balancer, "/", headers={"X-Forwarded-For": "9.9.9.9"})[2].splitlines() for _ in range(6)]
    assert {lines[0] for lines in seen} == {loopback(target.ip, twin.world.twin_id) for target in targets}
    headers = dict(line.split(": ", 1) for line in seen[0][1:])
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] in ("443", "8443")
    assert headers["x-amzn-trace-id"].startswith("Root=1-")


def test_rules_answer_by_path_and_host(twin: Twin, balancer: Json) -> None:
    assert _ask(balancer, "/teapot/1")[::2] == (418, "short and stout")
    status, headers, _ = _ask(balancer, "/page?a=b", host="old.localhost")
    assert status == 302
    assert headers["location"].split("://")[1].split("/", 1) == [
        f"new.localhost:{balancer_port(balancer)}",
        "page?a=b",
    ]
    plain = http.client.HTTPConnection(balancer["Name"], _port(balancer["Name"], 80), timeout=5)
    plain.request("GET", "/page?a=b", headers={"Host": "here.localhost"})
    answer = plain.getresponse()
    plain.close()
    assert answer.status == 301
    assert answer.headers["location"] == f"https://here.localhost:{balancer_port(balancer)}/page?a=b"


def test_an_ill_target_gets_nothing_and_the_reason_is_told(twin: Twin, balancer: Json, targets: list[Target]) -> None:
    _healthy(twin, balancer)
    targets[0].ill.set()
    try:
        health = _health(twin, balancer, targets[0], "unhealthy")
        assert health["Reason"] == "Target.ResponseCodeMismatch"
        assert health["Description"] == "Health checks failed with these codes: [500]"
        eventually(
            lambda: {_ask(balancer, "/")[2].splitlines()[0] for _ in range(6)},
            lambda seen: seen == {loopback(targets[1].ip, twin.world.twin_id)},
            2,
        )
    finally:
        targets[0].ill.clear()
    _healthy(twin, balancer)


def test_a_deregistered_target_finishes_what_it_has_begun(twin: Twin, balancer: Json, targets: list[Target]) -> None:
    _healthy(twin, balancer)
    elb, leaving = twin.client("elbv2"), targets[1]
    elb.deregister_targets(TargetGroupArn=balancer["Group"], Targets=[{"Id": targets[0].ip}])
    done: list[int] = []
    waiting = threading.Thread(target=lambda: done.append(_ask(balancer, "/slow")[0]))
    waiting.start()
    eventually(lambda: len(leaving.slow._cond._waiters), lambda count: count == 1, 5)  # type: ignore[attr-defined]
    elb.register_targets(TargetGroupArn=balancer["Group"], Targets=[{"Id": targets[0].ip}])
    _health(twin, balancer, targets[0], "healthy")
    elb.deregister_targets(TargetGroupArn=balancer["Group"], Targets=[{"Id": leaving.ip}])
    assert _health(twin, balancer, leaving, "draining")["Reason"] == "Target.DeregistrationInProgress"
    assert {_ask(balancer, "/")[2].splitlines()[0] for _ in range(4)} == {loopback(targets[0].ip, twin.world.twin_id)}
    leaving.slow.set()
    waiting.join(10)
    assert done == [200]
    elb.register_targets(TargetGroupArn=balancer["Group"], Targets=[{"Id": leaving.ip}])
    _healthy(twin, balancer)


def test_requests_are_in_the_access_log_in_the_form_of_aws(twin: Twin, balancer: Json, logs: str) -> None:
    elb, s3 = twin.client("elbv2"), twin.client("s3")
    attributes = [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.bucket", "Value": logs},
        {"Key": "access_logs.s3.prefix", "Value": "front"},
    ]
    with pytest.raises(ClientError, match=f"Access Denied for bucket: {logs}. Please check S3bucket permission"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["Arn"], Attributes=attributes)
    root = "front/AWSLogs/000000000000"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::600734575887:root"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{logs}/{root}/*",
    }
    s3.put_bucket_policy(Bucket=logs, Policy=json.dumps({"Statement": [statement]}))
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["Arn"], Attributes=attributes)
    assert s3.get_object(Bucket=logs, Key=f"{root}/ELBAccessLogTestFile")["Body"].read()
    _ask(balancer, "/teapot?asked=here", headers={"User-Agent": 'a "quoted" agent'})
    _ask(balancer, "/forwarded")
    lines = eventually(
        lambda: _log_lines(s3, logs, f"{root}/elasticloadbalancing/ap-northeast-2/"),
        lambda lines: any("/teapot" in one for one in lines) and any("/forwarded" in one for one in lines),
        45,
    )
    fixed = shlex.split(next(one for one in lines if "/teapot?asked=here" in one))
    assert len(fixed) == 33
    assert fixed[0] == "https"
    assert fixed[2] == balancer["Arn"].split(":loadbalancer/")[1]
    assert fixed[4:10] == ["-", "-1", "-1", "-1", "418", "-"]
    assert fixed[12] == "GET https://balanced.localhost:443/teapot?asked=here HTTP/1.1"
    assert fixed[13] == r"a \x22quoted\x22 agent"
    assert (fixed[20], fixed[22]) == ("10", "fixed-response")
    forwarded = shlex.split(next(one for one in lines if "/forwarded" in one))
    assert (forwarded[8], forwarded[9], forwarded[16]) == ("200", "200", balancer["Group"])
    assert all(float(wait) >= 0 for wait in forwarded[5:8])
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer["Arn"], Attributes=[{"Key": "access_logs.s3.enabled", "Value": "false"}]
    )


def test_a_killed_node_is_missed_by_nobody_and_comes_back(twin: Twin, balancer: Json) -> None:
    before = _nodes(twin, balancer)
    assert sorted(node["zone"] for node in before) == list(ZONES)
    os.kill(before[0]["pid"], signal.SIGKILL)
    after = eventually(
        lambda: _nodes(twin, balancer),
        lambda nodes: all(node["up"] for node in nodes) and nodes[0]["pid"] != before[0]["pid"],
        15,
    )
    assert after[1]["pid"] == before[1]["pid"]
    assert _ask(balancer, "/teapot")[0] == 418
    assert _ask({**balancer, "Name": after[0]["address"]}, "/teapot")[0] == 418


def test_what_the_twin_does_not_do_is_refused_before_anything_is_made(twin: Twin, balancer: Json) -> None:
    other = {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {"Subnets": ["a"], "Mood": "good"}}
    odd = {"Type": "AWS::ElasticLoadBalancingV2::TrustStore", "Properties": {}}
    with pytest.raises(AssertionError, match=r"Other .*Mood"):
        deploy(twin, "refused", {"Resources": {"Other": other}})
    with pytest.raises(AssertionError, match="AWS::ElasticLoadBalancingV2::TrustStore"):
        deploy(twin, "refused", {"Resources": {"Odd": odd}})
    with pytest.raises(ClientError, match="network"):
        twin.client("elbv2").create_load_balancer(Name="n", Type="network", Subnets=["a", "b"])


def test_a_target_that_comes_beside_others_gets_its_share_slowly(
    twin: Twin, balancer: Json, targets: list[Target]
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#slow-start-mode"""
    _healthy(twin, balancer)
    elb, group = twin.client("elbv2"), balancer["Group"]

    def slow(seconds: str) -> None:
        pair = {"Key": "slow_start.duration_seconds", "Value": seconds}
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[pair])

    def shares() -> Counter[str]:
        return Counter(_ask(balancer, "/")[2].splitlines()[0] for _ in range(40))

    newcomer = loopback(targets[1].ip, twin.world.twin_id)
    slow("900")
    try:
        assert shares()[newcomer] > 12  # it was healthy before
        elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": targets[1].ip}])
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": targets[1].ip}])
        _healthy(twin, balancer)
        assert shares()[newcomer] < 10
    finally:
        slow("0")
    eventually(lambda: shares()[newcomer], lambda share: share > 12, 5)


def test_an_update_changes_in_place_and_a_deletion_leaves_nothing(
    twin: Twin, balancer: Json, targets: list[Target]
) -> None:
    more = {
        "Extra": of(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn=ref("Secure"),
            Priority=5,
            Conditions=[{"Field": "path-pattern", "Values": ["/extra"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "204"}}],
        ),
        "Calls": of(
            "ElasticLoadBalancingV2::TargetGroup",
            Port=50051,
            Protocol="HTTP",
            ProtocolVersion="GRPC",
            Matcher={"GrpcCode": "0"},
            TargetType="ip",
            VpcId=ref("Vpc"),
        ),
        "Further": of(
            "ElasticLoadBalancingV2::ListenerCertificate",
            ListenerArn=ref("Secure"),
            Certificates=[{"CertificateArn": _further(twin)}],
        ),
    }
    wanted = template(balancer["Certificate"], [targets[0].ip], **more)
    added = [{"Key": "routing.http.response.x_frame_options.header_value", "Value": "DENY"}]
    wanted["Resources"]["Secure"]["Properties"]["ListenerAttributes"] = added
    outputs = deploy(twin, STACK, wanted)
    assert outputs["Arn"] == balancer["Arn"]
    status, headers, _ = _ask(balancer, "/extra")
    assert (status, headers["x-frame-options"]) == (204, "DENY")
    listener = twin.client("elbv2").describe_listeners(LoadBalancerArn=balancer["Arn"])["Listeners"][-1]["ListenerArn"]
    held = twin.client("elbv2").describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert [one["IsDefault"] for one in held] == [True, False]
    left = [h for h in _every_health(twin, balancer) if h["TargetHealth"]["State"] != "draining"]
    assert [one["Target"]["Id"] for one in left] == [targets[0].ip]
    nodes, port = _nodes(twin, balancer), balancer_port(balancer)
    delete(twin, STACK)
    eventually(lambda: [n["pid"] for n in nodes if os.path.exists(f"/proc/{n['pid']}")], lambda left: not left, 10)
    with socket.socket() as probe:
        assert probe.connect_ex((balancer["Name"], port)) != 0
    assert balancer["Arn"] not in {b["LoadBalancerArn"] for b in _balancers(twin)}


def _further(twin: Twin) -> str:
    """A second certificate in ACM."""
    leaf = Authority(twin.world.directory("certs")).issue("further", [], ["further.example"])
    pair = {"Certificate": leaf.cert_path.read_bytes(), "PrivateKey": leaf.key_path.read_bytes()}
    return str(twin.client("acm").import_certificate(**pair)["CertificateArn"])


def _ask(balancer: Json, path: str, host: str = "balanced.localhost", **more: Any) -> tuple[int, Json, str]:
    """Ask over verified TLS, on a connection of its own: status, headers, body."""
    context = ssl.create_default_context(cafile=balancer["Authority"])
    port = _port(balancer["Name"], 443)
    with context.wrap_socket(
        socket.create_connection((balancer["Name"], port), 5, source_address=("127.0.0.1", 0)),
        server_hostname="balanced.localhost",
    ) as secure:
        connection = http.client.HTTPConnection(host, port)
        connection.sock = secure
        connection.request("GET", path, headers={"Host": host} | more.get("headers", {}))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read().decode()


def balancer_port(balancer: Json) -> int:
    """Where its HTTPS listener really listens."""
    return _port(balancer["Name"], 443)


def _port(address: str, port: int) -> int:
    with socket.socket() as probe:
        return port if probe.connect_ex((address, port)) == 0 else port + 8000


def _log_lines(s3: Any, bucket: str, prefix: str) -> list[str]:
    entries = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    bodies = [s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read() for entry in entries]
    return [line for body in bodies for line in gzip.decompress(body).decode().splitlines()]


def _every_health(twin: Twin, balancer: Json) -> list[Json]:
    found: list[Json] = twin.client("elbv2").describe_target_health(TargetGroupArn=balancer["Group"])[
        "TargetHealthDescriptions"
    ]
    return found


def _health(twin: Twin, balancer: Json, target: Target, state: str) -> Json:
    """The health of the target once it is in `state`."""
    seen = eventually(
        lambda: {one["Target"]["Id"]: one["TargetHealth"] for one in _every_health(twin, balancer)},
        lambda health: health.get(target.ip, {}).get("State") == state,
        15,
    )
    return seen[target.ip]


def _healthy(twin: Twin, balancer: Json) -> None:
    eventually(
        lambda: [one["TargetHealth"]["State"] for one in _every_health(twin, balancer)],
        lambda states: states == ["healthy"] * 2,
        20,
    )


def _balancers(twin: Twin) -> list[Json]:
    found: list[Json] = twin.client("elbv2").describe_load_balancers()["LoadBalancers"]
    return found


def _nodes(twin: Twin, balancer: Json) -> list[Json]:
    name = balancer["Arn"].split("/")[2]
    found: list[Json] = next(one["zones"] for one in twin.status()["load_balancers"] if one["name"] == name)
    return found
