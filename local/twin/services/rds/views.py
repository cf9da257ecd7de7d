"""Instances as the API shows them: what is wanted where it is a property, what was seen where it is a state."""

from twin.core.addresses import listening_port
from twin.engines import postgres
from twin.services.common.api import Json, tag_list
from twin.services.rds import backups, controller, parameters, replicas
from twin.services.rds.decide import Seen, status
from twin.services.rds.models import LOCK, Instance, store
from twin.services.rds.requests import ENGINE
from twin.services.rds.subnet_groups import described as subnet_group

_PLAIN = ("AllocatedStorage", "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier",
          "CopyTagsToSnapshot", "DBInstanceClass", "Iops", "KmsKeyId", "LicenseModel", "MaxAllocatedStorage",
          "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible", "StorageEncrypted",
          "StorageThroughput", "StorageType")  # fmt: skip


def described(instance: Instance) -> Json:
    """The instance as DescribeDBInstances shows it."""
    seen = controller.observe(instance)
    recorded = {name: instance.recorded[name] for name in _PLAIN if instance.recorded.get(name) is not None}
    exports = instance.recorded["EnabledCloudwatchLogsExports"]
    return {
        **recorded,
        **({"EnabledCloudwatchLogsExports": exports} if exports else {}),
        **({"DBName": instance.database} if instance.database else {}),
        **_places(instance, seen),
        **({"LatestRestorableTime": latest} if (latest := backups.latest(instance)) else {}),
        "DBInstanceIdentifier": instance.identifier,
        "DBInstanceArn": instance.arn,
        "DbiResourceId": instance.resource_id,
        "DBInstanceStatus": status(seen).value,
        "Engine": ENGINE,
        "EngineVersion": postgres.version(),
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "MasterUsername": instance.master,
        "InstanceCreateTime": instance.created_at,
        "DbInstancePort": 0,
        "NetworkType": "IPV4",
        "DeletionProtection": instance.deletion_protection,
        "PendingModifiedValues": _pending(instance),
        "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": one, "Status": "active"} for one in instance.security_groups],
        "DBParameterGroups": [
            {"DBParameterGroupName": instance.parameter_group, "ParameterApplyStatus": _apply_status(instance, seen)}
        ],
        "DBSubnetGroup": subnet_group(store(instance.region).subnet_groups[instance.subnet_group]),
        "OptionGroupMemberships": [{"OptionGroupName": "default:postgres-17", "Status": "in-sync"}],
        **_replication(instance, seen),
        "DomainMemberships": [],
        "AssociatedRoles": [],
        "IAMDatabaseAuthenticationEnabled": False,
        "PerformanceInsightsEnabled": False,
        "DatabaseInsightsMode": "standard",
        "MonitoringInterval": 0,
        "CustomerOwnedIpEnabled": False,
        "DedicatedLogVolume": False,
        "MultiTenant": False,
        "ActivityStreamStatus": "stopped",
        "BackupTarget": "region",
        "TagList": tag_list(instance.tags),
    }


def _places(instance: Instance, seen: Seen) -> Json:
    """Where it is, as far as that is so: Multi-AZ is what has a standby that may be promoted."""
    shown: Json = {"MultiAZ": seen.standby_zone is not None}
    database = controller.database(instance)
    if database is not None and instance.born:
        shown["Endpoint"] = {"Address": database.endpoint[0], "Port": listening_port(instance.port)}
    if seen.record is not None:
        shown["AvailabilityZone"] = seen.record.zones[seen.record.primary]
    if seen.standby_zone is not None:
        shown["SecondaryAvailabilityZone"] = seen.standby_zone
    return shown


def _replication(instance: Instance, seen: Seen) -> Json:
    """Whom it follows, as far as it does, and who follows it."""
    shown: Json = {"ReadReplicaDBInstanceIdentifiers": [one.identifier for one in replicas.of(instance)]}
    if instance.source:
        state = "replicating" if seen.follows else "error"
        shown["ReadReplicaSourceDBInstanceIdentifier"] = instance.source
        info: Json = {"StatusType": "read replication", "Normal": seen.follows, "Status": state}
        if not seen.follows:
            info["Message"] = f"It receives nothing from {instance.source}."
        shown["StatusInfos"] = [info] if instance.born else []
    return shown


def _pending(instance: Instance) -> Json:
    shown = dict(instance.pending)
    if instance.born and instance.multi_az != instance.has_standby:
        shown["MultiAZ"] = instance.multi_az
    if instance.born and instance.password is not None:
        shown["MasterUserPassword"] = "****"
    return shown


def _apply_status(instance: Instance, seen: Seen) -> str:
    """Whether the servers have what the parameter group says: they say themselves what waits for a restart."""
    database = controller.database(instance)
    if database is None or not instance.born:
        return "in-sync"
    with LOCK:
        group = store(instance.region).parameter_groups[instance.parameter_group]
        everything = parameters.everything(group)
    sight = database.sight()
    if seen.settings_due:
        return "applying"
    waits = everything != database.parameters or (sight is not None and sight.waiting)
    return "pending-reboot" if waits or database.booted_group != group.name else "in-sync"
