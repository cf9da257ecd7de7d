"""Files that are either the old or the new one, never half of each."""

import os
from pathlib import Path


def write_atomic(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Write `content` to `path` by renaming a finished file over it, durable on return.

    Raises OSError as the file system gives it; the old file then still stands.
    """
    data = content.encode() if isinstance(content, str) else content
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
