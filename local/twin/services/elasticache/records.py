"""The operations on what is only told: events, versions, tags."""

from datetime import UTC, datetime, timedelta

from twin.services.common.api import Json, Provider, RequestContext, operation, tag_list, tags_from
from twin.services.common.paging import page
from twin.services.elasticache import errors, parameters, registry
from twin.services.elasticache.models import Event

# Events are told for 14 days, and where no time is named those of the last hour:
# https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_DescribeEvents.html
DEFAULT_MINUTES = 60


class Records(Provider):
    """Events, engine versions, tags."""

    @operation("DescribeEvents")
    def describe_events(self, context: RequestContext, request: Json) -> Json:
        """What happened to groups and nodes, the oldest first."""
        source, kind = request.get("SourceIdentifier"), request.get("SourceType")
        if source and not kind:
            raise errors.combination("SourceType must be specified when SourceIdentifier is.")
        until = request.get("EndTime") or datetime.now(UTC)
        minutes = timedelta(minutes=int(request.get("Duration") or DEFAULT_MINUTES))
        since = request.get("StartTime") or until - minutes
        found = [
            _event(event)
            for event in list(registry.store(context).events)
            if since <= event.at <= until and source in (None, event.source) and kind in (None, event.kind)
        ]
        return page("Events", found, request)

    @operation("DescribeCacheEngineVersions")
    def describe_cache_engine_versions(self, context: RequestContext, request: Json) -> Json:
        """The one version that runs here; nothing for a question about another."""
        registry.store(context)
        shown = {
            "Engine": parameters.ENGINE,
            "EngineVersion": parameters.version(),
            "CacheParameterGroupFamily": parameters.family(),
            "CacheEngineDescription": "Valkey",
            "CacheEngineVersionDescription": f"Valkey version {parameters.version()}",
        }
        asked = ("Engine", "EngineVersion", "CacheParameterGroupFamily")
        fits = all(not request.get(name) or shown[name].startswith(request[name]) for name in asked)
        return {"CacheEngineVersions": [shown] if fits else []}

    @operation("ListTagsForResource")
    def list_tags_for_resource(self, context: RequestContext, request: Json) -> Json:
        """The tags of what the ARN names."""
        return {"TagList": tag_list(dict(registry.Tagged(registry.store(context), request["ResourceName"]).tags))}

    @operation("AddTagsToResource")
    def add_tags_to_resource(self, context: RequestContext, request: Json) -> Json:
        """Add tags, or change those that stand."""
        tagged = registry.Tagged(registry.store(context), request["ResourceName"])
        return {"TagList": tagged.put({**tagged.tags, **tags_from(request)})}

    @operation("RemoveTagsFromResource")
    def remove_tags_from_resource(self, context: RequestContext, request: Json) -> Json:
        """Take tags away."""
        tagged = registry.Tagged(registry.store(context), request["ResourceName"])
        gone = set(request.get("TagKeys") or [])
        return {"TagList": tagged.put({key: value for key, value in tagged.tags.items() if key not in gone})}


def _event(event: Event) -> Json:
    return {"SourceIdentifier": event.source, "SourceType": event.kind, "Message": event.message, "Date": event.at}
