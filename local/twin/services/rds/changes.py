"""What ModifyDBInstance may change, and when: at once, or in the maintenance window unless ApplyImmediately is set.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
"""

from twin.services.common.api import Json
from twin.services.rds.events import Told, tell
from twin.services.rds.models import Instance

# Applied at once whatever ApplyImmediately says.
PROMPT = frozenset({"AutoMinorVersionUpgrade", "CACertificateIdentifier", "CopyTagsToSnapshot", "DBParameterGroupName",
                    "DeletionProtection", "MasterUserPassword", "MaxAllocatedStorage", "PreferredBackupWindow",
                    "PreferredMaintenanceWindow", "PubliclyAccessible", "VpcSecurityGroupIds",
                    "EnabledCloudwatchLogsExports"})  # fmt: skip
# Put off to the window without ApplyImmediately.
DEFERRED = frozenset({"AllocatedStorage", "BackupRetentionPeriod", "DBInstanceClass", "Iops", "LicenseModel", "MultiAZ",
                      "StorageThroughput", "StorageType"})  # fmt: skip

_TOLD = {"AllocatedStorage": Told.STORAGE, "DBInstanceClass": Told.CLASS}


def divide(instance: Instance, changes: Json, *, immediately: bool) -> tuple[Json, Json]:
    """The changes to be applied now, and those that wait."""
    now: Json = {}
    later: Json = {}
    for name, value in changes.items():
        prompt = name in PROMPT or immediately
        if name == "BackupRetentionPeriod" and value and instance.recorded[name]:
            # From one retention to another is at once; to or from none waits.
            prompt = True
        (now if prompt else later)[name] = value
    return now, later


def apply(instance: Instance, changes: Json) -> None:
    """Let the instance want it; the caller holds the lock."""
    for name, value in changes.items():
        match name:
            case "MultiAZ":
                instance.multi_az = value
            case "MasterUserPassword":
                instance.password = value
            case "DBParameterGroupName":
                if value != instance.parameter_group:
                    tell(instance, Told.GROUP, value)
                instance.parameter_group = value
            case "DeletionProtection":
                instance.deletion_protection = value
            case "VpcSecurityGroupIds":
                instance.security_groups = list(value)
            case _:
                if name in _TOLD and value != instance.recorded[name]:
                    tell(instance, _TOLD[name])
                instance.recorded[name] = value
        instance.pending.pop(name, None)


def postpone(instance: Instance, changes: Json) -> None:
    """Let changes wait for the maintenance window; one that asks for what is already so takes back what waited."""
    standing = {**instance.recorded, "MultiAZ": instance.multi_az}
    for name, value in changes.items():
        if standing.get(name) == value:
            instance.pending.pop(name, None)
        else:
            instance.pending[name] = value
