"""What tests of the twin share: a running twin as its users see it, and waiting with a deadline."""

import time
from collections.abc import Callable
from dataclasses import dataclass
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
