"""A network of this thread alone: nothing but its own loopback exists there."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000


@contextmanager
def private_network() -> Iterator[bool]:
    """Move this thread, and what it starts, into a network namespace of its own and back.

    Gives whether it could: that takes root, Linux and the program `ip`. Otherwise the network stays
    as it is.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not shutil.which("ip") or not hasattr(libc, "unshare"):
        yield False
        return
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            yield False
            return
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield True
        finally:
            assert libc.setns(here, _CLONE_NEWNET) == 0
    finally:
        os.close(here)
