"""A copy of another process's descriptor: both then speak of the same open socket.

https://man7.org/linux/man-pages/man2/pidfd_getfd.2.html
"""

import ctypes
import os

_PIDFD_GETFD = 438


def duplicate(pid: int, descriptor: int) -> int:
    """Copy the process's `descriptor` into this one, to be closed; raises OSError when that is not possible."""
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        copy: int = libc.syscall(_PIDFD_GETFD, pidfd, descriptor, 0)
        if copy < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return copy
    finally:
        os.close(pidfd)
