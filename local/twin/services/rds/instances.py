"""The operations on DB instances: wishes go into the store, the controller is woken, what is seen comes back."""

from localstack.aws.api import CommonServiceException

from twin.services.common.api import Json, Provider, RequestContext, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.rds import backups, changes, controller, errors, parameter_groups, replicas
from twin.services.rds.decide import status
from twin.services.rds.filters import filters
from twin.services.rds.making import stand
from twin.services.rds.models import LOCK, Instance, Status, Wish, store
from twin.services.rds.requests import ENGINE, check_identifier, security_groups, to_create, to_modify
from twin.services.rds.views import described

_DELETE = ("DBInstanceIdentifier", "DeleteAutomatedBackups", "FinalDBSnapshotIdentifier", "SkipFinalSnapshot")
_FILTERS = ("db-instance-id", "dbi-resource-id", "engine")


class Instances(Provider):
    """Create, describe, change, start, stop, reboot, delete."""

    @operation("CreateDBInstance")
    def create_instance(self, context: RequestContext, request: Json) -> Json:
        """Want an instance; a volume that lies under its identifier is taken over."""
        return {"DBInstance": described(stand(context.region, to_create(request), tags_from(request)))}

    @operation("DescribeDBInstances")
    def describe_instances(self, context: RequestContext, request: Json) -> Json:
        """All instances, those that filters name, or one."""
        asked = filters(request, _FILTERS)
        if name := request.get("DBInstanceIdentifier"):
            found = [find(context.region, name)]
        else:
            with LOCK:
                found = sorted(store(context.region).instances.values(), key=lambda one: one.identifier)
        shown = [one for one in found if all(_matches(one, key, values) for key, values in asked.items())]
        return page("DBInstances", [described(one) for one in shown], request)

    @operation("ModifyDBInstance")
    def modify_instance(self, context: RequestContext, request: Json) -> Json:
        """Want changes: now, or in the maintenance window what AWS puts off to it."""
        instance = find(context.region, request["DBInstanceIdentifier"])
        must_be(instance, {Status.AVAILABLE, Status.BACKING_UP, Status.MODIFYING, Status.RESETTING, Status.STOPPED})
        wanted = to_modify(request, instance.recorded, instance.port)
        if instance.source:
            _check_replica(wanted)
        if "DBParameterGroupName" in wanted:
            wanted["DBParameterGroupName"] = parameter_groups.find(context.region, wanted["DBParameterGroupName"]).name
        if "VpcSecurityGroupIds" in wanted:
            groups = security_groups(context.region, wanted["VpcSecurityGroupIds"], instance.subnet_group)
            wanted["VpcSecurityGroupIds"] = groups
        immediately = bool(request.get("ApplyImmediately"))
        with LOCK:
            if immediately:
                wanted = instance.pending | wanted
            now, later = changes.divide(instance, wanted, immediately=immediately)
            changes.apply(instance, now)
            changes.postpone(instance, later)
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("RebootDBInstance")
    def reboot_instance(self, context: RequestContext, request: Json) -> Json:
        """Restart its servers, with the parameters that wait for it."""
        instance = find(context.region, request["DBInstanceIdentifier"])
        if request.get("ForceFailover"):
            if not instance.multi_az:
                raise errors.combination("ForceFailover cannot be specified since the instance is not configured "
                                         "for either MultiAZ or High Availability")  # fmt: skip
            raise errors.not_done("RebootDBInstance with ForceFailover")
        must_be(instance, {Status.AVAILABLE})
        instance.reboot = True
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("StopDBInstance")
    def stop_instance(self, context: RequestContext, request: Json) -> Json:
        """Stop its servers; its data and its endpoint's address stay."""
        only("rds", "StopDBInstance", request, ("DBInstanceIdentifier",))
        instance = find(context.region, request["DBInstanceIdentifier"])
        must_be(instance, {Status.AVAILABLE})
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_StopInstance.html, Limitations
        if instance.source or replicas.of(instance):
            raise errors.instance_state(
                "You can't stop a DB instance that has a read replica, or that is a read replica."
            )
        instance.wish = Wish.STOP
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("StartDBInstance")
    def start_instance(self, context: RequestContext, request: Json) -> Json:
        """Start the servers of an instance that was stopped."""
        instance = find(context.region, request["DBInstanceIdentifier"])
        must_be(instance, {Status.STOPPED})
        instance.wish = Wish.RUN
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("DeleteDBInstance")
    def delete_instance(self, context: RequestContext, request: Json) -> Json:
        """Remove the instance and its data; a final snapshot of it first, unless it is to be skipped.

        https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
        """
        only("rds", "DeleteDBInstance", request, _DELETE)
        instance, final = (
            find(context.region, request["DBInstanceIdentifier"]),
            request.get("FinalDBSnapshotIdentifier"),
        )
        if instance.deletion_protection:
            text = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise errors.combination(text)
        if final and request.get("SkipFinalSnapshot"):
            raise errors.combination("FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true")
        if not final and not request.get("SkipFinalSnapshot"):
            raise errors.combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        if instance.wish is Wish.DELETE:
            raise errors.instance_state(f"Instance {instance.identifier} is already being deleted.")
        if final:
            self._take_final(instance, final.lower())
        instance.keeps_backups = request.get("DeleteAutomatedBackups") is False and bool(instance.retention)
        instance.wish = Wish.DELETE
        for replica in replicas.of(instance):
            # Each becomes an instance of its own: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html
            replica.promote = True
        controller.wake()
        return {"DBInstance": described(instance)}

    @staticmethod
    def _take_final(instance: Instance, identifier: str) -> None:
        if instance.source:
            raise errors.combination("FinalDBSnapshotIdentifier can not be specified when deleting a replica instance")
        check_identifier(identifier, "FinalDBSnapshotIdentifier")
        if identifier in store(instance.region).snapshots:
            raise errors.snapshot_exists(identifier)
        if not instance.born:
            raise errors.unfit_for_snapshot(instance.identifier)
        tags = dict(instance.tags) if instance.recorded["CopyTagsToSnapshot"] else {}
        backups.ask(instance, identifier, manual=True, tags=tags)


def find(region: str, name: str) -> Instance:
    """The instance, else DBInstanceNotFound."""
    found = store(region).instances.get(name.lower().rsplit(":", 1)[-1])
    if found is None:
        raise errors.no_instance(name)
    return found


def must_be(instance: Instance, allowed: set[Status], refusal: CommonServiceException | None = None) -> None:
    """Raise `refusal`, by default InvalidDBInstanceState, unless the instance was seen in one of these states."""
    if status(controller.observe(instance)) not in allowed:
        state = "stopped, it cannot be started" if allowed == {Status.STOPPED} else "in available state"
        raise refusal or errors.instance_state(f"Instance {instance.identifier} is not {state}.")


def _check_replica(wanted: Json) -> None:
    for name in ("BackupRetentionPeriod", "MasterUserPassword", "MultiAZ"):
        if wanted.get(name):
            raise errors.not_done(f"{name} of a read replica")


def _matches(instance: Instance, key: str, values: set[str]) -> bool:
    if key == "db-instance-id":
        return bool({instance.identifier, instance.arn} & {value.lower() for value in values})
    return {"dbi-resource-id": instance.resource_id, "engine": ENGINE}[key] in values
