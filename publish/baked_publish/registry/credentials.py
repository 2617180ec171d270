"""Credentials: who we are to a registry, as Docker's and podman's files and their helpers tell it."""

import base64
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from baked_publish.errors import PreflightError
from baked_publish.redaction import keep_secret
from baked_publish.registry.reference import HUB, HUB_NAMES

HUB_KEY: Final = "https://index.docker.io/v1/"
"""What Docker Hub is called in Docker's files."""
IDENTITY: Final = "<token>"
"""The user name with which a helper says that its secret is an identity token."""
UNKNOWN: Final = "credentials not found in native keychain"
"""What a helper prints, by its protocol, for a registry it does not know."""
PATIENCE: Final = 60.0
"""Seconds for a helper: it may ask a person to unlock a keychain."""
HELPER: Final = re.compile(r"[A-Za-z0-9._-]+")
JSON = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and a secret, or a token; none of it shows in its repr."""

    username: str = ""
    secret: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    """An OAuth2 refresh token, exchanged at the registry's token server."""
    bearer: str = field(default="", repr=False)
    """A token that the registry takes as it is."""
    source: str = ""
    """The file or helper that told it."""

    def __post_init__(self) -> None:
        """See that nobody is told of it."""
        for each in self.secrets():
            keep_secret(each)

    def basic(self) -> str:
        """Return what stands after ``Basic`` in an Authorization header."""
        return base64.b64encode(f"{self.username}:{self.secret}".encode()).decode()

    def secrets(self) -> Iterator[str]:
        """Yield everything that nobody may see."""
        yield from (each for each in (self.secret, self.identity, self.bearer) if each)
        if self.secret:
            yield self.basic()


@dataclass(frozen=True)
class Keychain:
    """Looks into the files of Docker and podman, the one that the environment names first."""

    environment: Mapping[str, str]
    home: Path

    def __call__(self, host: str, repository: str) -> Credential | None:
        """Return the first credential for ``host``, or None; raise PreflightError for a file that cannot be read."""
        for file in self.files():
            if (config := _read(file)) is not None and (found := self._look(file, config, host, repository)):
                return found
        return None

    def files(self) -> Iterator[Path]:
        """Yield every place where a credential may be, first the one that counts most."""
        told = self.environment.get
        if named := told("REGISTRY_AUTH_FILE"):
            yield Path(named)
        yield Path(told("DOCKER_CONFIG") or self.home / ".docker") / "config.json"
        if runtime := told("XDG_RUNTIME_DIR"):
            yield Path(runtime) / "containers" / "auth.json"
        yield Path(told("XDG_CONFIG_HOME") or self.home / ".config") / "containers" / "auth.json"

    def _look(self, file: Path, config: JSON, host: str, repository: str) -> Credential | None:
        """Ask the helper for this registry, or else the one for all, or else take what the file holds."""
        try:
            for helper in (_entry(config.get("credHelpers"), host, ""), config.get("credsStore")):
                if helper and (found := self._ask(file, str(helper), host)):
                    return found
            entry = _entry(config.get("auths"), host, repository)
            return _credential(entry, file) if entry else None
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise PreflightError(
                f"the credentials for {host!r} in {str(file)!r} are damaged: run `docker login {host}` again"
            ) from exc

    def _ask(self, file: Path, helper: str, host: str) -> Credential | None:
        """Run a credential helper; the host goes in by standard input, the secret comes by standard output."""
        program = f"docker-credential-{helper}"
        if HELPER.fullmatch(helper) is None:
            raise PreflightError(f"{str(file)!r} names the credential helper {helper!r}, which is not a plain name")
        asked = HUB_KEY if host == HUB else host
        try:
            done = subprocess.run(  # noqa: S603 - the person's own file names the program, and no shell reads it
                [program, "get"],
                input=asked,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
                env=dict(self.environment),
            )
        except FileNotFoundError as exc:
            raise PreflightError(
                f"{str(file)!r} leaves the credentials for {host!r} to {program!r}, which is not installed"
            ) from exc
        except (OSError, subprocess.TimeoutExpired) as exc:
            raise PreflightError(f"{program!r} gave no credentials for {host!r}: {type(exc).__name__}") from exc
        if done.returncode:
            if UNKNOWN in done.stdout:
                return None
            raise PreflightError(f"{program!r} gave no credentials for {host!r}: it ended with {done.returncode}")
        return _from_helper(json.loads(done.stdout), program)


def _read(file: Path) -> JSON | None:
    try:
        config = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as exc:
        raise PreflightError(f"the credentials in {str(file)!r} cannot be read: {type(exc).__name__}") from exc
    if not isinstance(config, dict):
        raise PreflightError(f"the credentials in {str(file)!r} cannot be read: it is not a JSON object")
    return cast("JSON", config)


def _entry(entries: JSON | None, host: str, repository: str) -> Any:
    """Return what ``entries`` hold for the repository, a folder above it, or the host; None if nothing."""
    found = {_plain(key): value for key, value in (entries or {}).items()}
    parts = repository.split("/") if repository else []
    for count in range(len(parts), -1, -1):
        if (value := found.get("/".join([host, *parts[:count]]))) is not None:
            return value
    return None


def _plain(key: str) -> str:
    """Return a key without scheme and version: ``https://index.docker.io/v1/`` is ``docker.io``."""
    key = re.sub(r"^https?://", "", key).rstrip("/")
    key = re.sub(r"/v[12]$", "", key)
    host, slash, rest = key.partition("/")
    return (HUB if host in HUB_NAMES else host) + slash + rest


def _credential(entry: JSON, file: Path) -> Credential | None:
    username, _, secret = base64.b64decode(entry.get("auth") or "", validate=True).decode().partition(":")
    found = Credential(
        username or entry.get("username") or "",
        secret.rstrip("\0") or entry.get("password") or "",
        entry.get("identitytoken") or "",
        entry.get("registrytoken") or "",
        str(file),
    )
    return found if found.secret or found.identity or found.bearer else None


def _from_helper(told: JSON, program: str) -> Credential | None:
    username, secret = str(told["Username"]), str(told["Secret"])
    if not secret:
        return None
    if username == IDENTITY:
        return Credential(identity=secret, source=program)
    return Credential(username, secret, source=program)
