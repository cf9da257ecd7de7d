"""What tests of the twin share: a running twin as its users see it, and waiting with a deadline."""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from twin.core.world import World
from twin.gateway import status


@dataclass(frozen=True)
class Twin:
    """A twin that runs. `environment` is what a command needs to speak of the same one."""

    world: World
    environment: dict[str, str]

    def client(self, service: str) -> Any:
        """A boto3 client of this twin, without retries: what goes wrong is to be seen."""
        return boto3.client(
            service,
            endpoint_url=self.world.gateway_url,
            region_name=self.world.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def status(self) -> dict[str, Any]:
        """What `bin/twin status --json` prints."""
        return status(self.world)


def eventually[T](look: Callable[[], T], good: Callable[[T], object], seconds: float) -> T:
    """Look until what is seen is good and return it; fail after `seconds` with what was last seen."""
    deadline = time.monotonic() + seconds
    while not good(seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still: {seen}")
        time.sleep(0.1)
    return seen


def of(kind: str, depends_on: str | None = None, **properties: Any) -> dict[str, Any]:
    """A resource of a template, of the type AWS::`kind`."""
    made: dict[str, Any] = {"Type": f"AWS::{kind}", "Properties": properties}
    return made | ({"DependsOn": depends_on} if depends_on else {})


def ref(name: str) -> dict[str, str]:
    """A reference to a resource of the same template."""
    return {"Ref": name}


def fill(disk: Path) -> Path:
    """Take all room of a file system; removing the file that is returned gives it back."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
    return filler


def deploy(twin: Twin, name: str, template: dict[str, Any], seconds: float = 60) -> dict[str, str]:
    """Bring a stack to the template by a change set, and return its outputs; fails with the stack's events."""
    cloudformation = twin.client("cloudformation")
    there = name in {one["name"] for one in twin.status()["stacks"]}
    made = f"change-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=made,
        ChangeSetType="UPDATE" if there else "CREATE",
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    seen = eventually(
        lambda: cloudformation.describe_change_set(StackName=name, ChangeSetName=made),
        lambda change_set: change_set["Status"] in ("CREATE_COMPLETE", "FAILED"),
        20,
    )
    assert seen["Status"] == "CREATE_COMPLETE", seen["StatusReason"]
    cloudformation.execute_change_set(StackName=name, ChangeSetName=made)
    stack = eventually(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
        lambda stack: not stack["StackStatus"].endswith("_IN_PROGRESS"),
        seconds,
    )
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    told = [f"{e['LogicalResourceId']} {e['ResourceStatus']} {e.get('ResourceStatusReason', '')}" for e in events]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), "\n".join([stack["StackStatus"], *told])
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def delete(twin: Twin, name: str, seconds: float = 60) -> None:
    """Delete a stack and wait until it is gone."""
    twin.client("cloudformation").delete_stack(StackName=name)
    eventually(lambda: {one["name"] for one in twin.status()["stacks"]}, lambda names: name not in names, seconds)
