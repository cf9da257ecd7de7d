"""What describes rather than runs: engine versions, what can be ordered, events, tags."""

from datetime import UTC, datetime, timedelta

from twin.engines import postgres
from twin.services.common.api import Json, Provider, RequestContext, client, operation, tag_list, tags_from
from twin.services.common.paging import page
from twin.services.rds import errors
from twin.services.rds.filters import filters
from twin.services.rds.models import LOCK, Event, Instance, ParameterGroup, Snapshot, SubnetGroup, store
from twin.services.rds.parameters import FAMILY
from twin.services.rds.requests import AUTHORITIES, ENGINE, LARGEST, LOGS, SMALLEST

type Tagged = Instance | Snapshot | SubnetGroup | ParameterGroup

# Prices and limits of classes mean nothing here: those that the templates use are offered.
CLASSES = ("db.t3.micro", "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.m7g.large", "db.r7g.large")
# Events are kept 14 days: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html
MOST_MINUTES = 14 * 24 * 60
ARN_PARTS = 7  # arn:aws:rds:region:account:kind:name


class Records(Provider):
    """Describe what there is, and tag it."""

    @operation("DescribeDBEngineVersions")
    def describe_engine_versions(self, _context: RequestContext, request: Json) -> Json:
        """The one version that really runs."""
        asked = filters(request, ("engine", "engine-version", "status", "db-parameter-group-family"))
        version = postgres.version()
        facts = {"engine": ENGINE, "db-parameter-group-family": FAMILY, "status": "available"}
        given = {"engine": request.get("Engine"), "db-parameter-group-family": request.get("DBParameterGroupFamily")}
        fits = all(value in (None, facts[name]) for name, value in given.items())
        fits = fits and request.get("EngineVersion") in (None, version, version.split(".")[0])
        fits = fits and all(facts.get(name, version) in values for name, values in asked.items())
        one = {
            "Engine": ENGINE,
            "MajorEngineVersion": version.split(".")[0],
            "EngineVersion": version,
            "DBParameterGroupFamily": FAMILY,
            "DBEngineDescription": "PostgreSQL",
            "DBEngineVersionDescription": f"PostgreSQL {version}",
            "ValidUpgradeTarget": [],
            "ExportableLogTypes": list(LOGS),
            "SupportsLogExportsToCloudwatchLogs": False,
            "SupportsReadReplica": True,
            "SupportedFeatureNames": [],
            "Status": "available",
            "SupportsParallelQuery": False,
            "SupportsGlobalDatabases": False,
            "SupportsBabelfish": False,
            "SupportsCertificateRotationWithoutRestart": True,
            "SupportedCACertificateIdentifiers": list(AUTHORITIES),
        }
        return page("DBEngineVersions", [one] if fits else [], request)

    @operation("DescribeOrderableDBInstanceOptions")
    def describe_orderable(self, context: RequestContext, request: Json) -> Json:
        """The classes with what each can do here."""
        version = postgres.version()
        if request["Engine"] != ENGINE or request.get("EngineVersion") not in (None, version, version.split(".")[0]):
            return {"OrderableDBInstanceOptions": []}
        found = client("ec2", context.region).describe_availability_zones()["AvailabilityZones"]
        options = [
            {
                "Engine": ENGINE,
                "EngineVersion": version,
                "DBInstanceClass": name,
                "LicenseModel": "postgresql-license",
                "AvailabilityZones": [{"Name": zone["ZoneName"]} for zone in found],
                "MultiAZCapable": True,
                "ReadReplicaCapable": True,
                "Vpc": True,
                "SupportsStorageEncryption": True,
                "StorageType": "gp3",
                "SupportsIAMDatabaseAuthentication": False,
                "SupportsPerformanceInsights": False,
                "MinStorageSize": SMALLEST,
                "MaxStorageSize": LARGEST,
            }
            for name in CLASSES
            if request.get("DBInstanceClass") in (None, name)
        ]
        return page("OrderableDBInstanceOptions", options, request)

    @operation("DescribeEvents")
    def describe_events(self, context: RequestContext, request: Json) -> Json:
        """Events of a time (by default the last hour), of a source, of categories."""
        name, kind = request.get("SourceIdentifier"), request.get("SourceType")
        if name and not kind:
            text = "The parameter SourceType must be provided if the SourceIdentifier parameter is specified."
            raise errors.combination(text)
        until = _utc(request.get("EndTime")) or datetime.now(UTC)
        minutes = int(request.get("Duration") or 60)
        if not 0 < minutes <= MOST_MINUTES:
            raise errors.value(f"The duration must be between 1 and {MOST_MINUTES} minutes")
        since = _utc(request.get("StartTime")) or until - timedelta(minutes=minutes)
        wanted = set(request.get("EventCategories") or [])
        with LOCK:
            events = list(store(context.region).events)
        found = [
            _event(one)
            for one in events
            if since <= one.at <= until
            and kind in (None, one.kind)
            and name in (None, one.source)
            and (not wanted or wanted & set(one.categories))
        ]
        return page("Events", found, request)

    @operation("AddTagsToResource")
    def add_tags(self, context: RequestContext, request: Json) -> Json:
        """Tag an instance or a group."""
        _tagged(context.region, request["ResourceName"]).tags.update(tags_from(request))
        return {}

    @operation("RemoveTagsFromResource")
    def remove_tags(self, context: RequestContext, request: Json) -> Json:
        """Take tags away by their keys."""
        tags = _tagged(context.region, request["ResourceName"]).tags
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    @operation("ListTagsForResource")
    def list_tags(self, context: RequestContext, request: Json) -> Json:
        """The tags of an instance or a group."""
        return {"TagList": tag_list(_tagged(context.region, request["ResourceName"]).tags)}


def _tagged(region: str, arn: str) -> Tagged:
    kept = store(region)
    everything: list[Tagged] = [
        *kept.instances.values(),
        *kept.snapshots.values(),
        *kept.subnet_groups.values(),
        *kept.parameter_groups.values(),
    ]
    found = next((one for one in everything if one.arn == arn), None)
    if found is None:
        kind = {"subgrp": errors.no_subnet_group, "pg": errors.no_parameter_group, "db": errors.no_instance,
                "snapshot": errors.no_snapshot}  # fmt: skip
        parts = arn.split(":", ARN_PARTS - 1)
        if len(parts) != ARN_PARTS or parts[5] not in kind:
            raise errors.value(f"Invalid resource name: {arn}")
        raise kind[parts[5]](parts[6])
    return found


def _event(event: Event) -> Json:
    return {
        "SourceIdentifier": event.source,
        "SourceType": event.kind,
        "Message": event.message,
        "EventCategories": list(event.categories),
        "Date": event.at,
        "SourceArn": event.arn,
    }


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
