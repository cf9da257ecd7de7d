"""AWS's faults of RDS: codes and texts as AWS words them.

Codes: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and the page of each action.
"""

from localstack.aws.api import CommonServiceException

from twin.services.common.api import fault

NOT_FOUND = 404


def value(text: str) -> CommonServiceException:
    """A parameter's value is none that RDS takes."""
    return fault("InvalidParameterValue", text)


def combination(text: str) -> CommonServiceException:
    """Parameters that do not go together, with each other or with the instance."""
    return fault("InvalidParameterCombination", text)


def missing(name: str) -> CommonServiceException:
    """A parameter that must be there is not."""
    return fault("MissingParameter", f"The request must contain the parameter {name}.")


def not_done(text: str) -> CommonServiceException:
    """Something of AWS that the twin does not do."""
    return fault("NotImplemented", f"rds: the twin does not do {text}", 501)


def no_instance(name: str) -> CommonServiceException:
    """The instance is not there."""
    return fault("DBInstanceNotFound", f"DBInstance {name} not found.", NOT_FOUND)


def instance_exists() -> CommonServiceException:
    """The identifier is taken."""
    return fault("DBInstanceAlreadyExists", "DB instance already exists")


def instance_state(text: str) -> CommonServiceException:
    """The instance's state does not allow it."""
    return fault("InvalidDBInstanceState", text)


def no_subnet_group(name: str) -> CommonServiceException:
    """The subnet group is not there."""
    return fault("DBSubnetGroupNotFoundFault", f"DB Subnet Group '{name}' not found.", NOT_FOUND)


def subnet_group_exists(name: str) -> CommonServiceException:
    """The name of a subnet group is taken."""
    return fault("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")


def subnet_group_in_use(name: str, instance: str) -> CommonServiceException:
    """Somebody is placed in the subnet group."""
    text = (
        f"Cannot delete the subnet group '{name}' because at least one database instance: {instance} is still using it."
    )
    return fault("InvalidDBSubnetGroupStateFault", text)


def too_few_zones(zones: list[str]) -> CommonServiceException:
    """The subnets lie in one zone only."""
    text = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
    text += f"Current AZ coverage: {', '.join(zones)}. Add subnets to cover at least 2 AZs."
    return fault("DBSubnetGroupDoesNotCoverEnoughAZs", text)


def invalid_subnet(text: str) -> CommonServiceException:
    """A subnet is not there, or in another VPC."""
    return fault("InvalidSubnet", text)


def no_parameter_group(name: str) -> CommonServiceException:
    """The parameter group is not there."""
    return fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", NOT_FOUND)


def parameter_group_exists(name: str) -> CommonServiceException:
    """The name of a parameter group is taken."""
    return fault("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")


def parameter_group_in_use(name: str) -> CommonServiceException:
    """An instance has the parameter group."""
    members = "One or more database instances are still members of this parameter group"
    return fault("InvalidDBParameterGroupState", f"{members} {name}, so the group cannot be deleted")


def default_parameter_group(name: str) -> CommonServiceException:
    """The parameter group is AWS's own and stays."""
    return fault("InvalidDBParameterGroupState", f"Default DBParameterGroup cannot be deleted: {name}")


def no_snapshot(name: str) -> CommonServiceException:
    """The snapshot is not there."""
    return fault("DBSnapshotNotFound", f"DBSnapshot {name} not found.", NOT_FOUND)


def snapshot_exists(name: str) -> CommonServiceException:
    """The identifier of a snapshot is taken."""
    text = f"Cannot create the snapshot because a snapshot with the identifier {name} already exists."
    return fault("DBSnapshotAlreadyExists", text)


def snapshot_state(text: str) -> CommonServiceException:
    """The snapshot's state does not allow it."""
    return fault("InvalidDBSnapshotState", text)


def no_backup(name: str) -> CommonServiceException:
    """The automated backups are not there."""
    return fault("DBInstanceAutomatedBackupNotFound", f"DBInstanceAutomatedBackup {name} not found.", NOT_FOUND)


def not_restorable(name: str) -> CommonServiceException:
    """The instance has no automated backups to be restored from."""
    text = f"Point In Time Restore is not enabled for this instance: {name}. Its BackupRetentionPeriod is 0."
    return fault("PointInTimeRestoreNotEnabled", text)


def no_backups() -> CommonServiceException:
    """The instance has no automated backups, without which it gets no read replica."""
    text = "Automated backups are not enabled for this database instance. To enable automated backups, use "
    text += "ModifyDBInstance to set the backup retention period to a non-zero value."
    return fault("InvalidDBInstanceState", text)


def unfit_for_snapshot(name: str) -> CommonServiceException:
    """The instance's state does not allow a snapshot."""
    text = f"Cannot create a snapshot because the database instance {name} is not currently in the available state."
    return fault("InvalidDBInstanceState", text)


def backup_state(text: str) -> CommonServiceException:
    """The automated backups' state does not allow it."""
    return fault("InvalidDBInstanceAutomatedBackupState", text)
