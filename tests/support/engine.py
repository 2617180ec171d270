"""A real Docker engine for tests: a dockerd with folders, a socket and a network of its own, gone with the test run."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import docker
import pytest
from docker.errors import DockerException

PATIENCE = 60.0
"""Seconds that an engine gets to start or to end; it takes about half a second."""
NETWORKS = 4
"""Bridge networks that one engine may have."""


@dataclass
class Daemon:
    """One dockerd below ``folder``; it dies with the process that started it, however that ends."""

    folder: Path
    _process: "subprocess.Popen[bytes] | None" = None
    _log: IO[bytes] | None = field(default=None, repr=False)
    _kept: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        """What DOCKER_HOST says for it."""
        return f"unix://{self.folder / 'engine.sock'}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["setpriv", "--pdeathsig", "TERM", "dockerd", "--iptables=false", "--bridge=none", "-H", self.url]
        words += ["--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")]
        words += ["--pidfile", str(self.folder / "pid")]
        self._log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            assert self._process.poll() is None, f"dockerd ended:\n{self.words()}"
            assert time.monotonic() < deadline, f"dockerd never answered:\n{self.words()}"
            time.sleep(0.02)

    def answers(self) -> bool:
        """Tell whether it can be asked."""
        with suppress(OSError), socket.socket(socket.AF_UNIX) as asking:  # clients leave theirs open when refused
            asking.settimeout(PATIENCE)
            asking.connect(self.url.removeprefix("unix://"))
            asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return asking.recv(64).split()[1:2] == [b"200"]
        return False

    def client(self) -> docker.APIClient:
        """Return a client of its API; to be closed."""
        return docker.APIClient(base_url=self.url, version="auto", timeout=int(PATIENCE))

    def words(self) -> str:
        """Return the end of its log."""
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-20:])

    def stop(self) -> None:
        """End it and all it runs, by their ids, and release what it mounted."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        self._end_containerd()
        self._unmount()

    def remove(self) -> None:
        """Stop it, with every container at once, and remove its folder and its networks."""
        if self.answers():
            self._clear()
        self.stop()
        shutil.rmtree(self.folder)

    def _clear(self) -> None:
        with suppress(DockerException), self.client() as client:
            for each in client.containers(all=True):
                client.remove_container(each["Id"], force=True, v=True)
            for each in client.networks(filters={"type": "custom"}):
                client.remove_network(each["Id"])

    def keep(self, image: str) -> None:
        """Hold an image as long as the engine runs, so that not every test sends its layers."""
        if image not in self._kept:
            words = ["skopeo", "copy", "--quiet", "--dest-daemon-host", self.url, image, "docker-daemon:kept/base:1"]
            subprocess.run(words, check=True, timeout=PATIENCE)
            self._kept.add(image)

    def network(self, name: str) -> str:
        """Make a bridge network, of addresses that no other engine of this machine uses, and return its name."""
        with self.client() as client:
            there = [each["Name"] for each in client.networks(filters={"type": "custom"})]
            if name in there:
                return name
            assert len(there) < NETWORKS
            number = os.getpid() * NETWORKS % 16384 + len(there)
            subnet = f"10.{192 + number // 256}.{number % 256}.0/24"
            pool = docker.types.IPAMPool(subnet=subnet)
            client.create_network(name, driver="bridge", ipam=docker.types.IPAMConfig(pool_configs=[pool]))
        return name

    def _end_containerd(self) -> None:
        """End the containerd that a killed dockerd leaves behind."""
        file = self.folder / "exec" / "containerd" / "containerd.pid"
        with suppress(OSError, ValueError):
            os.kill(int(file.read_text()), signal.SIGKILL)

    def _unmount(self) -> None:
        points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for point in sorted((point for point in points if point.startswith(f"{self.folder}/")), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=True)


def unable() -> str:
    """Return why this machine cannot run an engine for tests; empty if it can."""
    if os.getuid() != 0:
        return "only root can start a Docker engine"
    missing = [program for program in ("dockerd", "setpriv", "umount") if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)} (`apt-get install docker.io util-linux`)" if missing else ""


@pytest.fixture(scope="session")
def engine() -> Iterator[Daemon]:
    """Give an engine of this test process alone: one starts in half a second, and no two tests meet in it."""
    if reason := unable():
        pytest.skip(reason)
    daemon = Daemon(Path(tempfile.mkdtemp(prefix="engine-")))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.remove()


@pytest.fixture
def docker_options(engine: Daemon, base_layout: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the options of the target ``docker`` on the engine of this test process, for this and child processes."""
    engine.keep(f"oci:{base_layout}:one")
    monkeypatch.setenv("DOCKER_HOST", engine.url)
    monkeypatch.delenv("DOCKER_CONTEXT", raising=False)
    return {"base_image": f"oci:{base_layout}:3.11", "network": "host"}


def inside(daemon: Daemon, container: str, *words: str) -> str:
    """Run ``words`` inside a container and return what they print; fail unless they succeed."""
    with daemon.client() as client:
        made = client.exec_create(container, list(words))
        said: bytes = client.exec_start(made["Id"])
        code = client.exec_inspect(made["Id"])["ExitCode"]
    assert code == 0, said.decode()
    return said.decode()
