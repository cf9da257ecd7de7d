"""What a request asks of an instance, checked as RDS does.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
"""

import re
from collections.abc import Iterable
from typing import Any

from botocore.exceptions import ClientError

from twin.engines import postgres
from twin.services.common.api import Json, client, fault, only
from twin.services.rds import errors, windows
from twin.services.rds.subnet_groups import find

ENGINE, PORT = "postgres", 5432
AUTHORITIES = ("rds-ca-rsa2048-g1", "rds-ca-rsa4096-g1", "rds-ca-ecc384-g1")
LOGS = ("postgresql", "upgrade")
STORAGE_TYPES = ("gp2", "gp3", "io1", "io2", "standard")
PORTS = range(1150, 65536)
SMALLEST, LARGEST, LONGEST_RETENTION = 20, 65536, 35
SHORTEST_PASSWORD, LONGEST_PASSWORD, LONGEST_NAME, LONGEST_SNAPSHOT_NAME = 8, 128, 63, 255

# Kept and given back; they have no counterpart on one machine.
DEFAULTS: Json = {
    "AllocatedStorage": SMALLEST,
    "AutoMinorVersionUpgrade": True,
    "BackupRetentionPeriod": 1,
    "CACertificateIdentifier": AUTHORITIES[0],
    "CopyTagsToSnapshot": False,
    "DBInstanceClass": None,
    "EnabledCloudwatchLogsExports": [],
    "Iops": None,
    "KmsKeyId": None,
    "LicenseModel": "postgresql-license",
    "MaxAllocatedStorage": None,
    "PreferredBackupWindow": windows.BACKUP,
    "PreferredMaintenanceWindow": windows.MAINTENANCE,
    "PubliclyAccessible": False,
    "StorageEncrypted": False,
    "StorageThroughput": None,
    "StorageType": "gp2",
}
# Taken only where they ask for nothing.
_OFF: Json = {
    "DedicatedLogVolume": False,
    "EnableIAMDatabaseAuthentication": False,
    "EnablePerformanceInsights": False,
    "ManageMasterUserPassword": False,
    "MonitoringInterval": 0,
    "MultiTenant": False,
    "DatabaseInsightsMode": "standard",
    "NetworkType": "IPV4",
    "EngineLifecycleSupport": "open-source-rds-extended-support",
    "AllowMajorVersionUpgrade": False,
}
_CREATE = (*DEFAULTS, "AvailabilityZone", "DBInstanceIdentifier", "DBName", "DBParameterGroupName", "DBSubnetGroupName",
           "DeletionProtection", "EnableCloudwatchLogsExports", "Engine", "EngineVersion", "MasterUserPassword",
           "MasterUsername", "MultiAZ", "Port", "Tags", "VpcSecurityGroupIds")  # fmt: skip
_MODIFY = (*(set(DEFAULTS) - {"KmsKeyId", "StorageEncrypted"}), "ApplyImmediately", "CloudwatchLogsExportConfiguration",
           "DBInstanceIdentifier", "DBParameterGroupName", "DBPortNumber", "DeletionProtection", "Engine",
           "EngineVersion", "MasterUserPassword", "MultiAZ", "VpcSecurityGroupIds")  # fmt: skip
_RESTORE = ("AllocatedStorage", "AutoMinorVersionUpgrade", "AvailabilityZone", "BackupRetentionPeriod",
            "CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass", "DBInstanceIdentifier",
            "DBParameterGroupName", "DBSubnetGroupName", "DeletionProtection", "EnableCloudwatchLogsExports", "Engine",
            "Iops", "LicenseModel", "MaxAllocatedStorage", "MultiAZ", "Port", "PreferredBackupWindow",
            "PubliclyAccessible", "StorageThroughput", "StorageType", "Tags", "VpcSecurityGroupIds")  # fmt: skip
_IDENTIFIER = re.compile(r"[a-z](-?[a-z0-9])*")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CLASS = re.compile(r"db\.[a-z0-9-]+\.[a-z0-9]+")
_PASSWORD = re.compile(r"[!#-.0-?A-~]+")
_RESERVED = {"admin", "rdsadmin", "rds_superuser", "rdsrepladmin", "user", "public", "none"}


def to_create(request: Json) -> Json:
    """CreateDBInstance's request, complete with AWS's defaults; AWS's error for what is none."""
    wanted = _without_off(request)
    only("rds", "CreateDBInstance", wanted, _CREATE)
    if wanted["Engine"] != ENGINE:
        raise errors.not_done(f"the engine {wanted['Engine']}")
    for name in ("DBInstanceClass", "MasterUsername", "MasterUserPassword"):
        if not wanted.get(name):
            raise errors.missing(name)
    check_identifier(wanted["DBInstanceIdentifier"])
    _check_version(wanted.get("EngineVersion"), f"Cannot find version {wanted.get('EngineVersion')} for {ENGINE}")
    _check_master(wanted["MasterUsername"])
    name = wanted.get("DBName") or ""
    if name and (not _NAME.fullmatch(name) or len(name) > LONGEST_NAME):
        raise errors.value("DBName must begin with a letter and contain only alphanumeric characters.")
    port = wanted.setdefault("Port", PORT)
    if port not in PORTS:
        raise errors.value(f"Invalid value {port} for Port: must be in the range {PORTS.start}-{PORTS.stop - 1}")
    if wanted.get("MultiAZ") and wanted.get("AvailabilityZone"):
        raise errors.combination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    wanted["EnabledCloudwatchLogsExports"] = _logs(wanted.pop("EnableCloudwatchLogsExports", None) or [])
    complete = {**DEFAULTS, **wanted}
    check_values(complete)
    return complete


def to_modify(request: Json, standing: Json, port: int) -> Json:
    """ModifyDBInstance's changes by the names of the instance's own properties; AWS's error for what is none."""
    wanted = _without_off(request)
    only("rds", "ModifyDBInstance", wanted, _MODIFY)
    text = f"Cannot find upgrade target from {postgres.version()} with requested version {wanted.get('EngineVersion')}."
    _check_version(wanted.pop("EngineVersion", None), text)
    if wanted.pop("DBPortNumber", port) != port:
        raise errors.not_done("another port for an instance that stands (DBPortNumber)")
    for name in ("DBInstanceIdentifier", "ApplyImmediately", "Engine"):
        wanted.pop(name, None)
    exports = wanted.pop("CloudwatchLogsExportConfiguration", None)
    if exports:
        kept = set(standing["EnabledCloudwatchLogsExports"]) - set(exports.get("DisableLogTypes") or [])
        wanted["EnabledCloudwatchLogsExports"] = _logs(sorted(kept | set(exports.get("EnableLogTypes") or [])))
    if wanted.get("AllocatedStorage", LARGEST) < standing["AllocatedStorage"]:
        raise errors.combination("Requested storage size must not be smaller than the storage that is allocated")
    check_values({**DEFAULTS, **standing, **wanted})
    return wanted


def to_restore(operation: str, request: Json, of: Json, more: Iterable[str] = ()) -> Json:
    """What a restored instance or a read replica is to be: that of which its data is, with the request's changes.

    of: the properties that it takes over. more: the operation's own parameters.
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html
    """
    wanted = _without_off(request)
    only("rds", operation, wanted, (*_RESTORE, *more))
    if wanted.get("Engine", ENGINE) != ENGINE:
        raise errors.not_done(f"the engine {wanted['Engine']}")
    check_identifier(wanted["DBInstanceIdentifier"])
    if "EnableCloudwatchLogsExports" in wanted:
        wanted["EnabledCloudwatchLogsExports"] = _logs(wanted.pop("EnableCloudwatchLogsExports") or [])
    complete = {**of, **{name: one for name, one in wanted.items() if one is not None}}
    if complete["Port"] not in PORTS:
        raise errors.value(f"Invalid value {complete['Port']} for Port: must be in the range 1150-65535")
    if complete.get("MultiAZ") and complete.get("AvailabilityZone"):
        raise errors.combination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    if complete["AllocatedStorage"] < of["AllocatedStorage"]:
        raise errors.combination("Requested storage size must not be smaller than the storage that is allocated")
    check_values(complete)
    return complete


def check_identifier(name: str, parameter: str = "DBInstanceIdentifier") -> None:
    """Raise AWS's error for an identifier that is none."""
    longest = LONGEST_SNAPSHOT_NAME if "Snapshot" in parameter else LONGEST_NAME
    if not _IDENTIFIER.fullmatch(name.lower()) or len(name) > longest:
        text = f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; "
        text += "must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two "
        raise errors.value(text + "consecutive hyphens.")


def check_values(values: Json) -> None:
    """Raise AWS's error for a value that RDS does not take."""
    size, kind = values["AllocatedStorage"], values["StorageType"]
    _one_of("StorageType", kind, STORAGE_TYPES)
    _one_of("CACertificateIdentifier", values["CACertificateIdentifier"], AUTHORITIES)
    if not SMALLEST <= size <= LARGEST:
        raise errors.value(f"Invalid storage size for engine name {ENGINE} and storage type {kind}: {size}")
    most = values["MaxAllocatedStorage"]
    if most is not None and most < size:
        raise errors.combination("Invalid max storage size: it must be greater than the storage that is allocated")
    if not _CLASS.fullmatch(values["DBInstanceClass"]):
        raise errors.value(f"Invalid DB Instance class: {values['DBInstanceClass']}")
    if not 0 <= values["BackupRetentionPeriod"] <= LONGEST_RETENTION:
        raise errors.value(f"Retention period must be between 0 and {LONGEST_RETENTION}")
    if values.get("MasterUserPassword") is not None:
        _check_password(values["MasterUserPassword"])
    windows.check(values["PreferredBackupWindow"], values["PreferredMaintenanceWindow"])


def security_groups(region: str, ids: list[str] | None, subnet_group: str) -> list[str]:
    """The groups named, or the VPC's default one; AWS's error for one that is not in the VPC."""
    ec2, vpc = client("ec2", region), find(region, subnet_group).vpc_id
    if not ids:
        wanted = [{"Name": "group-name", "Values": ["default"]}, {"Name": "vpc-id", "Values": [vpc]}]
        return [one["GroupId"] for one in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]]
    try:
        found = ec2.describe_security_groups(GroupIds=ids)["SecurityGroups"]
    except ClientError as error:
        raise fault("InvalidParameterValue", f"Invalid security group , groupId= {ids[0]}, groupName=.") from error
    if any(one["VpcId"] != vpc for one in found):
        raise fault("InvalidVPCNetworkStateFault", "The DB instance and EC2 security group are in different VPCs.")
    return list(ids)


def _without_off(request: Json) -> Json:
    return {n: v for n, v in request.items() if v is not None and not (n in _OFF and v == _OFF[n])}


def _check_version(wanted: str | None, text: str) -> None:
    runs = postgres.version()
    if wanted not in (None, runs, runs.split(".")[0]):
        raise errors.combination(text)


def _check_master(name: str) -> None:
    if name.lower() in _RESERVED or name.lower().startswith("pg_"):
        raise errors.value(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise errors.value(f"The parameter MasterUsername is not a valid identifier: {name}")


def _check_password(password: str) -> None:
    bad = "The parameter MasterUserPassword is not a valid password"
    if len(password) < SHORTEST_PASSWORD:
        raise errors.value(f"{bad} because it is shorter than {SHORTEST_PASSWORD} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise errors.value(f"{bad} because it is longer than {LONGEST_PASSWORD} characters.")
    if not _PASSWORD.fullmatch(password):
        raise errors.value(f"{bad}. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")


def _logs(names: list[str]) -> list[str]:
    for name in names:
        if name not in LOGS:
            text = f"You cannot use the log types '{name}' with engine version {ENGINE} {postgres.version()}."
            raise errors.combination(text)
    return list(names)


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise errors.value(f"Invalid {name}: {value}. It must be one of {', '.join(allowed)}")
