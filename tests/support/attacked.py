"""A server under attack: a process of its own, with its time and its memory measured from outside."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import apsw
from baking import baked_of

LIMIT_MS = 300
"""The time limit of the server for a statement: short, so that hundreds of attacks are over soon."""
PATIENCE = 20.0
"""Seconds after which a server that does not answer is taken for dead."""
ENOUGH = 1 << 24
"""Bytes of an answer after which a client has seen enough and goes."""
PAUSE = 0.02
"""Seconds between two looks at the server."""
HOSTILE = ('"; drop table item; --', "a/b.c?d%e~f#", "💥", "new\nline", "<script>alert(1)</script>", "n" * 10_000)
"""Names of tables."""


def fill(connection: apsw.Connection) -> None:
    """Make the database that is attacked: tables of some size, and names that are weapons themselves."""
    numbers = "with recursive n(n) as (select 1 union all select n + 1 from n limit {})"
    words = "substr('alpha beta gamma delta ', 1 + n % 9 * 2, 14) || ' w' || (n % 5000) || ' a b c'"
    connection.execute(f"""
        create table item(id integer primary key, name text, size real, kind text);
        {numbers.format(500)} insert into item select n, 'item ' || n, n / 2.0, 'kind ' || (n % 5) from n;
        create index item_name on item(name);
        create view seen as select id, name from item;
        create table big(n integer primary key, t text);
        {numbers.format(50_000)} insert into big select n, 'row ' || n || ' abcdefghijklmnopqrst ' || (n * 7919) from n;
        create table long(value text);
        insert into long values (replace(hex(zeroblob(500000)), '0', 'x'));
        create table doc(id integer primary key, body text);
        insert into doc select 1, json_group_array(json_object('n', n, 't', t)) from (select * from big limit 2000);
        create table deep(id integer primary key, body text);
        insert into deep values (1, replace(hex(zeroblob(50000)), '0', '[')),
            (2, '{{"a":' || replace(hex(zeroblob(450)), '0', '[') || replace(hex(zeroblob(450)), '0', ']') || '}}'),
            (3, '[1e999, -1e999, 1e-999, 123456789012345678901234567890]');
        create virtual table docs using fts5(body);
        {numbers.format(20_000)} insert into docs select {words} from n;
        create virtual table place using rtree(id, x1, x2, y1, y2);
        {numbers.format(2_000)} insert into place select n, n, n + 500, n, n + 500 from n;
        analyze;
    """)
    for name in HOSTILE:
        quoted = '"' + name.replace('"', '""') + '"'
        connection.execute(f'create table {quoted}(id integer primary key, {quoted}, """]`;")')
        connection.execute(f"insert into {quoted} values (1, 'x', 'y')")


@dataclass
class Watch:
    """What is seen of a server while something is done to it."""

    slowest: float = 0.0
    """Seconds of the slowest answer of its health page."""
    unhealthy: list[str] = field(default_factory=list)
    peak: int = 0
    """The most bytes that it and all its children held together."""

    def broken(self, before: int, *, healthy: float, growth: int) -> list[str]:
        """Say what was wrong meanwhile: health later than ``healthy`` seconds, more than ``growth`` bytes taken."""
        told = list(self.unhealthy)
        if self.slowest > healthy:
            told.append(f"its health took {self.slowest * 1000:.0f} ms")
        if self.peak - before > growth:
            told.append(f"it took {self.peak - before >> 20} MB above {before >> 20} MB")
        return told


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@dataclass
class Attacked:
    """A server of the app in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    root: Path
    """The folder of its Bundle."""
    outside: Path
    """A folder in which nothing may ever appear."""
    digest: str
    resting: int = 0
    """The bytes that it held before it was attacked."""

    def ask(self, target: bytes, *, source: str = "") -> Told:
        """Ask for ``target`` as it is, on a connection of its own from ``source``; read no more than ENOUGH."""
        began, here = time.monotonic(), (source, 0)
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE, here) as sock:
            with contextlib.suppress(ConnectionError):  # it may have heard enough before the end
                sock.sendall(b"GET %b HTTP/1.1\r\nhost: attacked.example\r\nconnection: close\r\n\r\n" % target)
            response = http.client.HTTPResponse(sock)
            response.begin()
            with contextlib.suppress(http.client.IncompleteRead):  # a stream that was stopped breaks off
                body = b""
                while len(body) < ENOUGH and (block := response.read1(1 << 16)):
                    body += block
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Told(response.status, headers, body, time.monotonic() - began)

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """Ask for its health and look at its memory, over and over, until the end and once more."""
        watch, over = Watch(), threading.Event()
        threads = [threading.Thread(target=each, args=(watch, over)) for each in (self._ask_health, self._weigh)]
        for thread in threads:
            thread.start()
        try:
            yield watch
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _ask_health(self, watch: Watch, over: threading.Event) -> None:
        last = False
        while not last:
            last = over.wait(PAUSE)
            began = time.monotonic()
            try:
                if self.ask(b"/-/healthz").status != 200:
                    watch.unhealthy.append("it says that it is not well")
            except OSError as exc:
                watch.unhealthy.append(f"no answer: {exc}")
            watch.slowest = max(watch.slowest, time.monotonic() - began)

    def _weigh(self, watch: Watch, over: threading.Event) -> None:
        watch.peak = self.memory()
        while not over.wait(PAUSE):
            watch.peak = max(watch.peak, self.memory())

    def memory(self) -> int:
        """Return the bytes that it and its children hold, what they share counted once."""
        return sum(map(_held, family(self.process.pid)))

    def rests(self, most: int) -> int:
        """Wait until it holds no more than ``most`` bytes above what it held at rest; return how much that is."""
        deadline = time.monotonic() + 3
        while (above := self.memory() - self.resting) > most and time.monotonic() < deadline:
            time.sleep(PAUSE)
        return above

    def changed(self) -> str:
        """Return what changed on disk; nothing if nothing did."""
        found = sha256((self.root / "databases/attacked.db").read_bytes()).hexdigest()
        files = [str(each.relative_to(self.root)) for each in self.root.rglob("*") if each.is_file()]
        files += [str(each) for each in self.outside.rglob("*")]
        if found != self.digest:
            return "the database"
        return "" if sorted(files) == ["databases/attacked.db", "manifest.json"] else f"files: {files}"


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += family(int(child))
    return found


def _held(pid: int) -> int:
    with contextlib.suppress(OSError):
        match = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(match[1]) * 1024 if match else 0
    return 0


@contextmanager
def attacked(
    folder: Path, *, content: Callable[[apsw.Connection], object] = fill, **settings: object
) -> Iterator[Attacked]:
    """Start a server over the database that is attacked, as an Artifact starts it; end it with all its children."""
    outside = folder / "outside"
    outside.mkdir()
    root = folder / "bundle"
    root.mkdir()
    baked = baked_of(root, attacked=content, settings={"sql_time_limit_ms": LIMIT_MS, **settings})
    digest = baked.manifest.databases["attacked"].sha256
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    words = [sys.executable, "-P", "-m", "baked_core", str(root)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, env={**os.environ, "PORT": str(port)}, stderr=log, cwd=outside)
    server = Attacked(process, port, root, outside, digest)
    try:
        _warm(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


def _warm(server: Attacked) -> None:
    """Wait until it answers, let it load what it loads once, and weigh it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            server.ask(b"/-/healthz")
            break
        except OSError:
            assert time.monotonic() < deadline, "it never answered"
            time.sleep(PAUSE)
    for target in (b"/attacked", b"/attacked/item", b"/attacked/docs?_search=a", b"/attacked/-/query?sql=select+1"):
        for suffix in (b"", b"&_size=1"):
            server.ask(target + (suffix if b"?" in target else suffix.replace(b"&", b"?")))
    server.resting = server.memory()
