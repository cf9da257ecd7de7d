"""How an instance comes to be wanted, whatever its data comes from."""

import base64
import secrets
from datetime import UTC, datetime

from twin.core.timeline import emit
from twin.services.common.api import ACCOUNT, Json, fault
from twin.services.rds import controller, errors, parameter_groups, subnet_groups
from twin.services.rds.models import LOCK, Instance, Origin, store
from twin.services.rds.parameters import DEFAULT_GROUP
from twin.services.rds.requests import DEFAULTS, security_groups
from twin.services.rds.volume import Volume

MOST_INSTANCES = 40


def stand(
    region: str, wanted: Json, tags: dict[str, str], *, origin: Origin | None = None, source: str = ""
) -> Instance:
    """Put the instance into the store and wake the controller. Raises AWS's error for a name that is taken or none.

    wanted: complete, by the names of CreateDBInstance's parameters. origin, source: where its data comes from; without
    either a volume that lies under its identifier is taken over.
    """
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
        password=wanted.get("MasterUserPassword"),
        deletion_protection=bool(wanted.get("DeletionProtection")),
        tags=tags,
        origin=origin,
        source=source,
    )
    with LOCK:
        instances = store(region).instances
        if identifier in instances:
            raise errors.instance_exists()
        if len(instances) >= MOST_INSTANCES:
            raise fault("InstanceQuotaExceeded", "DB Instance quota exceeded")
        if (origin or source) and (aside := Volume(region, identifier).set_aside()):
            emit("rds", identifier, f"a volume that nobody knows lies in its place and is put away as {aside.name}")
        instances[identifier] = instance
    controller.wake()
    return instance
