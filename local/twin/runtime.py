"""How LocalStack is started inside the twin: its settings, all of them, and nothing of the caller's environment."""

import os
import sys

from twin.core.processes import MARK
from twin.core.world import World

# What of the caller's environment the twin's processes may see.
PASSED_ON = ("HOME", "PATH", "LANG", "LC_ALL", "TZ", "TWIN_ID", "TWIN_SPEED", "TWIN_IAM")


def command() -> list[str]:
    """The main process: LocalStack's runtime in host mode, which loads our plug-ins."""
    return [sys.executable, "-m", "localstack.runtime.main"]


def environment(here: World) -> dict[str, str]:
    """The environment of the main process.

    LocalStack keeps the names of plug-ins under XDG_CACHE_HOME: a private one never hides ours. Nothing listens
    but on 127.0.0.1, and nothing asks a host outside.
    """
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed_on | {
        MARK: here.marker,
        "TWIN_STATE": str(here.state),
        "PYTHONUNBUFFERED": "1",
        # With many threads the allocator would keep an arena of memory for each.
        "MALLOC_ARENA_MAX": "2",
        "XDG_CACHE_HOME": str(here.directory("localstack", "cache")),
        # LocalStack keeps the bytes of S3 objects below it, by bucket: twins side by side must not share it.
        "TMPDIR": str(here.directory("localstack", "tmp")),
        "LOCALSTACK_VOLUME_DIR": str(here.directory("localstack", "volume")),
        "GATEWAY_LISTEN": f"127.0.0.1:{here.gateway_port}",
        "LOCALSTACK_HOST": f"127.0.0.1:{here.gateway_port}",
        "AWS_DEFAULT_REGION": here.region,
        "EAGER_SERVICE_LOADING": "0",
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "PROVIDER_OVERRIDE_CLOUDFORMATION": "twin",
        "PROVIDER_OVERRIDE_EVENTS": "twin",
        "CFN_PER_RESOURCE_TIMEOUT": "900",
        "CFN_IGNORE_UNSUPPORTED_RESOURCE_TYPES": "0",
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "LS_LOG": "warning",
    }
