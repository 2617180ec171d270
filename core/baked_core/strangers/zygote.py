"""The zygote: a process with one thread and little loaded, of which every runner is a copy made in milliseconds.

It does two things, each told by one message on its socket: make a runner, which speaks to the app by the socket that
came with the message; and forget one that has ended. When the app is gone it ends, and the kernel ends its runners.
"""

import gc
import os
import signal
import socket
import sys
from pathlib import Path

from baked_core.strangers.orders import MAKE, MESSAGE, Hello
from baked_core.strangers.plan import Spec
from baked_core.strangers.runner import Prepare, Runner, received


def main(number: int) -> None:
    """Serve the app at the other end of the open socket ``number``."""
    app = socket.socket(fileno=number)
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    hello = received(app, Hello)
    if hello is None:
        return
    prepare = _plugins(hello[0])
    gc.collect()
    gc.freeze()
    ended: set[int] = set()
    while True:
        data, files, _flags, _address = socket.recv_fds(app, MESSAGE.size, 1)
        if not data:
            return
        what, process = MESSAGE.unpack(data)
        if what == MAKE:
            _make(app, socket.socket(fileno=files[0]), prepare)
        else:
            ended.add(process)
        ended = {each for each in ended if not _is_forgotten(each)}


def _plugins(hello: Hello) -> Prepare | None:
    if not hello.site:
        return None
    from baked_core import plugins  # noqa: PLC0415 - only a Bundle with plugins pays for it

    found = plugins.find(Path(hello.site))
    if found is None:
        return None
    found.configure(hello.metadata)
    return found.prepare_connection


def _make(app: socket.socket, connection: socket.socket, prepare: Prepare | None) -> None:
    parent = os.getpid()
    try:
        process = os.fork()
    except OSError:  # no more processes: the app sees that nobody answers
        connection.close()
        return
    if process:
        connection.close()
        return
    code = 1
    try:
        app.close()
        _be_runner(connection, prepare, parent)
        code = 0
    except (BrokenPipeError, ConnectionResetError):
        code = 0
    except BaseException as exc:  # noqa: BLE001 - a copy of the zygote must never become a second zygote
        print(f"baked_core: a process for SQL failed: {type(exc).__name__}: {exc}", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(code)


def _be_runner(connection: socket.socket, prepare: Prepare | None, parent: int) -> None:
    told = received(connection, Spec)
    if told is not None:
        Runner(connection, told[0], prepare, parent).run()


def _is_forgotten(process: int) -> bool:
    """Take leave of a runner that has ended; until then its number belongs to nobody else."""
    try:
        return os.waitpid(process, os.WNOHANG)[0] == process
    except ChildProcessError:
        return True
