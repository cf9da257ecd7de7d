"""The CloudFormation types of CloudWatch Logs."""

import json
from typing import Any

from twin.services.common.resources import Progress, Request, Resource, done, failed, retag, tags_of, unless_gone
from twin.services.common.typed import typed
from twin.services.logs.patterns import PatternError, parse

type Json = dict[str, Any]


class LogGroup(Resource):
    """A log group. Its class and its key are recorded."""

    TYPE, REF = "AWS::Logs::LogGroup", "LogGroupName"
    HONOURED = frozenset({"LogGroupName", "RetentionInDays", "Tags"})
    RECORDED = frozenset({"KmsKeyId", "LogGroupClass"})

    def create(self, request: Request) -> Progress:
        """Make it."""
        model, logs = request.desired_state, self.client(request)
        name = model.get("LogGroupName") or self.generated_name(request, 512)
        wanted: Json = {"logGroupName": name}
        if model.get("Tags"):
            wanted["tags"] = {tag["Key"]: tag["Value"] for tag in tags_of(model)}
        if model.get("KmsKeyId"):
            wanted["kmsKeyId"] = model["KmsKeyId"]
        logs.create_log_group(**wanted)
        model |= {"LogGroupName": name, "Arn": f"{_arn(request, name)}:*"}
        _retain(logs, model, {})
        return done(model)

    def update(self, request: Request) -> Progress:
        """Change retention and tags."""
        model, before, logs = request.desired_state, request.previous_state or {}, self.client(request)
        model |= {name: before[name] for name in ("LogGroupName", "Arn")}
        _retain(logs, model, before)
        arn = _arn(request, model["LogGroupName"])
        retag(
            model,
            before,
            put=lambda tags: logs.tag_resource(resourceArn=arn, tags={tag["Key"]: tag["Value"] for tag in tags}),
            take=lambda keys: logs.untag_resource(resourceArn=arn, tagKeys=keys),
        )
        return done(model)

    def delete(self, request: Request) -> Progress:
        """Remove it with its events; one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_log_group(logGroupName=request.desired_state["LogGroupName"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The group as Logs has it."""
        model = request.desired_state
        found = self.client(request).describe_log_groups(logGroupNamePrefix=model["LogGroupName"])["logGroups"]
        seen = next(group for group in found if group["logGroupName"] == model["LogGroupName"])
        kept = {"RetentionInDays": seen["retentionInDays"]} if "retentionInDays" in seen else {}
        return done(model | kept)


class MetricFilter(Resource):
    """Turns log events into datapoints; a pattern that the twin cannot match is refused."""

    TYPE, REF = "AWS::Logs::MetricFilter", "FilterName"
    HONOURED = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})

    def create(self, request: Request) -> Progress:
        """Put it."""
        model, logs = request.desired_state, self.client(request)
        try:
            parse(model["FilterPattern"])
        except PatternError as error:
            return failed({}, str(error))
        name = model.get("FilterName") or self.generated_name(request, 512)
        wanted = {
            "filterName": name,
            "filterPattern": model["FilterPattern"],
            "logGroupName": model["LogGroupName"],
            "metricTransformations": [_transformation(one) for one in model["MetricTransformations"]],
        }
        logs.put_metric_filter(**typed(logs, "PutMetricFilter", wanted))
        return done(model | {"FilterName": name})

    def update(self, request: Request) -> Progress:
        """Put it anew under its name."""
        request.desired_state["FilterName"] = (request.previous_state or {})["FilterName"]
        return self.create(request)

    def delete(self, request: Request) -> Progress:
        """Remove it; one that went with its group is no error."""
        model = request.desired_state
        names = {"filterName": model["FilterName"], "logGroupName": model["LogGroupName"]}
        with unless_gone():
            self.client(request).delete_metric_filter(**names)
        return done({})

    def read(self, request: Request) -> Progress:
        """The filter as it was put."""
        return done(request.desired_state)


class ResourcePolicy(Resource):
    """Lets an AWS service write logs. Nothing in the twin asks it yet: recorded."""

    TYPE, REF = "AWS::Logs::ResourcePolicy", "PolicyName"
    HONOURED = frozenset({"PolicyName"})
    RECORDED = frozenset({"PolicyDocument"})

    def create(self, request: Request) -> Progress:
        """Put it."""
        model = request.desired_state
        document = model["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        self.client(request).put_resource_policy(policyName=model["PolicyName"], policyDocument=text)
        return done(model)

    update = create

    def delete(self, request: Request) -> Progress:
        """Remove it; one that is gone is no error."""
        with unless_gone():
            self.client(request).delete_resource_policy(policyName=request.desired_state["PolicyName"])
        return done({})

    def read(self, request: Request) -> Progress:
        """The policy as it was put."""
        return done(request.desired_state)


def _arn(request: Request, name: str) -> str:
    return f"arn:aws:logs:{request.region_name}:{request.account_id}:log-group:{name}"


def _retain(logs: Any, model: Json, before: Json) -> None:
    name, days = model["LogGroupName"], model.get("RetentionInDays")
    if days:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    elif before.get("RetentionInDays"):
        logs.delete_retention_policy(logGroupName=name)


def _transformation(one: Json) -> Json:
    made = {key[:1].lower() + key[1:]: value for key, value in one.items()}
    if "dimensions" in made:
        made["dimensions"] = {pair["Key"]: pair["Value"] for pair in made["dimensions"]}
    return made


RESOURCES: list[type[Resource]] = [LogGroup, MetricFilter, ResourcePolicy]
