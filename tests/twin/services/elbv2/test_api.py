"""The API in a user's hands: what is refused, in whose words, and that the state is as before; it could run on AWS."""

import http.client
import random
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from localstack.aws.api import CommonServiceException
from twin.core.certificates import Authority
from twin.services.elbv2.models import Listener, Rule, Snapshot
from twin.services.elbv2.rules import need_room

from tests.twin.support import Twin, eventually

type Json = dict[str, Any]

ZONES = ("ap-northeast-2a", "ap-northeast-2c")
NOWHERE = "arn:aws:elasticloadbalancing:ap-northeast-2:000000000000"
OK = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}


@pytest.fixture(scope="module")
def elb(twin: Twin) -> Any:
    return twin.client("elbv2")


@pytest.fixture(scope="module")
def network(twin: Twin) -> Iterator[Json]:
    """A VPC that the internet reaches, with a subnet in each of two zones."""
    ec2 = twin.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.47.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.47.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(ZONES)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    table = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"][0]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    door = ec2.create_security_group(GroupName="door", Description="open to all", VpcId=vpc)["GroupId"]
    everybody = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=door, IpPermissions=[everybody])
    yield {"vpc": vpc, "subnets": subnets, "door": door}
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=door)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)


@pytest.fixture(scope="module")
def certificate(twin: Twin) -> Callable[[str], str]:
    """Imports a certificate for a name; its ARN."""

    def make(name: str) -> str:
        leaf = Authority(twin.world.directory("certs")).issue(f"api-{name}", [], [name])
        pair = {"Certificate": leaf.cert_path.read_bytes(), "PrivateKey": leaf.key_path.read_bytes()}
        return str(twin.client("acm").import_certificate(**pair)["CertificateArn"])

    return make


@pytest.fixture(scope="module")
def balancer(elb: Any, network: Json, certificate: Callable[[str], str]) -> Iterator[Json]:
    """A balancer with a listener of each kind, a rule, and a group."""
    given = {"Subnets": network["subnets"], "SecurityGroups": [network["door"]]}
    made = elb.create_load_balancer(Name="api", **given)["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    eventually(lambda: _state(elb, arn), lambda state: state == "active", 20)
    group = _group(elb, network, "api-group")
    plain = _listener(elb, arn, 18081)
    rule = elb.create_rule(ListenerArn=plain, Priority=7, Conditions=[_path("/seven")], Actions=[OK])["Rules"][0]
    secure = _listener(
        elb, arn, 18443, Protocol="HTTPS", Certificates=[{"CertificateArn": certificate("default.example")}]
    )
    yield {
        "arn": arn,
        "address": made["DNSName"],
        "group": group,
        "plain": plain,
        "secure": secure,
        "rule": rule["RuleArn"],
    }
    elb.delete_load_balancer(LoadBalancerArn=arn)
    for one in elb.describe_target_groups()["TargetGroups"]:
        with suppress(ClientError):
            elb.delete_target_group(TargetGroupArn=one["TargetGroupArn"])


def _state(elb: Any, arn: str) -> str:
    return str(elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"])


def _group(elb: Any, network: Json, name: str, **more: Any) -> str:
    given = {"Protocol": "HTTP", "Port": 8080, "VpcId": network["vpc"], "TargetType": "ip", **more}
    return str(elb.create_target_group(Name=name, **given)["TargetGroups"][0]["TargetGroupArn"])


def _listener(elb: Any, arn: str, port: int, **more: Any) -> str:
    given = {"Protocol": "HTTP", "DefaultActions": [OK], **more}
    return str(elb.create_listener(LoadBalancerArn=arn, Port=port, **given)["Listeners"][0]["ListenerArn"])


def _path(*values: str) -> Json:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": list(values)}}


def _forward(*arns: str, **more: Any) -> Json:
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn} for arn in arns], **more}}


REFUSED: dict[str, tuple[str, Json, str, str]] = {
    "an unknown balancer": (
        "describe_load_balancers",
        {"Names": ["nobody"]},
        "LoadBalancerNotFound",
        r"Load balancers '\[nobody\]' not found",
    ),
    "no ARN at all": (
        "create_listener",
        {"LoadBalancerArn": "api", "Port": 81, "Protocol": "HTTP", "DefaultActions": [OK]},
        "ValidationError",
        "'api' is not a valid load balancer ARN",
    ),
    "an unknown group": (
        "describe_target_health",
        {"TargetGroupArn": f"{NOWHERE}:targetgroup/none/0123456789abcdef"},
        "TargetGroupNotFound",
        "Target group '.*none.*' not found",
    ),
    "an unknown rule": (
        "delete_rule",
        {"RuleArn": f"{NOWHERE}:listener-rule/app/a/1/2/3"},
        "RuleNotFound",
        "One or more rules not found",
    ),
    "a priority that is taken": (
        "create_rule",
        {"ListenerArn": "@plain", "Priority": 7, "Conditions": [_path("/a")], "Actions": [OK]},
        "PriorityInUse",
        "Priority '7' is currently in use",
    ),
    "a priority out of bounds": (
        "create_rule",
        {"ListenerArn": "@plain", "Priority": 50001, "Conditions": [_path("/a")], "Actions": [OK]},
        "ValidationError",
        "Value '50001' at 'priority' failed to satisfy constraint: Member must have value less than or equal to 50000",
    ),
    "a port that is taken": (
        "create_listener",
        {"LoadBalancerArn": "@arn", "Port": 18081, "Protocol": "HTTP", "DefaultActions": [OK]},
        "DuplicateListener",
        "A listener already exists on this port for this load balancer",
    ),
    "a name that is taken": (
        "create_load_balancer",
        {"Name": "api", "Subnets": "@subnets"},
        "DuplicateLoadBalancerName",
        "A load balancer with the same name 'api' exists, but with different settings",
    ),
    "a group's name that is taken": (
        "create_target_group",
        {"Name": "api-group", "Protocol": "HTTP", "Port": 8081, "VpcId": "@vpc", "TargetType": "ip"},
        "DuplicateTargetGroupName",
        "A target group with the same name 'api-group' exists, but with different settings",
    ),
    "the default rule": ("delete_rule", {"RuleArn": "@default"}, "OperationNotPermitted", "cannot be deleted"),
    "gRPC behind HTTP": (
        "create_rule",
        {"ListenerArn": "@plain", "Priority": 8, "Conditions": [_path("/a")], "Actions": [_forward("@grpc")]},
        "InvalidLoadBalancerAction",
        "Listener protocol 'HTTP' is not supported with a target group with the protocol-version 'GRPC'",
    ),
    "six values": (
        "create_rule",
        {"ListenerArn": "@plain", "Priority": 8, "Conditions": [_path(*"abcdef")], "Actions": [OK]},
        "TooManyConditionValues",
        "at most 5",
    ),
    "an unknown field": (
        "create_rule",
        {"ListenerArn": "@plain", "Priority": 8, "Conditions": [{"Field": "moon", "Values": ["a"]}], "Actions": [OK]},
        "ValidationError",
        "Condition field 'moon' must be one of",
    ),
    "a redirect to itself": (
        "create_rule",
        {
            "ListenerArn": "@plain",
            "Priority": 8,
            "Conditions": [_path("/a")],
            "Actions": [{"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301"}}],
        },
        "InvalidLoadBalancerAction",
        "creates a loop",
    ),
    "a certificate for HTTP": (
        "add_listener_certificates",
        {"ListenerArn": "@plain", "Certificates": [{"CertificateArn": "arn:aws:acm:r:0:certificate/1"}]},
        "CertificateNotFound",
        "Certificate 'arn:aws:acm:r:0:certificate/1' not found",
    ),
    "an unknown attribute": (
        "modify_load_balancer_attributes",
        {"LoadBalancerArn": "@arn", "Attributes": [{"Key": "mood", "Value": "good"}]},
        "ValidationError",
        "The attribute key 'mood' is not recognized",
    ),
    "what the twin does not do": (
        "modify_load_balancer_attributes",
        {"LoadBalancerArn": "@arn", "Attributes": [{"Key": "connection_logs.s3.enabled", "Value": "true"}]},
        "NotImplemented",
        "The twin does not do the attribute connection_logs.s3.enabled=true",
    ),
    "slow start without round robin": (
        "modify_target_group_attributes",
        {
            "TargetGroupArn": "@group",
            "Attributes": [
                {"Key": "slow_start.duration_seconds", "Value": "30"},
                {"Key": "load_balancing.algorithm.type", "Value": "weighted_random"},
            ],
        },
        "ValidationError",
        "round_robin",
    ),
    "a target outside": (
        "register_targets",
        {"TargetGroupArn": "@group", "Targets": [{"Id": "8.8.8.8"}]},
        "ValidationError",
        "not within a private range",
    ),
    "a timeout not below the interval": (
        "modify_target_group",
        {"TargetGroupArn": "@group", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5},
        "ValidationError",
        "Health check timeout '5' must be smaller than the interval '5'",
    ),
    "51 tags": (
        "add_tags",
        {"ResourceArns": ["@arn"], "Tags": [{"Key": f"k{n}", "Value": "v"} for n in range(51)]},
        "TooManyTags",
        "The limit for the number of tags",
    ),
    "a tag of 300 KB": (
        "add_tags",
        {"ResourceArns": ["@arn"], "Tags": [{"Key": "big", "Value": "v" * 300_000}]},
        "ValidationError",
        "Member must have length less than or equal to 256",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_aws_refuses_is_refused_in_its_words_and_changes_nothing(
    elb: Any, network: Json, balancer: Json, what: str
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Operations.html"""
    method, request, code, text = REFUSED[what]
    default = elb.describe_rules(ListenerArn=balancer["plain"])["Rules"][-1]["RuleArn"]
    known = {**network, **balancer, "default": default, "grpc": _group(elb, network, "grpc", ProtocolVersion="GRPC")}
    before = _everything(elb, balancer)
    with pytest.raises(ClientError, match=text) as refused:
        getattr(elb, method)(**_filled(request, known))
    assert refused.value.response["Error"]["Code"] == code
    assert _everything(elb, balancer) == before


def _filled(value: Any, known: Json) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, known) for one in value]
    return known[value[1:]] if isinstance(value, str) and value.startswith("@") else value


def _everything(elb: Any, balancer: Json) -> list[Json]:
    """All that describe operations tell, without what the answers themselves carry."""
    arn, group = balancer["arn"], balancer["group"]
    seen = [
        elb.describe_load_balancers(),
        elb.describe_load_balancer_attributes(LoadBalancerArn=arn),
        elb.describe_target_groups(),
        elb.describe_target_group_attributes(TargetGroupArn=group),
        elb.describe_target_health(TargetGroupArn=group),
        elb.describe_listeners(LoadBalancerArn=arn),
        elb.describe_rules(ListenerArn=balancer["plain"]),
        elb.describe_rules(ListenerArn=balancer["secure"]),
        elb.describe_listener_certificates(ListenerArn=balancer["secure"]),
        elb.describe_listener_attributes(ListenerArn=balancer["plain"]),
        elb.describe_tags(ResourceArns=[arn, group, balancer["plain"], balancer["rule"]]),
    ]
    return [{key: value for key, value in one.items() if key != "ResponseMetadata"} for one in seen]


def test_what_is_described_is_what_was_written(elb: Any, network: Json, balancer: Json) -> None:
    group = _group(
        elb, network, "read-back", Protocol="HTTPS", ProtocolVersion="GRPC", Matcher={"GrpcCode": "0-12"},
        HealthCheckProtocol="HTTPS", HealthCheckIntervalSeconds=10, UnhealthyThresholdCount=3,
    )  # fmt: skip
    seen = elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]
    assert (seen["Protocol"], seen["ProtocolVersion"], seen["Matcher"]) == ("HTTPS", "GRPC", {"GrpcCode": "0-12"})
    assert (seen["HealthCheckPath"], seen["HealthCheckProtocol"]) == ("/AWS.ALB/healthcheck", "HTTPS")
    one, two = (_group(elb, network, f"weigh-{n}") for n in range(2))
    config = {
        "TargetGroups": [{"TargetGroupArn": one, "Weight": 3}, {"TargetGroupArn": two, "Weight": 0}],
        "TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60},
    }
    rule = elb.create_rule(
        ListenerArn=balancer["plain"],
        Priority=40,
        Conditions=[_path("/w*")],
        Actions=[{"Type": "forward", "ForwardConfig": config}],
    )["Rules"][0]
    read = elb.describe_rules(RuleArns=[rule["RuleArn"]])["Rules"][0]
    assert read["Actions"] == [{"Type": "forward", "Order": 1, "ForwardConfig": config}]
    with pytest.raises(ClientError, match="is currently in use by a listener or a rule"):
        elb.delete_target_group(TargetGroupArn=one)
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": rule["RuleArn"], "Priority": 3}])
    order = [found["Priority"] for found in elb.describe_rules(ListenerArn=balancer["plain"])["Rules"]]
    assert order == ["3", "7", "default"]
    elb.delete_rule(RuleArn=rule["RuleArn"])


def test_a_client_that_names_its_server_gets_the_certificate_for_it(
    twin: Twin, elb: Any, balancer: Json, certificate: Callable[[str], str]
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html"""
    listener, more = balancer["secure"], [certificate("one.example"), certificate("*.two.example")]
    elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arn} for arn in more])
    listed = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert [one["IsDefault"] for one in listed] == [True, False, False]
    assert {one["CertificateArn"] for one in listed[1:]} == set(more)
    assert elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["Certificates"] == [
        {"CertificateArn": listed[0]["CertificateArn"]}
    ]
    shown = {
        name: _shown_certificate(twin, balancer, name)
        for name in ("default.example", "one.example", "a.two.example", "other.example")
    }
    assert shown == {
        "default.example": "default.example",
        "one.example": "one.example",
        "a.two.example": "*.two.example",
        "other.example": "default.example",
    }
    with pytest.raises(ClientError, match="default certificate"):
        elb.remove_listener_certificates(
            ListenerArn=listener, Certificates=[{"CertificateArn": listed[0]["CertificateArn"]}]
        )
    elb.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": more[0]}])
    assert _shown_certificate(twin, balancer, "one.example") == "default.example"


def _shown_certificate(twin: Twin, balancer: Json, name: str) -> str:
    """The name on the certificate that a client gets which asks for `name`."""
    context = ssl.create_default_context(cafile=str(Authority(twin.world.directory("certs")).ca_path))
    context.check_hostname = False
    with context.wrap_socket(_connect(balancer["address"], 18443), server_hostname=name) as secure:
        found = secure.getpeercert()
    assert found
    return str(found["subjectAltName"][0][1])  # type: ignore[index]


def _connect(address: str, port: int) -> Any:
    import socket  # noqa: PLC0415

    return socket.create_connection((address, port), 5)


def test_a_listener_adds_headers_and_leaves_its_name_out(elb: Any, balancer: Json) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html"""
    prefix = "routing.http.response"
    wanted = {
        f"{prefix}.server.enabled": "false",
        f"{prefix}.x_frame_options.header_value": "DENY",
        f"{prefix}.access_control_max_age.header_value": "100%",
    }
    pairs = [{"Key": key, "Value": value} for key, value in wanted.items()]
    elb.modify_listener_attributes(ListenerArn=balancer["plain"], Attributes=pairs)
    listed = elb.describe_listener_attributes(ListenerArn=balancer["plain"])["Attributes"]
    assert {one["Key"]: one["Value"] for one in listed if one["Value"]} == wanted
    connection = http.client.HTTPConnection(balancer["address"], 18081, timeout=5)
    connection.request("GET", "/")
    headers = {key.lower(): value for key, value in connection.getresponse().getheaders()}
    connection.close()
    assert "server" not in headers
    assert (headers["x-frame-options"], headers["access-control-max-age"]) == ("DENY", "100%")
    back = [{"Key": key, "Value": "true" if key.endswith("enabled") else ""} for key in wanted]
    elb.modify_listener_attributes(ListenerArn=balancer["plain"], Attributes=back)


def test_quotas_end_in_the_errors_of_aws(elb: Any, balancer: Json, certificate: Callable[[str], str]) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""
    listener = balancer["secure"]
    there = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    more = [{"CertificateArn": certificate(f"q{number}.example")} for number in range(26 - len(there[1:]))]
    elb.add_listener_certificates(ListenerArn=listener, Certificates=more[1:])
    with pytest.raises(ClientError) as refused:
        elb.add_listener_certificates(ListenerArn=listener, Certificates=more[:1])
    assert refused.value.response["Error"]["Code"] == "TooManyCertificates"
    elb.remove_listener_certificates(ListenerArn=listener, Certificates=more[1:])
    assert elb.describe_listener_certificates(ListenerArn=listener)["Certificates"] == there


def test_a_balancer_has_at_most_a_hundred_rules_beside_the_default_ones() -> None:
    listener = Listener("arn:l", "arn:b", "HTTP", 80)
    rules = {str(number): Rule(str(number), "arn:l", number or None, (), ()) for number in range(101)}
    with pytest.raises(CommonServiceException) as refused:
        need_room(Snapshot({}, {}, {"arn:l": listener}, rules), "arn:b")
    assert refused.value.code == "TooManyRules"
    need_room(Snapshot({}, {}, {"arn:l": listener}, {k: rule for k, rule in rules.items() if k != "7"}), "arn:b")


def test_of_many_at_once_one_wins_and_no_change_is_lost(elb: Any, network: Json, balancer: Json) -> None:
    def rule(number: int) -> str:
        try:
            elb.create_rule(ListenerArn=balancer["plain"], Priority=500, Conditions=[_path(f"/{number}")], Actions=[OK])
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    def attribute(pair: tuple[str, str]) -> None:
        one = {"Key": pair[0], "Value": pair[1]}
        elb.modify_target_group_attributes(TargetGroupArn=balancer["group"], Attributes=[one])

    changes = {
        "deregistration_delay.timeout_seconds": "9",
        "slow_start.duration_seconds": "45",
        "stickiness.enabled": "true",
        "stickiness.lb_cookie.duration_seconds": "99",
    }
    with ThreadPoolExecutor(8) as several:
        assert sorted(several.map(rule, range(8))) == ["PriorityInUse"] * 7 + ["made"]
        names = [several.submit(_group, elb, network, "same") for _ in range(8)]
        assert len({one.result() for one in names}) == 1
        balancers = [
            several.submit(elb.create_load_balancer, Name="twice", Subnets=network["subnets"], Scheme="internal")
            for _ in range(6)
        ]
        arns = {one.result()["LoadBalancers"][0]["LoadBalancerArn"] for one in balancers}
        list(several.map(attribute, changes.items()))
    assert len(arns) == 1
    elb.delete_load_balancer(LoadBalancerArn=arns.pop())
    listed = elb.describe_target_group_attributes(TargetGroupArn=balancer["group"])["Attributes"]
    assert changes.items() <= {one["Key"]: one["Value"] for one in listed}.items()


def test_no_shape_of_a_request_is_an_internal_error(twin: Twin, elb: Any, network: Json, balancer: Json) -> None:
    """Every operation, with members missing, of the wrong size or from elsewhere: an answer or AWS's refusal."""
    loose = boto3.client(
        "elbv2",
        endpoint_url=twin.world.gateway_url,
        region_name=twin.world.region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )
    chance = random.Random(20261125)
    known = [
        balancer["group"],
        balancer["plain"],
        balancer["rule"],
        *network["subnets"],
        network["vpc"],
        "api",
        "10.47.0.9",
    ]
    model = loose.meta.service_model
    bad: list[str] = []
    for name in sorted(model.operation_names):
        method = getattr(loose, {v: k for k, v in loose.meta.method_to_api_mapping.items()}[name])
        for _ in range(12):
            request = _some(model.operation_model(name).input_shape, chance, known)
            try:
                method(**request)
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status >= 500 and error.response["Error"]["Code"] != "NotImplemented":
                    bad.append(f"{name} {request}: {error}")
    assert not bad, "\n".join(bad)
    assert _state(elb, balancer["arn"]) == "active"


def _some(shape: Shape | None, chance: random.Random, known: list[str]) -> Any:
    """A value of the shape, or one that is not."""
    if isinstance(shape, StructureShape):
        present = {name: member for name, member in shape.members.items() if chance.random() < 0.6}
        return {name: _some(member, chance, known) for name, member in present.items()}
    if isinstance(shape, ListShape):
        return [_some(shape.member, chance, known) for _ in range(chance.choice((0, 1, 1, 2)))]
    if shape is not None and shape.type_name in ("integer", "long"):
        return chance.choice((-1, 0, 1, 5, 80, 50_001, 2**40))
    if shape is not None and shape.type_name == "boolean":
        return chance.random() < 0.5
    if isinstance(shape, MapShape):
        return {}
    enum = list(getattr(shape, "enum", []))
    texts = [*known, *enum * 3, "", "*", "x" * 300, "\u2603", "HTTP_301", "200", "#{host}", "forward", "path-pattern"]
    return chance.choice(texts)


def test_describing_is_fast(elb: Any, balancer: Json) -> None:
    asked = {
        "describe_load_balancers": {},
        "describe_target_groups": {},
        "describe_listeners": {"LoadBalancerArn": balancer["arn"]},
        "describe_rules": {"ListenerArn": balancer["plain"]},
        "describe_target_health": {"TargetGroupArn": balancer["group"]},
        "describe_load_balancer_attributes": {"LoadBalancerArn": balancer["arn"]},
        "describe_tags": {"ResourceArns": [balancer["arn"]]},
    }
    medians = {}
    for method, request in asked.items():
        times = []
        for _ in range(30):
            began = time.perf_counter()
            getattr(elb, method)(**request)
            times.append(time.perf_counter() - began)
        medians[method] = round(statistics.median(times) * 1000, 1)
    print(medians)
    assert max(medians.values()) < 30, medians
