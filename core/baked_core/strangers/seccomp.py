"""seccomp: the system calls that a process may still make once it is warm; all others fail with EPERM.

The numbers are the kernel's own and never change: x86_64 from arch/x86/entry/syscalls/syscall_64.tbl, aarch64 from
include/uapi/asm-generic/unistd.h.
"""

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

_SET_NO_NEW_PRIVS: Final = 38
_SET_SECCOMP: Final = 22
_FILTER: Final = 2

_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_KILL: Final = 0x80000000

_LOAD: Final = 0x20
_IF_EQUAL: Final = 0x15
_IF_AT_LEAST: Final = 0x35
_IF_BITS: Final = 0x45
_RETURN: Final = 0x06

_NUMBER, _ARCHITECTURE, _PROTECTION = 0, 4, 32
"""Where a filter finds them: the call's number, the architecture, the third argument."""
_EXECUTABLE: Final = 4
_X32: Final = 0x40000000
"""Numbers from here on are calls of another ABI, with other meanings."""


class Machine(Struct, frozen=True):
    """One architecture and its numbers."""

    architecture: int
    calls: Mapping[str, int]


_X86_64: Final = {
    "read": 0,
    "write": 1,
    "close": 3,
    "fstat": 5,
    "poll": 7,
    "lseek": 8,
    "mmap": 9,
    "mprotect": 10,
    "munmap": 11,
    "brk": 12,
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "pread64": 17,
    "sched_yield": 24,
    "mremap": 25,
    "madvise": 28,
    "nanosleep": 35,
    "setitimer": 38,
    "getpid": 39,
    "sendto": 44,
    "recvfrom": 45,
    "sendmsg": 46,
    "recvmsg": 47,
    "exit": 60,
    "fcntl": 72,
    "gettimeofday": 96,
    "getrusage": 98,
    "sigaltstack": 131,
    "gettid": 186,
    "time": 201,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_nanosleep": 230,
    "exit_group": 231,
    "getrandom": 318,
}
_AARCH64: Final = {
    "fcntl": 25,
    "close": 57,
    "lseek": 62,
    "read": 63,
    "write": 64,
    "pread64": 67,
    "ppoll": 73,
    "fstat": 80,
    "exit": 93,
    "exit_group": 94,
    "futex": 98,
    "nanosleep": 101,
    "setitimer": 103,
    "clock_gettime": 113,
    "clock_nanosleep": 115,
    "sched_yield": 124,
    "restart_syscall": 128,
    "sigaltstack": 132,
    "rt_sigaction": 134,
    "rt_sigprocmask": 135,
    "rt_sigreturn": 139,
    "getrusage": 165,
    "gettimeofday": 169,
    "getpid": 172,
    "gettid": 178,
    "sendto": 206,
    "recvfrom": 207,
    "sendmsg": 211,
    "recvmsg": 212,
    "brk": 214,
    "munmap": 215,
    "mremap": 216,
    "mmap": 222,
    "mprotect": 226,
    "madvise": 233,
    "getrandom": 278,
}
_OPENING: Final = {
    "x86_64": {"openat": 257, "newfstatat": 262, "access": 21, "faccessat": 269, "faccessat2": 439, "stat": 4},
    "aarch64": {"openat": 56, "newfstatat": 79, "faccessat": 48, "faccessat2": 439},
}
"""What SQLite needs besides for files that somebody else writes to: it looks for their journals."""
_MACHINES: Final = {"x86_64": Machine(0xC000003E, _X86_64), "aarch64": Machine(0xC00000B7, _AARCH64)}
_CHECKED: Final = ("mmap", "mprotect")
"""Allowed for memory that cannot be executed."""


def lock(*, opening: bool = False) -> str:
    """Allow only what is listed, for ever, and what ``opening`` files takes; return why it cannot be done, or ""."""
    machine = _MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return f"not known for {sys.platform} on {platform.machine()}"
    calls = {**machine.calls, **(_OPENING[platform.machine()] if opening else {})}
    program = filter_of(machine.architecture, calls, foreign=_X32 if platform.machine() == "x86_64" else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return f"no_new_privs: {errno.errorcode.get(ctypes.get_errno(), '?')}"
    held = ctypes.create_string_buffer(program, len(program))
    told = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(held))
    if libc.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(told, len(told)), 0, 0):
        return f"the kernel refuses: {errno.errorcode.get(ctypes.get_errno(), '?')}"
    return ""


def filter_of(architecture: int, calls: Mapping[str, int], *, foreign: int = 0) -> bytes:
    """Return the BPF program that allows ``calls``; numbers from ``foreign`` on belong to another ABI."""
    plain = sorted(number for name, number in calls.items() if name not in _CHECKED)
    checked = [calls[name] for name in _CHECKED]
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_IF_EQUAL, architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        *([_step(_IF_AT_LEAST, foreign, 0, 1), _step(_RETURN, _REFUSE)] if foreign else []),
    ]
    for number in plain:
        program += [_step(_IF_EQUAL, number, 0, 1), _step(_RETURN, _ALLOW)]
    for number in checked:
        program += [_step(_IF_EQUAL, number, 0, 4), _step(_LOAD, _PROTECTION), _step(_IF_BITS, _EXECUTABLE, 0, 1)]
        program += [_step(_RETURN, _REFUSE), _step(_RETURN, _ALLOW)]
    return b"".join([*program, _step(_RETURN, _REFUSE)])


def _step(code: int, value: int, if_so: int = 0, if_not: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_so, if_not, value)
