"""The Engine: a thin client of the Docker API, whose failures are ours."""

import os
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from baked_publish.engine.container import Container
from baked_publish.engine.door import Door
from baked_publish.engine.record import NAME
from baked_publish.errors import NotFoundError, TargetError
from baked_publish.registry.descriptor import Platform

QUICK: Final = 60
"""Seconds until an engine that is asked something small is said to be away."""
SLOW: Final = 3600
"""Seconds that an engine may be silent while it reads an image."""
ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
"""What engines call machines, and what images call them."""


@dataclass(frozen=True, slots=True)
class Held:
    """An image that an engine holds."""

    id: str
    tags: tuple[str, ...]
    diff_ids: tuple[str, ...]
    """The uncompressed layers, base first."""


class Engine:
    """One engine; whatever it refuses is a TargetError, what it does not know a NotFoundError."""

    def __init__(self, door: Door) -> None:
        self.door = door

    @cached_property
    def _api(self) -> Any:  # its stubs know less than half of what it returns
        return self._client(QUICK)

    def _client(self, patience: int | None) -> Any:
        from docker import APIClient  # noqa: PLC0415 - heavy

        make: Any = APIClient
        with self._told("connecting failed"):
            return make(base_url=self.door.url, tls=self.door.tls or False, version="auto", timeout=patience)

    @contextmanager
    def _streaming(self, patience: int | None) -> Generator[Any, None, None]:
        """Make a client whose answers may be left in the middle: docker's own would leave its sockets open."""
        client, answers = self._client(patience), list[Any]()

        def remember(answer: Any, **_: Any) -> None:
            answers.append(answer)

        client.hooks["response"].append(remember)
        try:
            yield client
        finally:
            for each in answers:
                each.close()
            client.close()

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """What the engine says of itself: ``ID``, ``OSType``, ``Architecture``, ``Driver``..."""
        with self._told("asking it about itself failed"):
            told: Mapping[str, Any] = self._api.info()
            return told

    @property
    def platform(self) -> Platform:
        """What the engine's machine runs."""
        machine = str(self.info["Architecture"])
        return Platform(str(self.info["OSType"]), ARCHITECTURES.get(machine, machine))

    def networks(self) -> set[str]:
        """Return the names of its networks."""
        with self._told("listing its networks failed"):
            return {each["Name"] for each in self._api.networks()}

    # Containers

    def containers(self, name: str) -> Iterator[Container]:
        """Yield the containers that we made under ``name``."""
        with self._told("listing its containers failed"):
            found = self._api.containers(all=True, filters={"label": f"{NAME}={name}"})
        for each in found:
            with suppress(NotFoundError):  # gone meanwhile
                yield self.container(each["Id"])

    def container(self, which: str) -> Container:
        """Return the container of that name or id."""
        with self._told(f"asking for container {which!r} failed"):
            return Container.of(self._api.inspect_container(which))

    def create(self, name: str, config: Mapping[str, Any]) -> Container:
        """Make a container, which does not run yet."""
        with self._told(f"making container {name!r} failed"):
            made: Mapping[str, Any] = self._api.create_container_from_config(dict(config), name)
        return self.container(made["Id"])

    def start(self, container: Container) -> None:
        """Start a container; nothing happens if it runs."""
        with self._told(f"starting container {container.name!r} failed"):
            self._api.start(container.id)

    def stop(self, container: Container, within: int) -> None:
        """Let a container end in peace, by force after ``within`` seconds; nothing happens if it does not run."""
        with self._told(f"stopping container {container.name!r} failed"):
            self._api.stop(container.id, timeout=within)

    def terminate(self, container: Container) -> None:
        """Ask a container to end, and do not wait until it did."""
        with self._told(f"stopping container {container.name!r} failed"):
            self._api.kill(container.id, signal="SIGTERM")

    def rename(self, container: Container, name: str) -> None:
        """Rename a container, running or not."""
        with self._told(f"renaming container {container.name!r} to {name!r} failed"):
            self._api.rename(container.id, name)

    def rest(self, container: Container, within: int) -> None:
        """Stop a container, and never start it again by itself."""
        with self._told(f"changing container {container.name!r} failed"):
            self._api.update_container(container.id, restart_policy={"Name": "no"})
        self.stop(container, within)

    def remove(self, container: Container) -> None:
        """Remove a container, running or not; nothing happens if it is gone."""
        with suppress(NotFoundError), self._told(f"removing container {container.name!r} failed"):
            self._api.remove_container(container.id, force=True, v=True)

    def last_words(self, container: Container, lines: int = 12) -> str:
        """Return the end of a container's log, indented."""
        with self._told(f"reading the log of {container.name!r} failed"):
            text: bytes = self._api.logs(container.id, tail=lines)
        return "".join(f"\n  {line}" for line in text.decode(errors="replace").splitlines())

    def log(self, container: Container, *, follow: bool, since: float = 0) -> Iterator[str]:
        """Yield the log of a container line by line, from the time ``since``; following, until it ends."""
        with self._told(f"reading the log of {container.name!r} failed"), self._streaming(None) as client:
            blocks = client.logs(container.id, stream=True, follow=follow, since=since or None)
            rest = b""
            for block in blocks:
                *lines, rest = (rest + block).split(b"\n")
                yield from (line.decode(errors="replace") for line in lines)
            if rest:
                yield rest.decode(errors="replace")

    # Images

    def image(self, which: str) -> Held | None:
        """Return the image of that id or tag, None if the engine has none."""
        with suppress(NotFoundError), self._told(f"asking for image {which!r} failed"):
            told: Mapping[str, Any] = self._api.inspect_image(which)
            return Held(told["Id"], tuple(told["RepoTags"] or ()), tuple(told["RootFS"].get("Layers") or ()))
        return None

    def images(self, repository: str | None = None) -> Iterator[Held]:
        """Yield every image, or those that have a tag in ``repository``."""
        with self._told("listing its images failed"):
            found = self._api.images(name=repository, all=repository is None)
        for each in found:
            if held := self.image(each["Id"]):
                yield held

    def load(self, archive: Iterable[bytes]) -> None:
        """Read an image archive."""
        with self._told("reading the image failed"), self._streaming(SLOW) as client:
            for line in client.load_image(archive):
                if "error" in line:
                    raise TargetError(f"the Docker engine does not take the image: {line['error']}")

    def build(self, context: Path, platform: str, passed: Collection[str]) -> Iterator[Mapping[str, Any]]:
        """Build the Dockerfile in ``context`` by the classic builder, and yield what it says.

        ``passed`` names settings of the environment that the build is given.
        """
        settings = {name: os.environ[name] for name in passed if name in os.environ}
        with self._told("building failed"), self._streaming(SLOW) as client:
            yield from client.build(
                path=str(context), buildargs=settings, platform=platform, network_mode="host", rm=True, decode=True
            )

    def save(self, image: str) -> Iterator[bytes]:
        """Yield the archive of an image, uncompressed."""
        with self._told("saving the image failed"), self._streaming(SLOW) as client:
            yield from client.get_image(image)

    def tag(self, held: Held, repository: str, tag: str) -> None:
        """Give an image one more name."""
        with self._told(f"naming image {held.id[:19]} failed"):
            self._api.tag(held.id, repository, tag)

    def untag(self, tag: str) -> None:
        """Take a name from an image, which goes with its last one; nothing happens if it is gone."""
        with suppress(NotFoundError), self._told(f"removing image {tag!r} failed"):
            self._api.remove_image(tag)

    @contextmanager
    def _told(self, what: str) -> Generator[None, None, None]:
        """Turn the failures of docker's client into ours."""
        from docker.errors import APIError, DockerException, NotFound  # noqa: PLC0415 - heavy
        from requests import RequestException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        try:
            yield
        except NotFound as exc:
            raise NotFoundError(f"{what}: {exc.explanation}") from exc
        except APIError as exc:
            raise TargetError(f"{what}: {exc.explanation or exc}") from exc
        except (DockerException, RequestException, HTTPError, OSError) as exc:
            fix = self.door.knock() or "what it was doing may be done or not: run the command again"
            raise TargetError(f"{what}: the Docker engine at {self.door.url} did not answer; {fix}") from exc
