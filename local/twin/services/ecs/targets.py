"""A service's tasks as targets of its balancers, through the balancer's own API."""

from typing import Any

from botocore.exceptions import ClientError

from twin.services.common.api import client
from twin.services.ecs.models import Service, Task

type Json = dict[str, Any]


class Targets:
    """The target groups of one service."""

    def __init__(self, service: Service, region: str) -> None:
        self._groups: list[Json] = service.settings.get("loadBalancers") or []
        self._elb = client("elbv2", region) if self._groups else None

    def register(self, task: Task) -> None:
        """Make the task a target of each group."""
        for group in self._groups:
            self._elb.register_targets(TargetGroupArn=group["targetGroupArn"], Targets=[_target(task, group)])  # type: ignore[union-attr]

    def deregister(self, task: Task) -> bool:
        """Take the task out of each group; whether it still finishes requests in one. A group that is gone has none."""
        draining = False
        for group in self._groups:
            try:
                state = self._state(task, group)
                if state not in ("unused", "draining", None):
                    self._elb.deregister_targets(  # type: ignore[union-attr]
                        TargetGroupArn=group["targetGroupArn"], Targets=[_target(task, group)]
                    )
                    state = self._state(task, group)
            except ClientError:
                continue
            draining = draining or state == "draining"
        return draining

    def health(self) -> dict[str, Json]:
        """What the balancers say of each target's address: its TargetHealth, the worst of all groups."""
        seen: dict[str, Json] = {}
        for group in self._groups:
            answer = self._elb.describe_target_health(TargetGroupArn=group["targetGroupArn"])  # type: ignore[union-attr]
            for one in answer["TargetHealthDescriptions"]:
                health = {**one["TargetHealth"], "TargetGroupArn": group["targetGroupArn"]}
                if seen.get(one["Target"]["Id"], {}).get("State", "healthy") == "healthy":
                    seen[one["Target"]["Id"]] = health
        return seen

    @property
    def any(self) -> bool:
        """Whether the service stands behind a balancer."""
        return bool(self._groups)

    def _state(self, task: Task, group: Json) -> str | None:
        answer = self._elb.describe_target_health(TargetGroupArn=group["targetGroupArn"])  # type: ignore[union-attr]
        for one in answer["TargetHealthDescriptions"]:
            if one["Target"]["Id"] == task.ip:
                return str(one["TargetHealth"]["State"])
        return None


def _target(task: Task, group: Json) -> Json:
    return {"Id": task.ip, "Port": int(group["containerPort"])}
