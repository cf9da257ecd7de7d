"""RDS's CloudFormation types."""

from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.resources import (
    Progress,
    Request,
    Resource,
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


class DBInstance(Resource):
    """An instance, created when it is available."""

    TYPE = "AWS::RDS::DBInstance"
    REF = "DBInstanceIdentifier"
    RECORDED = frozenset({"AllowMajorVersionUpgrade", "AllocatedStorage", "AutoMinorVersionUpgrade",
                          "BackupRetentionPeriod", "CACertificateIdentifier", "CopyTagsToSnapshot", "DBInstanceClass",
                          "DeleteAutomatedBackups", "EnableCloudwatchLogsExports", "Iops", "KmsKeyId", "LicenseModel",
                          "MaxAllocatedStorage", "PreferredBackupWindow", "PubliclyAccessible", "StorageEncrypted",
                          "StorageThroughput", "StorageType"})  # fmt: skip
    HONOURED = (
        frozenset({*_CREATED_WITH, "ApplyImmediately", "DBInstanceIdentifier", "Tags", "VPCSecurityGroups"}) - RECORDED
    )

    def create(self, request: Request) -> Progress:
        """Make it and wait until it is available."""
        model, rds = request.desired_state, self.client(request)
        if request.custom_context.get("asked"):
            return self._watch(request, model)
        wanted = _asked(rds, model)
        if model.get("EnableCloudwatchLogsExports"):
            wanted["EnableCloudwatchLogsExports"] = model["EnableCloudwatchLogsExports"]
        name = model.get("DBInstanceIdentifier")
        made = rds.create_db_instance(
            DBInstanceIdentifier=name or self.generated_name(request, 63, lower=True, distinct=True),
            VpcSecurityGroupIds=model.get("VPCSecurityGroups") or [],
            Tags=tags_of(model),
            **wanted,
        )["DBInstance"]
        return waiting(model | {"DBInstanceIdentifier": made["DBInstanceIdentifier"]}, asked=True)

    def update(self, request: Request) -> Progress:
        """Change it at once, unless ApplyImmediately says otherwise, reboot it where its parameters wait for that,
        and wait until it is available."""
        model, before, rds = request.desired_state, request.previous_state or {}, self.client(request)
        name = before["DBInstanceIdentifier"]
        model |= {"DBInstanceIdentifier": name}
        if not request.custom_context.get("asked"):
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
        """Remove it with its data and wait until it is gone."""
        model, rds = request.desired_state, self.client(request)
        with unless_gone():
            if request.custom_context.get("asked"):
                rds.describe_db_instances(DBInstanceIdentifier=model["DBInstanceIdentifier"])
            else:
                rds.delete_db_instance(DBInstanceIdentifier=model["DBInstanceIdentifier"], SkipFinalSnapshot=True)
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
