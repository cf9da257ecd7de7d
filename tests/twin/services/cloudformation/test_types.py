"""What core's types lose is kept by the twin's own: networks, buckets, roles, secrets as their template says."""

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.twin.support import Twin, delete, deploy, of, ref

type Json = dict[str, Any]

TAGS = [{"Key": "project", "Value": "duet"}]
ZONE = "ap-northeast-2a"


@pytest.fixture
def stack(twin: Twin) -> Iterator[str]:
    name = f"types-{time.time_ns():x}"
    yield name
    delete(twin, name)


def network() -> Json:
    return {
        "Vpc": of("EC2::VPC", CidrBlock="10.62.0.0/16", EnableDnsHostnames=True, Tags=TAGS),
        "Subnet": of(
            "EC2::Subnet",
            VpcId=ref("Vpc"),
            CidrBlock="10.62.1.0/24",
            AvailabilityZone=ZONE,
            MapPublicIpOnLaunch=False,
            Tags=TAGS,
        ),
        "Gateway": of("EC2::InternetGateway", Tags=TAGS),
        "Attached": of("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
        "Table": of("EC2::RouteTable", VpcId=ref("Vpc"), Tags=TAGS),
        "Uses": of("EC2::SubnetRouteTableAssociation", SubnetId=ref("Subnet"), RouteTableId=ref("Table")),
        "Address": of("EC2::EIP", Domain="vpc"),
        "Nat": of(
            "EC2::NatGateway",
            depends_on="Attached",
            SubnetId=ref("Subnet"),
            AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]},
            Tags=TAGS,
        ),
        "Route": of("EC2::Route", RouteTableId=ref("Table"), DestinationCidrBlock="0.0.0.0/0", NatGatewayId=ref("Nat")),
        "Endpoint": of(
            "EC2::VPCEndpoint",
            VpcId=ref("Vpc"),
            ServiceName="com.amazonaws.ap-northeast-2.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[ref("Table")],
            Tags=TAGS,
        ),
        "Group": of("EC2::SecurityGroup", GroupDescription="a group", VpcId=ref("Vpc"), Tags=TAGS),
    }


def ids(twin: Twin, stack: str) -> dict[str, str]:
    found = twin.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def tags_in(twin: Twin, resource: str) -> dict[str, str]:
    named = [{"Name": "resource-id", "Values": [resource]}]
    return {one["Key"]: one["Value"] for one in twin.client("ec2").describe_tags(Filters=named)["Tags"]}


def test_a_network_is_as_written_and_a_tag_replaces_nothing(twin: Twin, stack: str) -> None:
    wanted: Json = {"Resources": network()}
    deploy(twin, stack, wanted)
    ec2, made = twin.client("ec2"), ids(twin, stack)
    names = ec2.describe_vpc_attribute(VpcId=made["Vpc"], Attribute="enableDnsHostnames")
    assert names["EnableDnsHostnames"]["Value"]
    (table,) = ec2.describe_route_tables(RouteTableIds=[made["Table"]])["RouteTables"]
    out = [route for route in table["Routes"] if route.get("DestinationCidrBlock") == "0.0.0.0/0"]
    assert [route["NatGatewayId"] for route in out] == [made["Nat"]]
    tagged = ("Vpc", "Subnet", "Gateway", "Table", "Nat", "Endpoint", "Group")
    assert {name: tags_in(twin, made[name]) for name in tagged} == {name: {"project": "duet"} for name in tagged}

    changed = copy.deepcopy(wanted)
    for name in tagged:
        changed["Resources"][name]["Properties"]["Tags"] = [{"Key": "owner", "Value": "us"}]
    changed["Resources"]["Subnet"]["Properties"]["MapPublicIpOnLaunch"] = True
    route = changed["Resources"]["Route"]["Properties"]
    del route["NatGatewayId"]
    route["GatewayId"] = ref("Gateway")
    deploy(twin, stack, changed)
    assert ids(twin, stack) == made
    assert {name: tags_in(twin, made[name]) for name in tagged} == {name: {"owner": "us"} for name in tagged}
    assert ec2.describe_subnets(SubnetIds=[made["Subnet"]])["Subnets"][0]["MapPublicIpOnLaunch"]
    (table,) = ec2.describe_route_tables(RouteTableIds=[made["Table"]])["RouteTables"]
    out = [one for one in table["Routes"] if one.get("DestinationCidrBlock") == "0.0.0.0/0"]
    assert [one["GatewayId"] for one in out] == [made["Gateway"]]


def test_what_replaces_a_group_stands_beside_it(twin: Twin, stack: str) -> None:
    described = {"Vpc": network()["Vpc"], "Group": network()["Group"]}
    deploy(twin, stack, {"Resources": described})
    before = ids(twin, stack)
    described["Group"]["Properties"]["GroupDescription"] = "another description"
    deploy(twin, stack, {"Resources": described})
    after = ids(twin, stack)
    assert after["Vpc"] == before["Vpc"]
    assert after["Group"] != before["Group"]
    in_vpc = [{"Name": "vpc-id", "Values": [after["Vpc"]]}]
    groups = twin.client("ec2").describe_security_groups(Filters=in_vpc)["SecurityGroups"]
    assert {one["GroupId"] for one in groups if one["GroupName"] != "default"} == {after["Group"]}


def test_a_bucket_has_all_its_settings_and_loses_those_taken_away(twin: Twin, stack: str) -> None:
    closed = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    rules = [
        {"Id": "old", "Status": "Enabled", "ExpirationInDays": 7},
        {
            "Id": "tier",
            "Status": "Enabled",
            "Prefix": "photos/",
            "Transitions": [{"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}],
        },
    ]
    aes = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    cors = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://a.example"], "ExposedHeaders": ["ETag"], "MaxAge": 9}
    bucket = of(
        "S3::Bucket",
        PublicAccessBlockConfiguration=closed,
        VersioningConfiguration={"Status": "Enabled"},
        LifecycleConfiguration={"Rules": rules},
        BucketEncryption={"ServerSideEncryptionConfiguration": [aes]},
        CorsConfiguration={"CorsRules": [cors]},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        Tags=TAGS,
    )
    deploy(twin, stack, {"Resources": {"Bucket": bucket}})
    s3, name = twin.client("s3"), ids(twin, stack)["Bucket"]
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == closed
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    old, tier = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert old["Expiration"] == {"Days": 7}
    assert tier["Filter"] == {"Prefix": "photos/"}
    assert tier["Transitions"] == [{"Days": 0, "StorageClass": "INTELLIGENT_TIERING"}]
    (rule,) = s3.get_bucket_cors(Bucket=name)["CORSRules"]
    assert (rule["ExposeHeaders"], rule["MaxAgeSeconds"]) == (["ETag"], 9)
    for gone in ("CorsConfiguration", "LifecycleConfiguration", "Tags"):
        del bucket["Properties"][gone]
    bucket["Properties"]["VersioningConfiguration"]["Status"] = "Suspended"
    deploy(twin, stack, {"Resources": {"Bucket": bucket}})
    assert ids(twin, stack)["Bucket"] == name
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"
    for missing in (s3.get_bucket_cors, s3.get_bucket_lifecycle_configuration, s3.get_bucket_tagging):
        with pytest.raises(s3.exceptions.ClientError):
            missing(Bucket=name)


def test_a_changed_role_keeps_what_a_policy_put_into_it(twin: Twin, stack: str) -> None:
    def trust(service: str) -> Json:
        who = {"Service": service}
        return {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}],
        }

    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    resources = {
        "Role": of("IAM::Role", AssumeRolePolicyDocument=trust("ecs-tasks.amazonaws.com"), Tags=TAGS),
        "Policy": of("IAM::Policy", PolicyName="reads", PolicyDocument=allowed, Roles=[ref("Role")]),
    }
    deploy(twin, stack, {"Resources": resources})
    iam, role = twin.client("iam"), ids(twin, stack)["Role"]
    resources["Role"]["Properties"] |= {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "Description": "x"}
    deploy(twin, stack, {"Resources": resources})
    assert ids(twin, stack)["Role"] == role
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["reads"]
    seen = iam.get_role(RoleName=role)["Role"]
    assert seen["AssumeRolePolicyDocument"] == trust("lambda.amazonaws.com")
    assert seen["Description"] == "x"


def test_a_managed_policy_has_its_path_and_changes_where_it_stands(twin: Twin, stack: str) -> None:
    def document(action: str) -> Json:
        return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}

    who = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    resources = {
        "Role": of("IAM::Role", AssumeRolePolicyDocument={"Version": "2012-10-17", "Statement": [who]}),
        "Policy": of(
            "IAM::ManagedPolicy",
            Description="reads",
            Path="/duet/",
            PolicyDocument=document("s3:GetObject"),
            Roles=[ref("Role")],
        ),
    }
    deploy(twin, stack, {"Resources": resources})
    iam, made = twin.client("iam"), ids(twin, stack)
    policy = iam.get_policy(PolicyArn=made["Policy"])["Policy"]
    assert (policy["Path"], policy["Description"]) == ("/duet/", "reads")
    attached = iam.list_attached_role_policies(RoleName=made["Role"])["AttachedPolicies"]
    assert [one["PolicyArn"] for one in attached] == [made["Policy"]]
    resources["Policy"]["Properties"] |= {"PolicyDocument": document("s3:ListBucket"), "Roles": []}
    deploy(twin, stack, {"Resources": resources})
    assert ids(twin, stack) == made
    version = iam.get_policy(PolicyArn=made["Policy"])["Policy"]["DefaultVersionId"]
    seen = iam.get_policy_version(PolicyArn=made["Policy"], VersionId=version)["PolicyVersion"]
    assert seen["Document"] == document("s3:ListBucket")
    assert iam.list_attached_role_policies(RoleName=made["Role"])["AttachedPolicies"] == []


def test_an_alarm_that_would_never_ring_is_refused(twin: Twin, stack: str) -> None:
    rule = of("CloudWatch::CompositeAlarm", AlarmRule='ALARM("arn:a") AND NOT ALARM("arn:b")')
    with pytest.raises(AssertionError, match="The twin evaluates rules of the form"):
        deploy(twin, stack, {"Resources": {"Both": rule}})


def test_a_generated_secret_stays_until_it_is_made_otherwise(twin: Twin, stack: str) -> None:
    way = {
        "SecretStringTemplate": json.dumps({"username": "duet"}),
        "GenerateStringKey": "password",
        "PasswordLength": "40",
        "ExcludePunctuation": "true",
    }
    secret = of("SecretsManager::Secret", Description="one", GenerateSecretString=way)
    deploy(twin, stack, {"Resources": {"Secret": secret}})
    secrets, arn = twin.client("secretsmanager"), ids(twin, stack)["Secret"]

    def value() -> Json:
        found: Json = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        return found

    first = value()
    assert first["username"] == "duet"
    assert len(first["password"]) == 40
    assert first["password"].isalnum()
    secret["Properties"]["Description"] = "two"
    deploy(twin, stack, {"Resources": {"Secret": secret}})
    assert secrets.describe_secret(SecretId=arn)["Description"] == "two"
    assert value() == first
    way["PasswordLength"] = "50"
    deploy(twin, stack, {"Resources": {"Secret": secret}})
    assert len(value()["password"]) == 50
