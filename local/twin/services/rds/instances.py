"""The operations on DB instances: wishes go into the store, the controller is woken, what is seen comes back."""

import base64
import secrets
from datetime import UTC, datetime

from twin.services.common.api import ACCOUNT, Json, Provider, RequestContext, fault, only, operation, tags_from
from twin.services.common.paging import page
from twin.services.rds import changes, controller, errors, parameter_groups, subnet_groups
from twin.services.rds.decide import status
from twin.services.rds.filters import filters
from twin.services.rds.models import LOCK, Instance, Status, Wish, store
from twin.services.rds.parameters import DEFAULT_GROUP
from twin.services.rds.requests import DEFAULTS, ENGINE, security_groups, to_create, to_modify
from twin.services.rds.views import described

MOST_INSTANCES = 40
_FILTERS = ("db-instance-id", "dbi-resource-id", "engine")


class Instances(Provider):
    """Create, describe, change, start, stop, reboot, delete."""

    @operation("CreateDBInstance")
    def create_instance(self, context: RequestContext, request: Json) -> Json:
        """Want an instance; a volume that lies under its identifier is taken over."""
        wanted, region = to_create(request), context.region
        named = wanted.get("DBSubnetGroupName")
        group = subnet_groups.find(region, named) if named else subnet_groups.default(region)
        zone = wanted.get("AvailabilityZone") or ""
        if zone and zone not in {one.zone for one in group.subnets}:
            text = f"Cannot create a database instance because no subnet of {group.name} is in {zone}."
            raise fault("InvalidVPCNetworkStateFault", text)
        identifier = wanted["DBInstanceIdentifier"].lower()
        instance = Instance(
            identifier=identifier,
            arn=f"arn:aws:rds:{region}:{ACCOUNT}:db:{identifier}",
            region=region,
            resource_id=f"db-{base64.b32encode(secrets.token_bytes(17)).decode()[:26]}",
            database=wanted.get("DBName") or "",
            master=wanted["MasterUsername"],
            port=wanted["Port"],
            multi_az=bool(wanted.get("MultiAZ")),
            zone=zone,
            subnet_group=group.name,
            parameter_group=parameter_groups.find(region, wanted.get("DBParameterGroupName") or DEFAULT_GROUP).name,
            security_groups=security_groups(region, wanted.get("VpcSecurityGroupIds"), group.name),
            created_at=datetime.now(UTC),
            recorded={name: wanted[name] for name in DEFAULTS},
            password=wanted["MasterUserPassword"],
            deletion_protection=bool(wanted.get("DeletionProtection")),
            tags=tags_from(request),
        )
        with LOCK:
            instances = store(region).instances
            if identifier in instances:
                raise errors.instance_exists()
            if len(instances) >= MOST_INSTANCES:
                raise fault("InstanceQuotaExceeded", "DB Instance quota exceeded")
            instances[identifier] = instance
        controller.wake()
        return {"DBInstance": described(instance)}

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
        _must_be(instance, {Status.AVAILABLE, Status.MODIFYING, Status.RESETTING, Status.STOPPED})
        wanted = to_modify(request, instance.recorded, instance.port)
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
        _must_be(instance, {Status.AVAILABLE})
        instance.reboot = True
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("StopDBInstance")
    def stop_instance(self, context: RequestContext, request: Json) -> Json:
        """Stop its servers; its data and its endpoint's address stay."""
        only("rds", "StopDBInstance", request, ("DBInstanceIdentifier",))
        instance = find(context.region, request["DBInstanceIdentifier"])
        _must_be(instance, {Status.AVAILABLE})
        instance.wish = Wish.STOP
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("StartDBInstance")
    def start_instance(self, context: RequestContext, request: Json) -> Json:
        """Start the servers of an instance that was stopped."""
        instance = find(context.region, request["DBInstanceIdentifier"])
        _must_be(instance, {Status.STOPPED})
        instance.wish = Wish.RUN
        controller.wake()
        return {"DBInstance": described(instance)}

    @operation("DeleteDBInstance")
    def delete_instance(self, context: RequestContext, request: Json) -> Json:
        """Remove the instance and its data; the twin keeps no snapshots."""
        instance = find(context.region, request["DBInstanceIdentifier"])
        if instance.deletion_protection:
            text = "Cannot delete protected DB Instance, please disable deletion protection and try again."
            raise errors.combination(text)
        if request.get("FinalDBSnapshotIdentifier"):
            if request.get("SkipFinalSnapshot"):
                raise errors.combination("FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is true")
            raise errors.not_done("snapshots of databases (FinalDBSnapshotIdentifier)")
        if not request.get("SkipFinalSnapshot"):
            raise errors.combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
        if instance.wish is Wish.DELETE:
            raise errors.instance_state(f"Instance {instance.identifier} is already being deleted.")
        instance.wish = Wish.DELETE
        controller.wake()
        return {"DBInstance": described(instance)}


def find(region: str, name: str) -> Instance:
    """The instance, else DBInstanceNotFound."""
    found = store(region).instances.get(name.lower().rsplit(":", 1)[-1])
    if found is None:
        raise errors.no_instance(name)
    return found


def _must_be(instance: Instance, allowed: set[Status]) -> None:
    if status(controller.observe(instance)) not in allowed:
        state = "stopped, it cannot be started" if allowed == {Status.STOPPED} else "in available state"
        raise errors.instance_state(f"Instance {instance.identifier} is not {state}.")


def _matches(instance: Instance, key: str, values: set[str]) -> bool:
    if key == "db-instance-id":
        return bool({instance.identifier, instance.arn} & {value.lower() for value in values})
    return {"dbi-resource-id": instance.resource_id, "engine": ENGINE}[key] in values
