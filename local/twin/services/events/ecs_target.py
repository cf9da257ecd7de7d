"""A task as the target of a rule.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
"""

from typing import Any

from localstack.services.events.target import TargetSender

from twin.services.common.api import fault

type Json = dict[str, Any]

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html#ECS-RunTask-request-startedBy
_MOST = 128
# What of EcsParameters goes to RunTask, and under which name.
_PASSED = {
    "TaskCount": "count",
    "LaunchType": "launchType",
    "PlatformVersion": "platformVersion",
    "Group": "group",
    "CapacityProviderStrategy": "capacityProviderStrategy",
    "PlacementConstraints": "placementConstraints",
    "PlacementStrategy": "placementStrategy",
    "EnableECSManagedTags": "enableECSManagedTags",
    "EnableExecuteCommand": "enableExecuteCommand",
    "PropagateTags": "propagateTags",
    "ReferenceId": "referenceId",
    "Tags": "tags",
}


class TaskSender(TargetSender):
    """Runs the task that the target names; the event is no part of it, its Input the overrides."""

    def process_event(self, event: Json, trace_header: object) -> None:
        """Send the event as the rule's input makes it; the CDK gives `{}`, which core would drop as no event."""
        if self.target.get("Input") == "{}":
            self.send_event({}, trace_header)
        else:
            super().process_event(event, trace_header)

    def send_event(self, event: Json, trace_header: object) -> None:  # noqa: ARG002 - the signature is core's
        """Run the task as the target's role; a task that could not be placed is an error."""
        said = self.client.run_task(**run_task(self.target, event), startedBy=f"events-rule/{self.rule_name}"[:_MOST])
        if said["failures"]:
            raise RuntimeError("; ".join(f"{failure['reason']}" for failure in said["failures"]))

    def _validate_input(self, target: Json) -> None:
        super()._validate_input(target)
        if not (target.get("EcsParameters") or {}).get("TaskDefinitionArn"):
            raise fault(
                "ValidationException",
                f"Parameter EcsParameters.TaskDefinitionArn is required for target {target['Id']}.",
            )
        if not target.get("RoleArn"):
            raise fault("ValidationException", f"RoleArn is required for target {target.get('Arn')}.")


def run_task(target: Json, event: Json) -> Json:
    """The request of ECS:RunTask that the target stands for; `event` as the rule's Input or transformer left it."""
    parameters = target["EcsParameters"]
    request: Json = {"cluster": target["Arn"], "taskDefinition": parameters["TaskDefinitionArn"]}
    request |= {passed: parameters[name] for name, passed in _PASSED.items() if parameters.get(name) is not None}
    network = (parameters.get("NetworkConfiguration") or {}).get("awsvpcConfiguration")
    if network:
        names = {"Subnets": "subnets", "SecurityGroups": "securityGroups", "AssignPublicIp": "assignPublicIp"}
        given = {names[name]: value for name, value in network.items() if value is not None}
        request["networkConfiguration"] = {"awsvpcConfiguration": given}
    if event and ("Input" in target or "InputTransformer" in target):
        request["overrides"] = event
    return request
