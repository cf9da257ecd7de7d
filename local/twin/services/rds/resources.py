"""RDS's CloudFormation types."""

import secrets
from typing import Any

from botocore.exceptions import ClientError
from localstack.services.cloudformation.resource_provider import OperationStatus

from twin.services.common.resources import (
    Progress,
    Request,
    Resource,
    asks_for_snapshot,
    done,
    failed,
    retag,
    tags_of,
    unless_gone,
    waiting,
)
from twin.services.common.typed import typed
from twin.services.rds import controller
from twin.services.rds.instances import find
from twin.services.rds.parameters import MOST_PER_REQUEST, method_of

type Json = dict[str, Any]

_CREATED_WITH = ("AllocatedStorage", "AutoMinorVersionUpgrade", "AvailabilityZone", "BackupRetentionPeriod",
                 "CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass", "DBName", "DBParameterGroupName",
                 "DBSubnetGroupName", "DeletionProtection", "EnableIAMDatabaseAuthentication",
                 "EnablePerformanceInsights", "Engine", "EngineVersion", "Iops", "KmsKeyId", "LicenseModel",
                 "MasterUserPassword", "MasterUsername", "MaxAllocatedStorage", "MonitoringInterval", "MultiAZ", "Port",
                 "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible", "StorageEncrypted",
                 "StorageThroughput", "StorageType")  # fmt: skip
# AWS replaces an instance where these change, though its schema does not count them among those fixed at creation.
_REPLACING = ("AvailabilityZone", "Engine")
# What a restored instance or a read replica takes over from that of which its data is, or gets once it stands.
_TAKEN_OVER = frozenset({"DBName", "EngineVersion", "KmsKeyId", "MasterUsername", "StorageEncrypted"})
_SET_AFTERWARDS = frozenset({"MasterUserPassword", "PreferredMaintenanceWindow"})
_NOT_A_REPLICA_S = frozenset({"BackupRetentionPeriod", "Engine", "LicenseModel", "PreferredBackupWindow"})
_MOMENT = ("RestoreTime", "SourceDBInstanceAutomatedBackupsArn", "SourceDbiResourceId", "UseLatestRestorableTime")


class DBInstance(Resource):
    """An instance, created when it is available."""

    TYPE = "AWS::RDS::DBInstance"
    REF = "DBInstanceIdentifier"
    SNAPSHOTS = True
    REPLACING = frozenset({"DBSnapshotIdentifier", *_MOMENT})
    RECORDED = frozenset({"AllowMajorVersionUpgrade", "AllocatedStorage", "AutoMinorVersionUpgrade",
                          "CACertificateIdentifier", "DBInstanceClass", "EnableCloudwatchLogsExports", "Iops",
                          "KmsKeyId", "LicenseModel", "MaxAllocatedStorage", "PubliclyAccessible", "StorageEncrypted",
                          "StorageThroughput", "StorageType"})  # fmt: skip
    HONOURED = (
        frozenset({*_CREATED_WITH, *_MOMENT, "ApplyImmediately", "DBInstanceIdentifier", "DBSnapshotIdentifier",
                   "DeleteAutomatedBackups", "SourceDBInstanceIdentifier", "Tags", "VPCSecurityGroups"})
        - RECORDED
    )  # fmt: skip

    def create(self, request: Request) -> Progress:
        """Make it and wait until it is available."""
        model, rds = request.desired_state, self.client(request)
        if request.custom_context.get("asked"):
            return self._watch_made(request, model)
        name = model.get("DBInstanceIdentifier") or self.generated_name(request, 63, lower=True, distinct=True)
        wanted = _asked(rds, model) | {"VpcSecurityGroupIds": model.get("VPCSecurityGroups") or [],
                                       "Tags": tags_of(model)}  # fmt: skip
        if model.get("EnableCloudwatchLogsExports"):
            wanted["EnableCloudwatchLogsExports"] = model["EnableCloudwatchLogsExports"]
        made = _make(rds, name, model, wanted)["DBInstance"]
        return waiting(model | {"DBInstanceIdentifier": made["DBInstanceIdentifier"]}, asked=True)

    def update(self, request: Request) -> Progress:
        """Change it at once, unless ApplyImmediately says otherwise, reboot it where its parameters wait for that,
        and wait until it is available."""
        model, before, rds = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["DBInstanceIdentifier"]
        model |= {"DBInstanceIdentifier": name}
        if not request.custom_context.get("asked"):
            if progress := self._part(rds, name, model, before):
                return progress
            changes = self._changes(rds, model, before)
            if stuck := [one for one in _REPLACING if one in changes]:
                return failed(before, f"The twin cannot change {stuck[0]} of an instance that stands")
            immediately = str(model.get("ApplyImmediately", True)).lower() == "true"
            rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=immediately, **changes)
            _tag(rds, find(request.region_name, name).arn, model, before)
            return waiting(model, asked=True, reboot=immediately and "DBParameterGroupName" in changes)
        progress = self._watch(request, model, reboot=bool(request.custom_context.get("reboot")))
        return failed(before, progress.message) if progress.error_code else progress

    def delete(self, request: Request) -> Progress:
        """Remove it with its data, after a last snapshot where the policy asks for one, and wait until it is gone."""
        model, rds = request.desired_state, self.client(request)
        name = model["DBInstanceIdentifier"]
        with unless_gone():
            if request.custom_context.get("asked"):
                rds.describe_db_instances(DBInstanceIdentifier=name)
            else:
                # A read replica gets none: CloudFormation takes it for what it is.
                keep = asks_for_snapshot(request) and not find(request.region_name, name).source
                final = f"{request.stack_name}-snapshot-{request.logical_resource_id}-{secrets.token_hex(6)}".lower()
                last: Json = {"FinalDBSnapshotIdentifier": final} if keep else {"SkipFinalSnapshot": True}
                drop = str(model.get("DeleteAutomatedBackups", True)).lower() == "true"
                rds.delete_db_instance(DBInstanceIdentifier=name, DeleteAutomatedBackups=drop, **last)
            return waiting(model, asked=True)
        return done({})

    def read(self, request: Request) -> Progress:
        """What the API says of it."""
        return done(request.desired_state | self._seen(request, request.desired_state["DBInstanceIdentifier"]))

    def _changes(self, rds: Any, model: Json, before: Json) -> Json:
        wanted, standing = _asked(rds, model), _asked(rds, before)
        changes = {name: one for name, one in wanted.items() if one != standing.get(name) and name not in self.fixed()}
        if "Port" in changes:
            changes["DBPortNumber"] = changes.pop("Port")
        if model.get("VPCSecurityGroups") and model["VPCSecurityGroups"] != before.get("VPCSecurityGroups"):
            changes["VpcSecurityGroupIds"] = model["VPCSecurityGroups"]
        logs, former = (set(one.get("EnableCloudwatchLogsExports") or []) for one in (model, before))
        if logs != former:
            changes["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(logs - former),
                "DisableLogTypes": sorted(former - logs),
            }
        return changes

    def _part(self, rds: Any, name: str, model: Json, before: Json) -> Progress | None:
        """Promote a replica whose source the template no longer names; None when there is nothing to promote."""
        source, former = model.get("SourceDBInstanceIdentifier"), before.get("SourceDBInstanceIdentifier")
        if source == former or _is_moment(before):
            return None
        if source:
            return failed(before, "The twin cannot change SourceDBInstanceIdentifier of an instance that stands")
        shown = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if shown.get("ReadReplicaSourceDBInstanceIdentifier"):
            kept = _asked(
                rds, {one: model[one] for one in ("BackupRetentionPeriod", "PreferredBackupWindow") if one in model}
            )
            rds.promote_read_replica(DBInstanceIdentifier=name, **kept)
            return waiting(model, asked=True)
        return None

    def _watch_made(self, request: Request, model: Json) -> Progress:
        """Wait until it is available; what a restoration does not take is then changed."""
        progress, name = self._watch(request, model), model["DBInstanceIdentifier"]
        rest = _SET_AFTERWARDS & set(model) if _is_made_of_another(model) and not _is_replica(model) else frozenset()
        if request.custom_context.get("changed") or not rest or progress.status != OperationStatus.SUCCESS:
            return progress
        rds = self.client(request)
        changes = _asked(rds, {one: model[one] for one in rest})
        rds.modify_db_instance(DBInstanceIdentifier=name, ApplyImmediately=True, **changes)
        return waiting(model, asked=True, changed=True)

    def _watch(self, request: Request, model: Json, *, reboot: bool = False) -> Progress:
        name = model["DBInstanceIdentifier"]
        shown = self.client(request).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        if shown["DBInstanceStatus"] == "failed":
            progress = failed(model, controller.reason(find(request.region_name, name)) or "DB Instance is failed")
            progress.error_code = "NotStabilized"
            return progress
        applied = {one["ParameterApplyStatus"] for one in shown["DBParameterGroups"]}
        if shown["DBInstanceStatus"] != "available" or "applying" in applied:
            return waiting(model, asked=True, reboot=reboot)
        if reboot and "pending-reboot" in applied:
            self.client(request).reboot_db_instance(DBInstanceIdentifier=name)
            return waiting(model, asked=True, reboot=True)
        return done(model | self._seen(request, name))

    def _seen(self, request: Request, name: str) -> Json:
        """What GetAtt gives."""
        shown = self.client(request).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        endpoint = shown.get("Endpoint") or {}
        return {
            "DBInstanceArn": shown["DBInstanceArn"],
            "DbiResourceId": shown["DbiResourceId"],
            "Endpoint": {key: str(value) for key, value in endpoint.items()},
            "DBInstanceStatus": shown["DBInstanceStatus"],
        }


class DBSubnetGroup(Resource):
    """A group of subnets."""

    TYPE = "AWS::RDS::DBSubnetGroup"
    REF = "DBSubnetGroupName"
    HONOURED = frozenset({"DBSubnetGroupDescription", "DBSubnetGroupName", "SubnetIds", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model = request.desired_state
        made = self.client(request).create_db_subnet_group(
            DBSubnetGroupName=model.get("DBSubnetGroupName") or self.generated_name(request, 255, lower=True),
            DBSubnetGroupDescription=model["DBSubnetGroupDescription"],
            SubnetIds=model["SubnetIds"],
            Tags=tags_of(model),
        )["DBSubnetGroup"]
        return done(model | {"DBSubnetGroupName": made["DBSubnetGroupName"]})

    def update(self, request: Request) -> Progress:
        """Replace its subnets, description and tags."""
        model, before, rds = request.desired_state, request.previous_state or {}, self.client(request)
        changed = rds.modify_db_subnet_group(
            DBSubnetGroupName=before["DBSubnetGroupName"],
            DBSubnetGroupDescription=model["DBSubnetGroupDescription"],
            SubnetIds=model["SubnetIds"],
        )["DBSubnetGroup"]
        _tag(rds, changed["DBSubnetGroupArn"], model, before)
        return done(model | {"DBSubnetGroupName": before["DBSubnetGroupName"]})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_db_subnet_group(DBSubnetGroupName=request.desired_state["DBSubnetGroupName"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The group, if it is there."""
        self.client(request).describe_db_subnet_groups(DBSubnetGroupName=request.desired_state["DBSubnetGroupName"])
        return done(request.desired_state)


class DBParameterGroup(Resource):
    """What is set of the engine's parameters."""

    TYPE = "AWS::RDS::DBParameterGroup"
    REF = "DBParameterGroupName"
    HONOURED = frozenset({"DBParameterGroupName", "Description", "Family", "Parameters", "Tags"})

    def create(self, request: Request) -> Progress:
        """Make it and set its parameters; where one is refused nothing stays."""
        model, rds = request.desired_state, self.client(request)
        name = model.get("DBParameterGroupName") or self.generated_name(request, 255, lower=True, distinct=True)
        made = rds.create_db_parameter_group(
            DBParameterGroupName=name,
            DBParameterGroupFamily=model["Family"],
            Description=model["Description"],
            Tags=tags_of(model),
        )["DBParameterGroup"]
        try:
            self._set(rds, name, model.get("Parameters") or {})
        except ClientError:
            rds.delete_db_parameter_group(DBParameterGroupName=name)
            raise
        return done(model | {"DBParameterGroupName": made["DBParameterGroupName"]})

    def update(self, request: Request) -> Progress:
        """Set what is named, reset what is named no longer."""
        model, before, rds = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["DBParameterGroupName"]
        wanted, former = model.get("Parameters") or {}, before.get("Parameters") or {}
        self._set(rds, name, wanted)
        if gone := sorted(set(former) - set(wanted)):
            reset = [{"ParameterName": one, "ApplyMethod": method_of(one).value} for one in gone]
            rds.reset_db_parameter_group(DBParameterGroupName=name, ResetAllParameters=False, Parameters=reset)
        shown = rds.describe_db_parameter_groups(DBParameterGroupName=name)["DBParameterGroups"][0]
        _tag(rds, shown["DBParameterGroupArn"], model, before)
        return done(model | {"DBParameterGroupName": name})

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is gone is no error."""
        name = request.desired_state["DBParameterGroupName"]
        with unless_gone():
            self.client(request).delete_db_parameter_group(DBParameterGroupName=name)
        return done({})

    def read(self, request: Request) -> Progress:
        """The group, if it is there."""
        name = request.desired_state["DBParameterGroupName"]
        self.client(request).describe_db_parameter_groups(DBParameterGroupName=name)
        return done(request.desired_state)

    @staticmethod
    def _set(rds: Any, name: str, wanted: Json) -> None:
        given = [
            {"ParameterName": key, "ParameterValue": _text(value), "ApplyMethod": method_of(key).value}
            for key, value in sorted(wanted.items())
        ]
        for first in range(0, len(given), MOST_PER_REQUEST):
            part = given[first : first + MOST_PER_REQUEST]
            rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=part)


def _is_made_of_another(model: Json) -> bool:
    return any(model.get(one) for one in ("DBSnapshotIdentifier", "SourceDBInstanceIdentifier", *_MOMENT))


def _is_moment(model: Json) -> bool:
    return any(model.get(one) for one in _MOMENT)


def _is_replica(model: Json) -> bool:
    return bool(model.get("SourceDBInstanceIdentifier")) and not _is_moment(model)


def _make(rds: Any, name: str, model: Json, wanted: Json) -> Any:
    """Ask for the instance in the way that the template's properties mean."""
    if not _is_made_of_another(model):
        return rds.create_db_instance(DBInstanceIdentifier=name, **wanted)
    wanted = {key: one for key, one in wanted.items() if key not in _TAKEN_OVER | _SET_AFTERWARDS}
    if snapshot := model.get("DBSnapshotIdentifier"):
        return rds.restore_db_instance_from_db_snapshot(
            DBInstanceIdentifier=name, DBSnapshotIdentifier=snapshot, **wanted
        )
    source = model.get("SourceDBInstanceIdentifier")
    if _is_replica(model):
        wanted = {key: one for key, one in wanted.items() if key not in _NOT_A_REPLICA_S}
        return rds.create_db_instance_read_replica(
            DBInstanceIdentifier=name, SourceDBInstanceIdentifier=source, **wanted
        )
    moment = {one: model[one] for one in (*_MOMENT, "SourceDBInstanceIdentifier") if model.get(one)}
    asked = typed(rds, "RestoreDBInstanceToPointInTime", moment)
    return rds.restore_db_instance_to_point_in_time(TargetDBInstanceIdentifier=name, **asked, **wanted)


def _asked(rds: Any, model: Json) -> Json:
    return typed(rds, "CreateDBInstance", {name: model[name] for name in _CREATED_WITH if name in model})


def _tag(rds: Any, arn: str, model: Json, before: Json) -> None:
    retag(
        model,
        before,
        put=lambda tags: rds.add_tags_to_resource(ResourceName=arn, Tags=tags),
        take=lambda keys: rds.remove_tags_from_resource(ResourceName=arn, TagKeys=keys),
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


RESOURCES: list[type[Resource]] = [DBInstance, DBSubnetGroup, DBParameterGroup]
