"""What must be made again after a restore: objects that live outside the stores."""

import logging
from typing import Any

from localstack.services.plugins import SERVICE_PLUGINS

LOG = logging.getLogger(__name__)


def revive(services: list[str]) -> None:
    """Make again what the restored services keep outside their stores."""
    for service in services:
        provider = getattr(SERVICE_PLUGINS.get_service(service), "_provider", None)
        if service == "events":
            _events(provider)
        elif service == "cloudwatch" and provider is not None:
            provider.on_before_state_load()
            provider.alarm_scheduler.__init__()
            provider.on_after_state_load()
        elif service == "cloudformation":
            _cloudformation()


def _events(provider: Any) -> None:
    from localstack.services.events.event_bus import EventBusService  # noqa: PLC0415 - loaded where it is used
    from localstack.services.events.models import events_stores  # noqa: PLC0415
    from localstack.services.events.rule import RuleService  # noqa: PLC0415

    for account, region, store in events_stores.iter_stores():
        for bus in store.event_buses.values():
            provider._event_bus_services_store[bus.arn] = EventBusService(bus)
            for rule in bus.rules.values():
                service = provider._rule_services_store[rule.arn] = RuleService(rule)
                for target in rule.targets.values():
                    provider.create_target_sender(target, rule.arn, rule.name, region, account)
                if service.schedule_cron:
                    service.create_schedule_job(provider._get_scheduled_rule_job_function(account, region, rule))


def _cloudformation() -> None:
    """A stack that was being changed when the twin ended is a failed one: nobody changes it any more."""
    from localstack.services.cloudformation.stores import cloudformation_stores  # noqa: PLC0415

    for _, _, store in cloudformation_stores.iter_stores():
        for stack in store.stacks_v2.values():
            status = str(stack.status)
            if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
                # A half-done update, or half-undone one, may be updated again; the others are removed and made anew.
                failed = "UPDATE_FAILED" if status.startswith("UPDATE_") else status.replace("_IN_PROGRESS", "_FAILED")
                stack.set_stack_status(failed, "the twin ended meanwhile")
