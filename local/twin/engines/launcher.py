"""Runs inside a container's process before its program: puts its bind and connect under the twin's supervision.

Called as `launcher.py SOCKET PROGRAM [ARGUMENT…]`: installs a seccomp filter that hands both system calls, and a sendto
that names an address, to whoever holds the listener, sends that listener over the inherited SOCKET, and becomes the
program. It imports the standard library only and needs no privilege (PR_SET_NO_NEW_PRIVS).
https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html
"""

import array
import ctypes
import os
import platform
import socket
import struct
import sys

PR_SET_NO_NEW_PRIVS = 38
SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3
ALLOW, NOTIFY, FAIL = 0x7FFF0000, 0x7FC00000, 0x00050000
LOAD, JUMP_IF_EQUAL, JUMP_IF_ANY, RETURN = 0x20, 0x15, 0x45, 0x06
ENOSYS, EPERM, EOPNOTSUPP = 38, 1, 95
# Per machine: audit architecture, and the numbers of seccomp, bind, connect, sendto, sendmsg, sendmmsg.
MACHINES = {
    "x86_64": (0xC000003E, 317, 49, 42, 44, 46, 307),
    "aarch64": (0xC00000B7, 277, 200, 203, 206, 211, 269),
}
IO_URING_SETUP = 425
X32 = 0x40000000
MSG_FASTOPEN = 0x20000000
ARGUMENTS = 16


def main(arguments: list[str]) -> None:
    """Install the filter, hand over its listener, become the program."""
    channel = socket.socket(fileno=int(arguments[0]))
    listener = install()
    channel.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
    channel.recv(1)  # until the supervisor has taken it: nothing may be called before
    os.close(listener)
    channel.close()
    os.execvp(arguments[1], arguments[1:])  # noqa: S606 - to become another program is its purpose


def install() -> int:
    """Install the filter on this process and all it starts; return the listener's descriptor."""
    rules = _rules()
    seccomp = MACHINES[platform.machine()][1]
    code = b"".join(struct.pack("HBBI", *rule) for rule in rules)
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(rules), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_NO_NEW_PRIVS")
    listener: int = libc.syscall(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, program)
    if listener < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"this kernel does not let a process be supervised: {os.strerror(error)}")
    return listener


def _rules() -> list[tuple[int, int, int, int]]:
    """The filter's program. What would open a connection without a connect is not there, as where an administrator
    has turned it off: TCP Fast Open, and io_uring, which Docker's default profile refuses too.
    """
    architecture, _, bind, connect, sendto, sendmsg, sendmmsg = MACHINES[platform.machine()]
    notify, allow, fail = "notify", "allow", "fail"
    plan: list[tuple[int, str, str, int] | str | tuple[int, int]] = [
        (LOAD, 4),
        (JUMP_IF_EQUAL, "", "nosys", architecture),
        (LOAD, 0),
        (JUMP_IF_ANY, "nosys", "", X32),
        (JUMP_IF_EQUAL, notify, "", bind),
        (JUMP_IF_EQUAL, notify, "", connect),
        (JUMP_IF_EQUAL, "eperm", "", IO_URING_SETUP),
        (JUMP_IF_EQUAL, "flags2", "", sendmsg),
        (JUMP_IF_EQUAL, "flags3", "", sendmmsg),
        (JUMP_IF_EQUAL, "", allow, sendto),
        (LOAD, ARGUMENTS + 8 * 3),
        (JUMP_IF_ANY, fail, "", MSG_FASTOPEN),
        (LOAD, ARGUMENTS + 8 * 4),  # the address that it names: none on a connection
        (JUMP_IF_EQUAL, "", notify, 0),
        (LOAD, ARGUMENTS + 8 * 4 + 4),
        (JUMP_IF_EQUAL, allow, notify, 0),
        "flags2",
        (LOAD, ARGUMENTS + 8 * 2),
        (JUMP_IF_ANY, fail, allow, MSG_FASTOPEN),
        "flags3",
        (LOAD, ARGUMENTS + 8 * 3),
        (JUMP_IF_ANY, fail, allow, MSG_FASTOPEN),
        allow,
        (RETURN, ALLOW),
        notify,
        (RETURN, NOTIFY),
        fail,
        (RETURN, FAIL | EOPNOTSUPP),
        "nosys",
        (RETURN, FAIL | ENOSYS),
        "eperm",
        (RETURN, FAIL | EPERM),
    ]
    return _assembled(plan)


def _assembled(plan: list[tuple[int, str, str, int] | str | tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """The plan with its labels, which are texts, turned into distances; an empty one is the next line."""
    places: dict[str, int] = {}
    lines: list[tuple[int, str, str, int]] = []
    for one in plan:
        if isinstance(one, str):
            places[one] = len(lines)
        elif len(one) == 4:  # noqa: PLR2004 - a jump
            lines.append(one)
        else:
            lines.append((one[0], "", "", one[1]))

    def distance(label: str, here: int) -> int:
        return places[label] - here - 1 if label else 0

    return [(code, distance(yes, at), distance(no, at), value) for at, (code, yes, no, value) in enumerate(lines)]


if __name__ == "__main__":
    main(sys.argv[1:])
