"""The CloudFormation types of EventBridge."""

import json

from twin.services.common.api import Json
from twin.services.common.resources import Progress, Request, Resource, done, failed, retag, tagged, unless_gone
from twin.services.common.typed import typed

_TASK = (
    "EnableECSManagedTags", "EnableExecuteCommand", "Group", "LaunchType", "NetworkConfiguration", "PlatformVersion",
    "PropagateTags", "TaskCount", "TaskDefinitionArn",
)  # fmt: skip
_TARGET = ("Arn", "Id", "Input", "InputPath", "InputTransformer", "RoleArn", "SqsParameters")
# CloudFormation writes one name otherwise than the API.
_OTHER_NAMES = {"AwsVpcConfiguration": "awsvpcConfiguration"}


class Rule(Resource):
    """A rule with its targets."""

    TYPE, REF = "AWS::Events::Rule", "Name"
    HONOURED = frozenset(
        {"Description", "EventBusName", "EventPattern", "Name", "RoleArn", "ScheduleExpression", "State", "Tags"}
        | {f"Targets.*.{name}" for name in _TARGET}
        | {f"Targets.*.EcsParameters.{name}" for name in _TASK}
    )

    def create(self, request: Request) -> Progress:
        """Put the rule, then its targets."""
        model = request.desired_state
        model["Name"] = model.get("Name") or self.generated_name(request, 64, distinct=True)
        return self._put(request, {})

    def update(self, request: Request) -> Progress:
        """Put it anew; targets that are no more are removed."""
        before = request.previous_state or {}
        request.desired_state["Name"] = before["Name"]
        return self._put(request, before)

    def delete(self, request: Request) -> Progress:
        """Remove its targets and then the rule; one that is gone is no error."""
        model, events = request.desired_state, self.client(request)
        bus = _bus(model)
        with unless_gone():
            targets = events.list_targets_by_rule(Rule=model["Name"], **bus)["Targets"]
            if targets:
                events.remove_targets(Rule=model["Name"], Ids=[target["Id"] for target in targets], **bus)
            events.delete_rule(Name=model["Name"], **bus)
        return done({})

    def read(self, request: Request) -> Progress:
        """The rule as EventBridge has it."""
        model = request.desired_state
        seen = self.client(request).describe_rule(Name=model["Name"], **_bus(model))
        return done(model | {"Arn": seen["Arn"], "State": seen["State"]})

    def _put(self, request: Request, before: Json) -> Progress:
        model, events = request.desired_state, self.client(request)
        wanted = {
            name: model[name] for name in ("Description", "RoleArn", "ScheduleExpression", "State") if model.get(name)
        }
        if model.get("EventPattern"):
            wanted["EventPattern"] = json.dumps(model["EventPattern"])
        made = events.put_rule(Name=model["Name"], **wanted, **_bus(model), **({} if before else tagged(model)))
        model["Arn"] = made["RuleArn"]
        targets = [_as_api(target) for target in model.get("Targets") or []]
        kept = {target["Id"] for target in targets}
        if gone := [target["Id"] for target in before.get("Targets") or [] if target["Id"] not in kept]:
            events.remove_targets(Rule=model["Name"], Ids=gone, **_bus(model))
        if targets:
            wanted = typed(events, "PutTargets", {"Rule": model["Name"], "Targets": targets, **_bus(model)})
            said = events.put_targets(**wanted)
            if said["FailedEntryCount"]:
                return failed(model, "; ".join(entry["ErrorMessage"] for entry in said["FailedEntries"]))
        if before:
            retag(
                model,
                before,
                put=lambda tags: events.tag_resource(ResourceARN=model["Arn"], Tags=tags),
                take=lambda keys: events.untag_resource(ResourceARN=model["Arn"], TagKeys=keys),
            )
        return done(model)


def _bus(model: Json) -> Json:
    return {"EventBusName": model["EventBusName"]} if model.get("EventBusName") else {}


def _as_api(value: Json) -> Json:
    return {
        _OTHER_NAMES.get(name, name): _as_api(one) if isinstance(one, dict) and name != "InputPathsMap" else one
        for name, one in value.items()
    }


RESOURCES: list[type[Resource]] = [Rule]
