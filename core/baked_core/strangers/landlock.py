"""Landlock: a kernel's own list of what a process may still reach of its file system: nothing, or folders to read."""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Sequence
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION: Final = 1
_BENEATH: Final = 1
_READ: Final = 1 << 2 | 1 << 3
"""Reading files and folders."""
_RIGHTS: Final = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each version of the interface knows."""
_NEWEST: Final = 5
_NET: Final = 4
"""The version from which TCP can be forbidden too, by two rights."""
_SCOPES: Final = 6
"""The version from which signals to others and abstract sockets can be forbidden too."""
_SET_NO_NEW_PRIVS: Final = 38


def lock(folders: Sequence[str] = ()) -> str:
    """Forbid all but reading in ``folders``, for ever; return why it cannot be done, or ""."""
    if sys.platform != "linux":
        return f"not known for {sys.platform}"
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE, None, ctypes.c_size_t(0), _ASK_VERSION)
    if version < 1:
        return f"the kernel does not have it: {_reason()}"
    files = (1 << _RIGHTS[min(version, _NEWEST)]) - 1
    attributes = struct.pack("QQQ", files, 3 if version >= _NET else 0, 3 if version >= _SCOPES else 0)
    size = 24 if version >= _SCOPES else 16 if version >= _NET else 8
    ruleset = libc.syscall(_CREATE, ctypes.create_string_buffer(attributes, size), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        return f"the kernel refuses: {_reason()}"
    try:
        return _restrict(libc, ruleset, folders)
    finally:
        os.close(ruleset)


def _restrict(libc: ctypes.CDLL, ruleset: int, folders: Sequence[str]) -> str:
    for folder in folders:
        place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = struct.pack("=Qi", _READ, place)
        failed = libc.syscall(_ADD, ruleset, _BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0)
        os.close(place)
        if failed:
            return f"a folder cannot be named: {_reason()}"
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT, ruleset, 0):
        return f"the kernel refuses: {_reason()}"
    return ""


def _reason() -> str:
    return errno.errorcode.get(ctypes.get_errno(), "?")
