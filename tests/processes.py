"""What runs of a twin, as the system sees it: its family of processes, where they listen, what memory they take."""

import os
import socket
from pathlib import Path


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children_of = _children()
    found, frontier = [pid], [pid]
    while frontier:
        below = children_of.get(frontier.pop(), [])
        found += below
        frontier += below
    return found


def children(pid: int) -> list[int]:
    """The processes that the process has started or adopted."""
    return _children().get(pid, [])


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            found.setdefault(int(fields[1]), []).append(int(entry.name))
    return found


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for yet does not."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def program(pid: int) -> str:
    """A short name for what the process runs."""
    try:
        words = [word.decode(errors="replace") for word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")]
    except OSError:
        return "?"
    name = os.path.basename(words[0].split(":")[0])
    if name.startswith("python"):
        name = os.path.basename(next((word for word in words[1:] if word and not word.startswith("-")), name))
    return name or "?"


def pss(pid: int) -> float:
    """Its proportional set size in MB: what it shares counts by its part."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_seconds(pid: int) -> float:
    """The processor time that it has used, its own and the kernel's for it; of one that has ended none."""
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK") if fields else 0


def listening(pids: list[int]) -> list[str]:
    """Every address and port, IPv4 and IPv6, TCP, on which one of the processes listens."""
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    found = []
    for family_, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                address, port = fields[1].split(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                found.append(f"{socket.inet_ntop(family_, b''.join(words))}:{int(port, 16)}")
    return sorted(found)


def _sockets(pid: int) -> list[str]:
    found = []
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            found.append(os.readlink(entry.path))
    except OSError:
        return found
    return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return []
