"""Database, cache, buckets, repository: encrypted, private, over two zones where it matters."""

import json
from typing import Any

import pytest

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
    assert len(set(cache["PreferredCacheClusterAZs"])) == 2


def test_the_secret_of_the_database_is_completed_by_its_attachment(environment: Environment) -> None:
    attachment = environment.only("AWS::SecretsManager::SecretTargetAttachment").properties
    assert attachment["TargetType"] == "AWS::RDS::DBInstance"
    assert attachment["TargetId"]["Ref"] == environment.only("AWS::RDS::DBInstance").logical_id


def test_the_cache_is_encrypted_and_asks_for_its_token(environment: Environment) -> None:
    cache = environment.only("AWS::ElastiCache::ReplicationGroup").properties
    assert cache["Engine"] == "valkey"
    assert cache["TransitEncryptionEnabled"] is True
    assert cache["TransitEncryptionMode"] == "required"
    assert cache["AtRestEncryptionEnabled"] is True
    assert "{{resolve:secretsmanager:" in json.dumps(cache["AuthToken"])


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


def test_browsers_may_upload_from_the_app_only(prod: Environment) -> None:
    rules = _bucket(prod, "media")["CorsConfiguration"]["CorsRules"]
    assert [rule["AllowedOrigins"] for rule in rules] == [[f"https://{prod.settings.domain}"]]


def test_the_repository_never_moves_a_tag_and_scans(environment: Environment) -> None:
    repository = environment.only("AWS::ECR::Repository").properties
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert len(json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]) == 2


def _bucket(environment: Environment, purpose: str) -> dict[str, Any]:
    stem = f"duet-{environment.settings.name}-{purpose}-"
    found = [
        each for each in environment.of_type("AWS::S3::Bucket") if stem in json.dumps(each.properties["BucketName"])
    ]
    assert len(found) == 1
    return dict(found[0].properties)
