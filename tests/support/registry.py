"""A real registry for tests: Debian's docker-registry on a loopback port of its own, gone with the test run."""

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

PATIENCE: float = 30.0
"""Seconds that a registry gets to start; it takes a tenth of one."""


@dataclass(frozen=True)
class Registry:
    """One that runs."""

    host: str
    """``127.0.0.1:PORT``."""
    folder: Path
    """Where it stores."""
    log: Path
    pid: int

    @property
    def _store(self) -> Path:
        return self.folder / "docker" / "registry" / "v2"

    def blobs(self) -> dict[str, int]:
        """Return the size of every blob and manifest, by digest."""
        found = self._store.glob("blobs/sha256/*/*/data")
        return {f"sha256:{each.parent.name}": each.stat().st_size for each in found}

    def files(self) -> dict[str, bytes | int]:
        """Return every file it stores, but for uploads under way: what small ones hold, the size of others."""
        files = [each for each in self.folder.rglob("*") if each.is_file() and "_uploads" not in each.parts]
        return {
            str(each): each.read_bytes() if each.stat().st_size < 1 << 16 else each.stat().st_size for each in files
        }

    def blob(self, digest: str) -> Path:
        """Return the file of a blob or manifest."""
        name = digest.removeprefix("sha256:")
        return self._store / "blobs" / "sha256" / name[:2] / name / "data"

    def damage(self, digest: str) -> None:
        """Flip a bit in the middle of a blob, as a bad disk would."""
        file = self.blob(digest)
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 0x10
        file.write_bytes(data)

    def json(self, path: str) -> Any:
        """GET something below ``/v2/``."""
        kinds = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"
        asked = urllib.request.Request(f"http://{self.host}/v2/{path}", headers={"Accept": kinds})
        for _ in range(20):
            with suppress(urllib.error.HTTPError), urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
                return orjson.loads(answer.read())
            time.sleep(0.05)  # it answers 500 while a tag is being written
        raise AssertionError(f"{self.host} does not give {path}")

    def put(self, path: str, data: bytes, media_type: str) -> None:
        """PUT a manifest below ``/v2/``, as somebody else would."""
        asked = urllib.request.Request(
            f"http://{self.host}/v2/{path}", data, {"Content-Type": media_type}, method="PUT"
        )
        urllib.request.urlopen(asked, timeout=PATIENCE).close()

    def requests(self) -> list[str]:
        """Return the method and path of each request that it answered so far."""
        found = re.findall(r'"((?:GET|HEAD|POST|PUT|PATCH|DELETE) /v2/[^ ]*) HTTP', self.log.read_text())
        return [str(each) for each in found]


@contextmanager
def serving(
    home: Path, *, deletes: bool = True, http: Mapping[str, Any] | None = None, auth: Mapping[str, Any] | None = None
) -> Generator[Registry, None, None]:
    """Run a registry that stores below ``home``; it dies with the process that started it.

    ``http`` and ``auth`` stand in its configuration as they are: certificates, a password file.
    """
    home.mkdir(parents=True, exist_ok=True)
    storage = {"filesystem": {"rootdirectory": str(home / "storage")}, "delete": {"enabled": deletes}}
    told = {"version": "0.1", "storage": storage, "http": {"addr": "127.0.0.1:0", **(http or {})}}
    if auth:
        told["auth"] = auth
    (home / "registry.yml").write_bytes(orjson.dumps(told))
    words = ["setpriv", "--pdeathsig", "TERM", "docker-registry", "serve", str(home / "registry.yml")]
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield Registry(_host(process, log), home / "storage", log, process.pid)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _host(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until it says where it listens."""
    deadline = time.monotonic() + PATIENCE
    while not (found := re.search(r"listening on (127\.0\.0\.1:\d+)", log.read_text())):
        assert process.poll() is None, f"docker-registry ended:\n{log.read_text()}"
        assert time.monotonic() < deadline, f"docker-registry never listened:\n{log.read_text()}"
        time.sleep(0.02)
    return found[1]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Give a registry of this test process alone."""
    missing = [program for program in ("docker-registry", "setpriv") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (`apt-get install docker-registry util-linux`)")
    with serving(tmp_path_factory.mktemp("registry")) as running:
        yield running
