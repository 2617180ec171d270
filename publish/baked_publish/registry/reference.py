"""References: where an image lies, ``HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]``, read as Docker reads them."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self

from baked_publish.errors import UsageError

HUB: Final = "docker.io"
HUB_NAMES: Final = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})
HUB_ENDPOINT: Final = "registry-1.docker.io"
"""Who answers for Docker Hub."""
LATEST: Final = "latest"
LONGEST_NAME: Final = 255
"""Characters of a repository, after the distribution specification."""
PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY: Final = re.compile(rf"{PART}(?:/{PART})*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
HOST: Final = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?")
LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Reference:
    """Names an image in a registry."""

    host: str
    """With its port; ``docker.io`` for Docker Hub."""
    repository: str
    tag: str = ""
    """``latest`` if neither tag nor digest was written; empty if only a digest was."""
    digest: str = ""
    """``sha256:`` and 64 hex digits, or empty."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference; raise UsageError that says which part is not right."""
        named, _, digest = text.partition("@")
        if "@" in text:
            _require(DIGEST, digest, text, "its digest is sha256: and 64 hex digits")
        named, tag = _split_tag(named)
        if tag is not None:
            _require(TAG, tag, text, "a tag is 1 to 128 letters, digits, '_', '.' and '-'")
        host, repository = _split_host(named)
        _require_host(host, text)
        _require(
            REPOSITORY,
            repository,
            text,
            "a repository is lower-case letters, digits and single '.', '_' or '-' between them, parted by '/'",
        )
        if len(repository) > LONGEST_NAME:
            raise _wrong(text, f"a repository has at most {LONGEST_NAME} characters, not {len(repository)}")
        return cls(host, repository, tag or ("" if digest else LATEST), digest)

    @property
    def name(self) -> str:
        """``HOST/REPOSITORY``."""
        return f"{self.host}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What a registry is asked for: the digest, or else the tag."""
        return self.digest or self.tag

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def endpoint(host: str) -> str:
    """Return who answers for ``host``: another name for Docker Hub, the same for everybody else."""
    return HUB_ENDPOINT if host == HUB else host


def is_loopback(host: str) -> bool:
    """Tell whether ``host``, with or without a port, is this machine itself."""
    name = host.rpartition(":")[0] if re.search(r":\d+$", host) and not host.endswith("]") else host
    name = name.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _split_tag(named: str) -> tuple[str, str | None]:
    """Part a tag from a name; a colon before the last slash belongs to a port."""
    slash, colon = named.rfind("/"), named.rfind(":")
    return (named[:colon], named[colon + 1 :]) if colon > slash else (named, None)


def _split_host(named: str) -> tuple[str, str]:
    """Part the host from the repository: what has no dot, no colon and is not localhost belongs to Docker Hub."""
    first, slash, rest = named.partition("/")
    if slash and (any(mark in first for mark in ".:") or first == "localhost" or first.lower() != first):
        host, repository = first, rest
    else:
        host, repository = HUB, named
    if host.lower() in HUB_NAMES:
        return HUB, repository if "/" in repository else f"library/{repository}"
    return host, repository


def _require_host(host: str, text: str) -> None:
    found = HOST.fullmatch(host)
    if found is None or int(found[1] or 0) > LAST_PORT:
        raise _wrong(text, f"{host!r} is not a host with or without a port")


def _require(pattern: re.Pattern[str], part: str, text: str, rule: str) -> None:
    if pattern.fullmatch(part) is None:
        raise _wrong(text, f"{part!r} does not fit: {rule}" if part else rule)


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"{text!r} is not a reference of an image: {why}. Write HOST/REPOSITORY:TAG")
