"""What tests of the whole line share: a small database, a client that never rests, the program as a child process."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import apsw
import httpx

ROWS = 500
SOMEBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.getuid() == 0 else ()
"""Before a command, runs it as a user whom permissions bind; root alone needs it."""
PROGRAM = (sys.executable, "-m", "baked_publish")
LIMIT = 60.0
"""Seconds after which a child that hangs is a failure."""


def make_database(path: Path, version: int, *, rows: int = ROWS) -> Path:
    """Write a database whose every table holds ``version``, so that a mixture of two states shows."""
    path.unlink(missing_ok=True)
    with apsw.Connection(str(path)) as connection:
        connection.execute("create table state(id integer primary key, version int)")
        connection.execute("create table items(id integer primary key, name text, version int)")
        connection.execute("insert into state values (1, ?)", (version,))
        connection.executemany("insert into items values (?, ?, ?)", [(i, f"item {i}", version) for i in range(rows)])
    connection.close()
    return path


def program(
    *args: object, env: Mapping[str, str] | None = None, cwd: Path | None = None, limit: float = LIMIT
) -> subprocess.CompletedProcess[str]:
    """Run ``publish`` with ``args``; no terminal, bounded time."""
    words = [*PROGRAM, *map(str, args)]
    surroundings = {**os.environ, **(env or {})}
    return subprocess.run(
        words,
        env=surroundings,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def result(*args: object, env: Mapping[str, str] | None = None, code: int = 0, limit: float = LIMIT) -> Any:
    """Run ``publish ... --json``, require its exit code, and return the one JSON object of standard output."""
    done = program(*args, "--json", env=env, limit=limit)
    assert done.returncode == code, f"{done.args} left with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


@dataclass
class Client:
    """A visitor who asks every ``pause`` seconds, and remembers each answer in order."""

    url: str
    pause: float = 0.02
    keep_alive: bool = True
    versions: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(LIMIT)

    def _run(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=1 if self.keep_alive else 0)
        with httpx.Client(base_url=self.url, timeout=LIMIT, limits=limits) as http:
            while not self._stop.is_set():
                self._ask(http)
                time.sleep(self.pause)

    def _ask(self, http: httpx.Client) -> None:
        try:
            rows = http.get(
                "/data/-/query.json", params={"sql": "select version from items union select version from state"}
            )
            rows.raise_for_status()
            seen = [row["version"] for row in rows.json()["rows"]]
        except (httpx.HTTPError, ValueError, KeyError) as exc:
            self.failures.append(repr(exc))
            return
        if len(seen) == 1:
            self.versions.append(seen[0])
        else:
            self.failures.append(f"mixed state: {seen}")

    @property
    def changes(self) -> Sequence[int]:
        """The versions seen, each run of equal ones once."""
        return [v for i, v in enumerate(self.versions) if i == 0 or self.versions[i - 1] != v]

    def wait_for(self, version: int) -> None:
        """Wait until the last answer is ``version``."""
        deadline = time.monotonic() + LIMIT
        while not self.versions or self.versions[-1] != version:
            assert time.monotonic() < deadline, f"never saw {version}: {self.changes} {self.failures[:3]}"
            time.sleep(self.pause)
