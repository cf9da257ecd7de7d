"""Core's EventBridge, with tasks as targets and its own scheduler put to rest."""

from localstack.services.events.provider import EventsProvider
from localstack.services.events.rule import RuleService
from localstack.services.events.target import TargetSenderFactory
from localstack.services.plugins import Service

from twin.services.common.api import fault
from twin.services.events.ecs_target import TaskSender
from twin.services.events.schedule import ScheduleError, parse


def serve() -> Service:
    """The service: a schedule that would never fire is refused, the others are the controller's."""
    TargetSenderFactory.register_target_sender("ecs", TaskSender)
    RuleService.create_schedule_job = lambda *_: None
    RuleService._get_schedule_cron = _checked
    return Service.for_provider(EventsProvider())


def _checked(_: RuleService, expression: str) -> str:
    try:
        parse(expression)
    except ScheduleError as error:
        raise fault("ValidationException", f"Parameter ScheduleExpression is not valid. {error}") from error
    return expression
