"""How a change set is carried out: core's engine, but what fails is undone, and what is missing is an error."""

import copy
from datetime import UTC, datetime
from typing import Any

from localstack.aws.api.cloudformation import ChangeAction, ResourceStatus, StackStatus
from localstack.services.cloudformation.engine.v2.change_set_model import NodeResources, is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_executor import (
    ChangeSetModelExecutor,
    ChangeSetModelExecutorResult,
    EventOperationFromAction,
    TriggerRollback,
)
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import (
    DeletionPolicy,
    PreprocProperties,
    UpdateReplacePolicy,
)
from localstack.services.cloudformation.engine.validations import ValidationError
from localstack.services.cloudformation.resource_provider import OperationStatus, ResourceProviderExecutor

from twin.services.cloudformation.replacement import replaces
from twin.services.cloudformation.rollback import Did, Step, Undo, plan
from twin.services.common.resources import SNAPSHOT

type Json = dict[str, Any]

_NO_SNAPSHOT = "The twin takes no snapshot of {type}, as {policy} Snapshot asks: set it to Retain or Delete"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
_SNAPSHOT_BY_DEFAULT = {"AWS::RDS::DBInstance"}
_DID = {ChangeAction.Add: Did.CREATED, ChangeAction.Modify: Did.UPDATED}


def _turn(type_name: str) -> int:
    if type_name in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        return 0
    return 2 if type_name == "AWS::ECS::Service" else 1


class DeletionError(Exception):
    """Resources of a stack that was to be deleted are still there."""


class Executor(ChangeSetModelExecutor):
    """Carries out one change set, or a stack's deletion."""

    def __init__(self, change_set: Any) -> None:
        super().__init__(change_set)
        self._steps: list[Step] = []
        self._failed: tuple[str, str] | None = None
        self._undoing = False
        self._left: list[str] = []
        self._saved: set[str] = set()
        self._creates = change_set.stack.status == StackStatus.CREATE_IN_PROGRESS
        self._former = copy.deepcopy(change_set.stack.resolved_resources)

    def execute(self) -> ChangeSetModelExecutorResult:
        """Do everything; after a failure undo it. Raises DeletionError when a deletion leaves something."""
        stack = self._change_set.stack
        failure = self._construct()
        if stack.status == StackStatus.DELETE_IN_PROGRESS:
            return self._delete(failure)
        if failure is None:
            return self._complete()
        self._roll_back(failure)
        resources = self._standing() if self._creates else self._former | self._standing()
        return ChangeSetModelExecutorResult(resources=resources, outputs=[], failure_message=failure)

    def visit_node_resources(self, node_resources: NodeResources) -> None:
        """Make what a service's tasks need before the service, though nothing says that it depends on it.

        AWS makes side by side what does not depend on one another: there the tasks are tried again until their roles
        have their policies. Here one thing is made after the other.
        """
        node_resources.resources.sort(key=lambda resource: _turn(resource.type_.value))
        super().visit_node_resources(node_resources)

    def _construct(self) -> str | None:
        """Make and change everything; the reason when that has failed."""
        try:
            self.process()
        except TriggerRollback as error:
            return error.reason or "a resource failed without a reason"
        except Exception as error:  # noqa: BLE001 - what the engine cannot resolve fails the stack, not the thread
            return str(error) or type(error).__name__
        return None

    def _complete(self) -> ChangeSetModelExecutorResult:
        """Remove what is no longer wanted; what cannot be removed is told, and the stack is complete all the same."""
        if self._deferred_actions:
            self._change_set.stack.set_stack_status(StackStatus.UPDATE_COMPLETE_CLEANUP_IN_PROGRESS)
        self._clean_up()
        return ChangeSetModelExecutorResult(resources=self._standing(), outputs=self.outputs)

    def _clean_up(self) -> None:
        for deferred in reversed(self._deferred_actions):
            deferred.action()

    def _delete(self, failure: str | None) -> ChangeSetModelExecutorResult:
        if not self._left:  # what cannot go without a snapshot keeps the whole stack
            self._clean_up()
        if failure is None and self._left:
            failure = f"The following resource(s) failed to delete: [{', '.join(self._left)}]. "
        if failure is not None:
            self._change_set.stack.status_reason = failure
            raise DeletionError(failure)
        return ChangeSetModelExecutorResult(resources={}, outputs=[])

    def _standing(self) -> dict[str, Any]:
        """The resources that exist now."""
        return {name: found for name, found in self.resources.items() if found.get("PhysicalResourceId")}

    def _roll_back(self, reason: str) -> None:
        stack, prefix = self._change_set.stack, "" if self._creates else "UPDATE_"
        why = reason
        if self._failed is not None:
            why = f"The following resource(s) failed to {self._failed[1]}: [{self._failed[0]}]. "
        stack.set_stack_status(StackStatus(f"{prefix}ROLLBACK_IN_PROGRESS"), why)
        self._undoing, self._left = True, []
        former = {} if self._creates else self._former
        todo = plan(self._steps, former, _has_id, self._retained())
        for undo in todo:
            self._undo(undo)
        if self._failed is not None and self._failed[0] not in {**former, **self._standing()}:
            stack.resource_states.pop(self._failed[0], None)
        self._put_template_back()
        self._end_roll_back(prefix, todo)

    def continue_roll_back(self, todo: list[Undo]) -> None:
        """Try again to undo what an update's rollback had left, and say how that ended."""
        stack = self._change_set.stack
        self._undoing, self._left = True, []
        self.resources.update(copy.deepcopy(stack.resolved_resources))
        for undo in todo:
            self._undo(undo)
        stack.resolved_resources = self._standing()
        self._end_roll_back("UPDATE_", todo)

    def _end_roll_back(self, prefix: str, todo: list[Undo]) -> None:
        stack = self._change_set.stack
        stack.left_to_undo = (self._change_set, [undo for undo in todo if undo.name in self._left])
        if self._left:
            text = f"The following resource(s) could not be rolled back: [{', '.join(self._left)}]. "
            stack.set_stack_status(StackStatus(f"{prefix}ROLLBACK_FAILED"), text)
        else:
            stack.set_stack_status(StackStatus(f"{prefix}ROLLBACK_COMPLETE"))

    def _undo(self, undo: Undo) -> None:
        action = ChangeAction.Remove if undo.wanted is None else ChangeAction.Modify
        told = {"action": action, "logical_resource_id": undo.name, "resource_type": undo.type}
        if undo.kept:
            skipped = ResourceStatus.DELETE_SKIPPED
            self._process_event(**told, event_status=OperationStatus.SUCCESS, custom_status=skipped)
            for kept in (self.resources, self._change_set.stack.resource_states):
                kept.pop(undo.name, None)  # it is the stack's no longer
            return
        self._process_event(**told, event_status=OperationStatus.IN_PROGRESS)
        event = self._execute_resource_action(
            **told,
            before_properties=PreprocProperties(undo.standing),
            after_properties=None if undo.wanted is None else PreprocProperties(undo.wanted),
            part_of_replacement=undo.wanted is None,
        )
        if event.status != OperationStatus.SUCCESS:
            self._left.append(undo.name)
        elif undo.wanted is None:
            # Of a replacement, what was replaced still stands.
            self.resources.pop(undo.name, None)
            if undo.name in self._former:
                self.resources[undo.name] = self._former[undo.name]
        self._process_event(**told, event_status=event.status, reason=event.message)

    def _retained(self) -> frozenset[str]:
        resources = (self._change_set.processed_template or {}).get("Resources") or {}
        return frozenset(name for name, one in resources.items() if one.get("DeletionPolicy") == DeletionPolicy.Retain)

    def _put_template_back(self) -> None:
        """What the stack keeps as its template must be what stands: its later deletion goes by that."""
        change_set, stack = self._change_set, self._change_set.stack
        if self._creates:
            left = {
                name: {"Type": one["Type"], "Properties": one.get("SpecifiedProperties") or {}}
                for name, one in self._standing().items()
            }
            change_set.processed_template = {**(change_set.processed_template or {}), "Resources": left, "Outputs": {}}
            return
        for name in ("template", "processed_template", "template_body", "resolved_parameters"):
            setattr(change_set, name, getattr(stack, name))

    def _execute_resource_change(self, name: str, before: Any, after: Any) -> None:
        if is_nothing(after) and not is_nothing(before):
            if name not in self._former:
                return  # never made, or removed by a rollback
            kept = name in getattr(self._change_set.stack, "retained", ())
            if kept or before.deletion_policy == DeletionPolicy.RetainExceptOnCreate:
                before.deletion_policy = DeletionPolicy.Retain
            unsaid = is_nothing(before.deletion_policy) or before.deletion_policy is None
            by_default = unsaid and before.resource_type in _SNAPSHOT_BY_DEFAULT
            asked = before.deletion_policy == DeletionPolicy.Snapshot or by_default
            if asked and not self._save(name, before.resource_type, "DeletionPolicy"):
                return
        elif not is_nothing(after) and not is_nothing(before):
            fixed = _schema(after.resource_type).get("createOnlyProperties") or []
            after.requires_replacement = replaces(fixed, before.properties.properties, after.properties.properties)
            if after.requires_replacement and after.update_replace_policy == UpdateReplacePolicy.Snapshot:
                self._save(name, after.resource_type, "UpdateReplacePolicy")
        super()._execute_resource_change(name=name, before=before, after=after)

    def _save(self, name: str, resource_type: str, policy: str) -> bool:
        """Let the resource's removal leave a snapshot behind; False, or TriggerRollback, when its type takes none.

        That fails the stack's deletion or, before anything is replaced or removed, its update.
        """
        if getattr(ResourceProviderExecutor.try_load_resource_provider(resource_type), "SNAPSHOTS", False):
            self._saved.add(name)
            return True
        deletes = self._change_set.stack.status == StackStatus.DELETE_IN_PROGRESS
        reason = _NO_SNAPSHOT.format(type=resource_type, policy=policy)
        self._process_event(
            action=ChangeAction.Remove if deletes else ChangeAction.Modify,
            logical_resource_id=name,
            event_status=OperationStatus.FAILED,
            resource_type=resource_type,
            reason=reason,
        )
        if not deletes:
            raise TriggerRollback(name, reason)
        self._left.append(name)
        return False

    def create_resource_provider_payload(self, action: Any, logical_resource_id: str, *rest: Any, **more: Any) -> Any:
        """What is handed to the type; a removal that is to leave a snapshot behind is told so."""
        payload = super().create_resource_provider_payload(action, logical_resource_id, *rest, **more)
        if action == ChangeAction.Remove and logical_resource_id in self._saved and not self._undoing:
            payload["callbackContext"][SNAPSHOT] = True
        return payload

    def _execute_resource_action(
        self,
        *,
        action: Any,
        logical_resource_id: str,
        resource_type: str,
        before_properties: Any,
        after_properties: Any,
        part_of_replacement: bool = False,
    ) -> Any:
        event = super()._execute_resource_action(
            action=action,
            logical_resource_id=logical_resource_id,
            resource_type=resource_type,
            before_properties=before_properties,
            after_properties=after_properties,
            part_of_replacement=part_of_replacement,
        )
        ok = event.status == OperationStatus.SUCCESS
        if action == ChangeAction.Remove and not ok and not self._undoing:
            self._left.append(logical_resource_id)
        if action in _DID and not self._undoing:
            asked = dict(after_properties.properties) if after_properties else {}
            model = dict(event.resource_model or {})
            self._steps.append(Step(_DID[action], logical_resource_id, resource_type, asked, model, ok))
        return event

    def _process_event(
        self,
        *,
        action: Any,
        logical_resource_id: str,
        event_status: Any,
        resource_type: str,
        special_action: str | None = None,
        reason: str | None = None,
        custom_status: Any = None,
    ) -> None:
        """Tell what happens with a resource. Core would end the stack at once, and tell of the failure again for
        each resource that waited for the failed one."""
        failed = event_status == OperationStatus.FAILED
        if failed and not self._undoing and action != ChangeAction.Remove:
            if self._failed is not None:
                return
            self._failed = (logical_resource_id, "create" if action == ChangeAction.Add else "update")
        verb = special_action or EventOperationFromAction[action.value]
        outcome = "COMPLETE" if event_status == OperationStatus.SUCCESS else event_status.name
        stack, status = self._change_set.stack, ResourceStatus(custom_status or f"{verb}_{outcome}")
        stack.resource_states.setdefault(logical_resource_id, {})
        physical_id = self._get_physical_id(logical_resource_id, False)
        stack.set_resource_status(
            logical_resource_id=logical_resource_id,
            physical_resource_id=physical_id,
            resource_type=resource_type,
            status=status,
            resource_status_reason=reason or None,
        )
        if status == ResourceStatus.DELETE_COMPLETE and self.resources.get(logical_resource_id, {}).get(
            "PhysicalResourceId"
        ):
            # What was replaced is gone, what replaces it stands.
            stack.resource_states[logical_resource_id] = {
                "StackName": stack.stack_name,
                "StackId": stack.stack_id,
                "LogicalResourceId": logical_resource_id,
                "PhysicalResourceId": physical_id,
                "ResourceType": resource_type,
                "Timestamp": datetime.now(UTC),
                "ResourceStatus": ResourceStatus.UPDATE_COMPLETE,
            }

    def _resolve_attribute(self, arguments: Any, select_before: bool) -> Any:
        value = super()._resolve_attribute(arguments=arguments, select_before=select_before)
        if value is None and not select_before:
            name, attribute = arguments.split(".", 1) if isinstance(arguments, str) else (arguments[0], arguments[1])
            text = f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt"
            raise ValidationError(text)
        return value

    def visit_node_intrinsic_function_fn_import_value(self, node_intrinsic_function: Any) -> Any:
        """The export's value; one that is not there is an error."""
        delta = super().visit_node_intrinsic_function_fn_import_value(node_intrinsic_function)
        wanted = self.visit(node_intrinsic_function.arguments).after
        if not is_nothing(wanted) and is_nothing(delta.after):
            raise ValidationError(f"No export named {wanted} found.")
        return delta


def _has_id(resource_type: str, model: Json) -> bool:
    paths = _schema(resource_type).get("primaryIdentifier") or []
    return bool(model) and all(model.get(path.removeprefix("/properties/").split("/")[0]) for path in paths)


def _schema(resource_type: str) -> Json:
    provider = ResourceProviderExecutor.try_load_resource_provider(resource_type)
    found: Json = getattr(provider, "SCHEMA", {})
    return found
