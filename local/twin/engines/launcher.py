"""Runs inside a container's process before its program: puts its bind and connect under the twin's supervision.

Called as `launcher.py SOCKET PROGRAM [ARGUMENT…]`: installs a seccomp filter that hands both system calls to whoever
holds the listener, sends that listener over the inherited SOCKET, and becomes the program. It imports the standard
library only and needs no privilege (PR_SET_NO_NEW_PRIVS). https://man7.org/linux/man-pages/man2/seccomp_unotify.2.html
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
ALLOW, NOTIFY = 0x7FFF0000, 0x7FC00000
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# Per machine: audit architecture, and the numbers of seccomp, bind, connect.
MACHINES = {"x86_64": (0xC000003E, 317, 49, 42), "aarch64": (0xC00000B7, 277, 200, 203)}


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
    architecture, seccomp, bind, connect = MACHINES[platform.machine()]
    rules = [
        (LOAD, 0, 0, 4),
        (JUMP_IF_EQUAL, 0, 3, architecture),
        (LOAD, 0, 0, 0),
        (JUMP_IF_EQUAL, 2, 0, bind),
        (JUMP_IF_EQUAL, 1, 0, connect),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, NOTIFY),
    ]
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


if __name__ == "__main__":
    main(sys.argv[1:])
