"""The AWS CLI makes, reads back, changes and removes what the slices do, and waits with its own waiters."""

import subprocess

from tests.host import Host


def test_a_database(host: Host, subnets: list[str]) -> None:
    about = ("--db-subnet-group-description", "of a test", "--subnet-ids", *subnets)
    host.aws("rds", "create-db-subnet-group", "--db-subnet-group-name", "cli", *about)
    host.aws(
        "rds", "create-db-instance", "--db-instance-identifier", "cli", "--engine", "postgres",
        "--db-instance-class", "db.t4g.micro", "--allocated-storage", "20", "--master-username", "owner",
        "--master-user-password", "a-long-password", "--db-subnet-group-name", "cli", "--multi-az",
        "--backup-retention-period", "1", "--tags", "Key=made,Value=here",
    )  # fmt: skip
    host.aws("rds", "wait", "db-instance-available", "--db-instance-identifier", "cli")
    seen = host.aws("rds", "describe-db-instances", "--db-instance-identifier", "cli")["DBInstances"][0]
    assert seen["Engine"] == "postgres"
    assert seen["EngineVersion"].startswith("17.")
    assert (seen["AllocatedStorage"], seen["BackupRetentionPeriod"], seen["MasterUsername"]) == (20, 1, "owner")
    assert (seen["MultiAZ"], seen["TagList"]) == (True, [{"Key": "made", "Value": "here"}])
    assert {seen["AvailabilityZone"], seen["SecondaryAvailabilityZone"]} == {"ap-northeast-2a", "ap-northeast-2c"}

    change = ("--backup-retention-period", "3", "--apply-immediately")
    host.aws("rds", "modify-db-instance", "--db-instance-identifier", "cli", *change)
    host.aws("rds", "wait", "db-instance-available", "--db-instance-identifier", "cli")
    seen = host.aws("rds", "describe-db-instances", "--db-instance-identifier", "cli")["DBInstances"][0]
    assert (seen["BackupRetentionPeriod"], seen["PendingModifiedValues"]) == (3, {})

    host.aws("rds", "delete-db-instance", "--db-instance-identifier", "cli", "--skip-final-snapshot")
    host.aws("rds", "wait", "db-instance-deleted", "--db-instance-identifier", "cli")
    host.aws("rds", "delete-db-subnet-group", "--db-subnet-group-name", "cli")
    assert host.aws("rds", "describe-db-instances")["DBInstances"] == []


def test_a_cache(host: Host, subnets: list[str]) -> None:
    about = ("--cache-subnet-group-description", "of a test", "--subnet-ids", *subnets)
    host.aws("elasticache", "create-cache-subnet-group", "--cache-subnet-group-name", "cli", *about)
    host.aws(
        "elasticache", "create-replication-group", "--replication-group-id", "cli",
        "--replication-group-description", "of a test", "--engine", "valkey", "--cache-node-type", "cache.t4g.micro",
        "--num-cache-clusters", "2", "--automatic-failover-enabled", "--multi-az-enabled",
        "--cache-subnet-group-name", "cli", "--transit-encryption-enabled", "--auth-token", "a-token-of-the-cli-1234",
    )  # fmt: skip
    name = ("--replication-group-id", "cli")
    host.aws("elasticache", "wait", "replication-group-available", *name)
    seen = host.aws("elasticache", "describe-replication-groups", *name)["ReplicationGroups"][0]
    members = seen["NodeGroups"][0]["NodeGroupMembers"]
    assert [member["CurrentRole"] for member in members] == ["primary", "replica"]
    assert {member["PreferredAvailabilityZone"] for member in members} == {"ap-northeast-2a", "ap-northeast-2c"}
    assert (seen["MultiAZ"], seen["TransitEncryptionEnabled"], seen["AuthTokenEnabled"]) == ("enabled", True, True)

    host.aws("elasticache", "modify-replication-group", *name, "--replication-group-description", "changed",
             "--apply-immediately")  # fmt: skip
    host.aws("elasticache", "wait", "replication-group-available", *name)
    seen = host.aws("elasticache", "describe-replication-groups", *name)["ReplicationGroups"][0]
    assert seen["Description"] == "changed"

    host.aws("elasticache", "delete-replication-group", *name)
    host.aws("elasticache", "wait", "replication-group-deleted", *name)
    host.aws("elasticache", "delete-cache-subnet-group", "--cache-subnet-group-name", "cli")
    assert host.aws("elasticache", "describe-cache-clusters")["CacheClusters"] == []


def test_a_balancer(host: Host, subnets: list[str]) -> None:
    made = host.aws("elbv2", "create-load-balancer", "--name", "cli", "--subnets", *subnets)["LoadBalancers"][0]
    balancer = ("--load-balancer-arn", made["LoadBalancerArn"])
    host.aws("elbv2", "wait", "load-balancer-available", "--load-balancer-arns", made["LoadBalancerArn"])
    group = host.aws("elbv2", "create-target-group", "--name", "cli", "--protocol", "HTTP", "--port", "8080",
                     "--vpc-id", made["VpcId"], "--target-type", "ip")["TargetGroups"][0]  # fmt: skip
    forward = ("--default-actions", f"Type=forward,TargetGroupArn={group['TargetGroupArn']}")
    listener = host.aws("elbv2", "create-listener", *balancer, "--protocol", "HTTP", "--port", "80", *forward)
    arn = listener["Listeners"][0]["ListenerArn"]
    fixed = ("--default-actions", "Type=fixed-response,FixedResponseConfig={StatusCode=204}")
    host.aws("elbv2", "modify-listener", "--listener-arn", arn, "--port", "81", *fixed)
    seen = host.aws("elbv2", "describe-listeners", *balancer)["Listeners"]
    assert [(one["Port"], one["DefaultActions"][0]["Type"]) for one in seen] == [(81, "fixed-response")]

    host.aws("elbv2", "delete-load-balancer", *balancer)
    host.aws("elbv2", "wait", "load-balancers-deleted", "--load-balancer-arns", made["LoadBalancerArn"])
    host.aws("elbv2", "delete-target-group", "--target-group-arn", group["TargetGroupArn"])
    assert host.aws("elbv2", "describe-load-balancers")["LoadBalancers"] == []


def test_a_cluster(host: Host) -> None:
    host.aws("ecs", "create-cluster", "--cluster-name", "cli", "--tags", "key=made,value=here")
    seen = host.aws("ecs", "describe-clusters", "--clusters", "cli", "--include", "TAGS")["clusters"][0]
    assert (seen["status"], seen["tags"]) == ("ACTIVE", [{"key": "made", "value": "here"}])
    host.aws("ecs", "delete-cluster", "--cluster", "cli")
    assert host.aws("ecs", "list-clusters")["clusterArns"] == []


def test_what_is_not_there_is_said_as_aws_says_it(host: Host) -> None:
    def said(*words: str) -> str:
        done: subprocess.CompletedProcess[str] = host.tool("aws", *words)
        assert done.returncode != 0, done.stdout
        return done.stderr

    assert "(DBInstanceNotFound) when calling the DescribeDBInstances operation: DBInstance nobody not found" in said(
        "rds", "describe-db-instances", "--db-instance-identifier", "nobody"
    )
    assert "(ReplicationGroupNotFoundFault)" in said(
        "elasticache", "describe-replication-groups", "--replication-group-id", "nobody"
    )
    assert "(LoadBalancerNotFound)" in said("elbv2", "describe-load-balancers", "--names", "nobody")
    assert "(ClusterNotFoundException)" in said("ecs", "list-tasks", "--cluster", "nobody")
