"""Whence a base image comes: a registry's reference, or ``oci:DIR[:TAG]`` for a layout on this disk."""

import re
import sys
from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import BinaryIO, Final

from baked_publish.errors import ConfigError, NotFoundError
from baked_publish.images.base import OLDEST, Wanted, wanted_layout
from baked_publish.registry.descriptor import Descriptor
from baked_publish.registry.reference import Reference
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session

NEWEST: Final = (3, 14)
"""The newest CPython for which everything that the app needs has wheels."""
OFFICIAL: Final = re.compile(r"python:3\.\d+-slim")


def default_base(locked: Collection[str], python: tuple[int, int] = sys.version_info[:2]) -> str:
    """Return the base image where nobody names one: Docker's official slim Python of the minor that runs here.

    Bytecode can be made for no other, and a container without it starts half a second later. ``locked`` are those of
    ``publish.lock``: one official image alone there goes before, so that every machine of a project builds on the same.
    """
    own = "python:{}.{}-slim".format(*min(max(python, OLDEST), NEWEST))
    official = [each for each in locked if OFFICIAL.fullmatch(each)]
    return official[0] if len(official) == 1 else own


def wanted_base(asked: str, *, insecure: bool = False) -> Wanted:
    """Read what ``--base-image`` says; nothing is looked up yet. Raises UsageError if it is no reference."""
    if asked.startswith("oci:"):
        return wanted_layout(asked)
    reference = Reference.parse(asked)
    name = f"{reference.name}:{reference.tag}" if reference.tag else reference.name
    return Wanted(asked, Remote(reference, insecure=insecure), reference.wanted, name)


class Remote:
    """A repository that is asked now and then: each question is a session of its own."""

    def __init__(self, reference: Reference, *, insecure: bool = False) -> None:
        self._reference, self._insecure = reference, insecure

    @property
    def origin(self) -> str:
        """``HOST/REPOSITORY``."""
        return self._reference.name

    def manifest(self, reference: str) -> tuple[Descriptor, bytes]:
        """Return the manifest or index of a tag or digest; raise ConfigError if there is none."""
        with self._repository() as repository:
            try:
                return repository.manifest(reference)
            except NotFoundError as exc:
                raise ConfigError(
                    f"there is no base image {reference!r} in {self.origin}: check --base-image, or --upgrade if "
                    "publish.lock names one that was removed"
                ) from exc

    @contextmanager
    def open(self, descriptor: Descriptor) -> Generator[BinaryIO, None, None]:
        """Open a blob."""
        with self._repository() as repository, repository.open(descriptor) as stream:
            yield stream

    @contextmanager
    def _repository(self) -> Generator[Repository, None, None]:
        with Session(self._reference.host, insecure=self._insecure, repository=self._reference.repository) as session:
            yield Repository(session, self._reference.repository)
