"""Database, cache, buckets, repository: encrypted, private, over two zones where it matters."""

import json
from typing import Any

import pytest

from infra.settings import ZONES
from tests.production.conftest import Environment


def test_the_database_speaks_tls_only_and_is_private(environment: Environment) -> None:
    database = environment.only("AWS::RDS::DBInstance").properties
    parameters = environment.only("AWS::RDS::DBParameterGroup").properties
    assert parameters["Family"] == "postgres17"
    assert parameters["Parameters"]["rds.force_ssl"] == "1"
    assert database["Engine"] == "postgres"
    assert database["EngineVersion"].split(".")[0] == "17"
    assert database["StorageEncrypted"] is True
    assert database["PubliclyAccessible"] is False
    assert database["BackupRetentionPeriod"] >= 1
    assert database["EnableCloudwatchLogsExports"] == ["postgresql"]
    subnets = environment.only("AWS::RDS::DBSubnetGroup").properties["SubnetIds"]
    assert all("isolated" in json.dumps(subnet) for subnet in subnets)


@pytest.mark.parametrize("name", ["prod", "twin"])
def test_database_and_cache_survive_a_zone(environments: dict[str, Environment], name: str) -> None:
    assert environments[name].only("AWS::RDS::DBInstance").properties["MultiAZ"] is True
    cache = environments[name].only("AWS::ElastiCache::ReplicationGroup").properties
    assert cache["MultiAZEnabled"] is True
    assert cache["AutomaticFailoverEnabled"] is True
    assert cache["NumCacheClusters"] == 2
    assert "PreferredCacheClusterAZs" not in cache, "fixed at creation: another number of nodes would be another cache"


@pytest.mark.parametrize("name", ["dev", "small"])
def test_a_small_environment_has_one_of_each(environments: dict[str, Environment], name: str) -> None:
    assert environments[name].only("AWS::RDS::DBInstance").properties["MultiAZ"] is False
    cache = environments[name].only("AWS::ElastiCache::ReplicationGroup").properties
    assert cache["NumCacheClusters"] == 1
    assert cache["MultiAZEnabled"] is False
    assert cache["AutomaticFailoverEnabled"] is False


@pytest.mark.parametrize(
    ("name", "days", "protected"), [("prod", 14, True), ("small", 7, True), ("twin", 14, False), ("dev", 1, False)]
)
def test_backups_and_protection(environments: dict[str, Environment], name: str, days: int, protected: bool) -> None:
    database = environments[name].only("AWS::RDS::DBInstance").properties
    assert database["BackupRetentionPeriod"] == days
    assert database["DeletionProtection"] is protected
    assert database["DeleteAutomatedBackups"] is not protected


def test_the_secret_of_the_database_is_generated_and_completed_by_its_attachment(environment: Environment) -> None:
    database = environment.only("AWS::RDS::DBInstance")
    attachment = environment.only("AWS::SecretsManager::SecretTargetAttachment").properties
    assert attachment["TargetType"] == "AWS::RDS::DBInstance"
    assert attachment["TargetId"]["Ref"] == database.logical_id
    secret = _secret(environment, attachment["SecretId"]["Ref"])
    assert json.loads(secret["SecretStringTemplate"]) == {"username": database.properties["MasterUsername"]}
    assert secret["GenerateStringKey"] == "password"
    assert secret["PasswordLength"] >= 30
    # RDS takes none of these: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
    assert set('/@" ') <= set(secret["ExcludeCharacters"])
    assert database.properties["MasterUserPassword"]["Fn::Join"][1] == [
        "{{resolve:secretsmanager:", {"Ref": attachment["SecretId"]["Ref"]}, ":SecretString:password::}}"
    ]  # fmt: skip


def test_the_cache_is_encrypted_and_asks_for_its_token(environment: Environment) -> None:
    cache = environment.only("AWS::ElastiCache::ReplicationGroup").properties
    assert cache["Engine"] == "valkey"
    assert cache["TransitEncryptionEnabled"] is True
    assert cache["TransitEncryptionMode"] == "required"
    assert cache["AtRestEncryptionEnabled"] is True
    before, reference, after = cache["AuthToken"]["Fn::Join"][1]
    assert (before, after) == ("{{resolve:secretsmanager:", ":SecretString:::}}")
    token = _secret(environment, reference["Ref"])
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth.html
    assert 16 <= token["PasswordLength"] <= 128
    assert token["ExcludePunctuation"] is True
    assert token["IncludeSpace"] is False


def test_the_cache_lives_in_isolated_subnets_and_its_engine_fits_its_parameters(environment: Environment) -> None:
    subnets = environment.only("AWS::ElastiCache::SubnetGroup").properties["SubnetIds"]
    assert len(subnets) == len(ZONES)
    assert all("isolated" in json.dumps(subnet) for subnet in subnets)
    family = environment.only("AWS::ElastiCache::ParameterGroup").properties["CacheParameterGroupFamily"]
    cache = environment.only("AWS::ElastiCache::ReplicationGroup").properties
    assert family == f"valkey{cache['EngineVersion'].split('.')[0]}"


def test_buckets_are_private_encrypted_and_tls_only(environment: Environment) -> None:
    buckets = environment.of_type("AWS::S3::Bucket")
    policies = {each.properties["Bucket"]["Ref"]: each for each in environment.of_type("AWS::S3::BucketPolicy")}
    assert len(buckets) == 3
    for bucket in buckets:
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert "AES256" in json.dumps(bucket.properties["BucketEncryption"])
        statements = policies[bucket.logical_id].properties["PolicyDocument"]["Statement"]
        assert any(
            each["Effect"] == "Deny" and each.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for each in statements
        )


def test_static_and_media_are_versioned_tiered_and_logged(environment: Environment) -> None:
    for purpose in ("static", "media"):
        bucket = _bucket(environment, purpose)
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert "INTELLIGENT_TIERING" in json.dumps(bucket["LifecycleConfiguration"])
        assert bucket["LoggingConfiguration"]["LogFilePrefix"] == f"{purpose}/"


def test_what_is_removed_or_unfinished_goes_in_the_end(environment: Environment) -> None:
    for purpose, days in (("static", 7), ("media", 30)):
        rules = {each["Id"]: each for each in _bucket(environment, purpose)["LifecycleConfiguration"]["Rules"]}
        assert {rule["Status"] for rule in rules.values()} == {"Enabled"}
        assert rules["intelligent-tiering"]["Transitions"] == [
            {"StorageClass": "INTELLIGENT_TIERING", "TransitionInDays": 0}
        ]
        assert rules["removed-files"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": days}
        assert rules["removed-files"]["ExpiredObjectDeleteMarker"] is True
        assert rules["unfinished-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert not [rule for rule in rules.values() if "ExpirationInDays" in rule], "no photo ever expires"
    (expiry,) = [
        each
        for each in _bucket(environment, "access-logs")["LifecycleConfiguration"]["Rules"]
        if each["Id"] == "expiry"
    ]
    assert expiry["ExpirationInDays"] == environment.settings.log_days


def test_nobody_is_let_into_a_bucket_but_those_who_write_logs(environment: Environment) -> None:
    writers: dict[str, set[str]] = {}
    for policy in environment.of_type("AWS::S3::BucketPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert statement["Action"] in ("s3:PutObject", "s3:GetBucketAcl")
                principal = statement["Principal"]
                who = principal.get("Service") or "".join(map(str, principal["AWS"]["Fn::Join"][1])).split(":")[-2]
                writers.setdefault(policy.properties["Bucket"]["Ref"], set()).add(who)
    logs = next(
        each.logical_id
        for each in environment.of_type("AWS::S3::Bucket")
        if "access-logs" in json.dumps(each.properties["BucketName"])
    )
    # The account of the load balancers in Seoul:
    # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    assert writers == {logs: {"logging.s3.amazonaws.com", "delivery.logs.amazonaws.com", "600734575887"}}


def test_browsers_may_upload_from_the_app_only(prod: Environment) -> None:
    rules = _bucket(prod, "media")["CorsConfiguration"]["CorsRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [[f"https://{prod.settings.domain}"]]


def test_the_repository_never_moves_a_tag_and_scans(environment: Environment) -> None:
    repository = environment.only("AWS::ECR::Repository").properties
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    assert {rule["action"]["type"] for rule in rules} == {"expire"}


def _secret(environment: Environment, logical_id: str) -> dict[str, Any]:
    """How a secret is generated."""
    (secret,) = (each for each in environment.of_type("AWS::SecretsManager::Secret") if each.logical_id == logical_id)
    return dict(secret.properties["GenerateSecretString"])


def _bucket(environment: Environment, purpose: str) -> dict[str, Any]:
    stem = f"duet-{environment.settings.name}-{purpose}-"
    found = [
        each for each in environment.of_type("AWS::S3::Bucket") if stem in json.dumps(each.properties["BucketName"])
    ]
    assert len(found) == 1
    return dict(found[0].properties)
