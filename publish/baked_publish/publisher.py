"""The Publisher: what a target implements so that the line can run through it.

A plugin names a subclass of :class:`BasePublisher` in the entry-point group ``baked_data.targets``. The steps are
small; the pipeline owns their order, so each target gets plan, verification, rollback, dry run, no-op, locks,
progress and JSON output without writing any of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import TargetError
from baked_publish.options import NoOptions
from baked_publish.report import Report

if TYPE_CHECKING:
    import httpx


PATIENCE: Final = 30.0
"""Seconds without a sign of life, for what a visitor could ask as well."""


class Can(Enum):
    """What a target is able to do beyond going live."""

    STAGE = "stage"
    """Hold a Candidate that gets no visitors."""
    CANARY = "canary"
    """Send a share of the visitors to a Candidate."""
    HISTORY = "history"
    """List and recall old deployments."""
    LOGS = "logs"
    """Show the log of what is live."""
    SERVE = "serve"
    """Answer HTTP, so that ``/-/verify`` can be asked."""
    SECRETS = "secrets"
    """Give a deployment secrets in its environment, and give them again to what is recalled."""


class Publisher(Protocol):
    """Artifact -> Deployment for one target."""

    target: ClassVar[str]
    options: ClassVar[type]
    can: ClassVar[frozenset[Can]]
    called: ClassVar[str]
    """How its name is said: by a flag, as ``--name`` or ``--app``, or as an argument, as ``HOST/REPO:TAG``."""
    name: str
    given: Any
    """The options it was made with, an instance of ``options``."""
    secrets: Mapping[str, str]
    """What the deployment's environment is to hold and nobody may see, by name; only for a target with SECRETS."""

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None: ...

    @classmethod
    def complete(cls, options: Any) -> Any:
        """Return ``options`` with what the surroundings tell of those that nobody gave; asks nobody."""
        ...

    def lacking(self) -> Mapping[str, str]:
        """Name the options that this very name still needs, with the words in which a person is asked for them."""
        ...

    def preflight(self) -> Sequence[Finding]:
        """Look, first of all, whether credentials, names and rights do to change what visitors get.

        A promotion and a rollback, which make nothing new, must not be kept from it by anything else.
        """
        ...

    def rehearse(self) -> Sequence[Finding]:
        """Look, before the bake, at all that ``preflight`` looks at, and whether the options would be taken."""
        ...

    def doctor(self) -> Sequence[Finding]:
        """Look at all that ``rehearse`` looks at, and at what else a person may want to know of the target."""
        ...

    def pack(self, bundle: Bundle) -> Recipe:
        """Say what is to be built of ``bundle``."""
        ...

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:
        """Name what staging ``artifact`` would create or change on the target; read only."""
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Keep every other publish of this name out; raise LockedError at once if one is under way.

        Whoever holds it may finish or clear away what a killed publish began; a dry run, which touches nothing, does
        without it.
        """
        ...

    def resolve(self) -> None:
        """Read into ``given`` what the target knows of it: what is live where nobody said otherwise; read only."""
        ...

    def live(self) -> Deployment | None:
        """Return what visitors get now."""
        ...

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Bring ``artifact`` up without visitors; idempotent by ``release``."""
        ...

    def recall(self, old: Deployment) -> Candidate:
        """Bring an old deployment up again as a candidate."""
        ...

    def candidates(self) -> Sequence[Candidate]:
        """List previews, and what a killed run left behind."""
        ...

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` from a deployment with the publisher's credentials; raise TargetError unless 200 or 206.

        A target without SERVE returns the stored file of that path.
        """
        ...

    def stored(self, at: Candidate | Deployment) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Read back what a target without SERVE stores: each file's path in the Bundle and its bytes, in blocks.

        Files come one after the other in any order; the blocks of one are taken before the next is asked for.
        """
        ...

    def keep(self, candidate: Candidate) -> Candidate:
        """Mark ``candidate`` as a preview that somebody asked for, so that no clean-up takes it."""
        ...

    def promote(self, candidate: Candidate, percent: int = 100) -> Deployment:
        """Send the visitors to ``candidate``; with CANARY, as few as ``percent`` of them.

        It then stays a candidate that is kept, and discarding it sends its visitors back.
        """
        ...

    def mend(self, live: Deployment) -> None:
        """Set right what lies around ``live`` and is not as the options say: who may visit, a domain; no data moves."""
        ...

    def discard(self, candidate: Candidate) -> None:
        """Remove a candidate; nothing happens if it is already gone."""
        ...

    def history(self) -> Sequence[Deployment]:
        """List what is and was live, newest first."""
        ...

    def prune(self, keep: int) -> None:
        """Remove all but the live and the ``keep`` newest old deployments."""
        ...

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: FBT001
        """Yield the log lines of what is live."""
        ...

    def unpublish(self) -> None:
        """Remove everything of this name from the target."""
        ...


def patience(url: str, http: "httpx.Client") -> "httpx.Timeout | float":
    """Return how long an answer may take: what counts and hashes all there is takes as long as it takes."""
    return http.timeout if "/-/verify" in url else PATIENCE


class BasePublisher:
    """Defaults for all but ``pack``, ``live``, ``stage`` and ``promote``."""

    target: ClassVar[str] = ""
    options: ClassVar[type] = NoOptions
    can: ClassVar[frozenset[Can]] = frozenset()
    called: ClassVar[str] = "--name"

    def __init__(self, options: Any, name: str, http: "httpx.Client", report: Report) -> None:
        self.given = options
        self.name = name
        self.http = http
        self.report = report
        self.secrets: Mapping[str, str] = {}

    @classmethod
    def complete(cls, options: Any) -> Any:
        """Take the options as they are."""
        return options

    def lacking(self) -> Mapping[str, str]:
        """Need nothing more."""
        return {}

    def preflight(self) -> Sequence[Finding]:
        """Find nothing amiss."""
        return ()

    def rehearse(self) -> Sequence[Finding]:
        """Look at nothing more than the preflight."""
        return self.preflight()

    def doctor(self) -> Sequence[Finding]:
        """Look at nothing more than a publish does."""
        return self.rehearse()

    def plan(self, artifact: Artifact, live: Deployment | None) -> Sequence[Change]:  # noqa: ARG002
        """Create nothing on the target beyond the deployment itself."""
        return ()

    def lock(self) -> AbstractContextManager[None]:
        """Keep nobody out."""
        return nullcontext()

    def resolve(self) -> None:
        """Leave the options as they were given."""

    def recall(self, old: Deployment) -> Candidate:
        """Refuse: this target keeps no old deployments."""
        raise TargetError(f"{self.target} cannot bring back {old.revision!r}: it keeps no old deployments")

    def candidates(self) -> Sequence[Candidate]:
        """Know of none."""
        return ()

    def fetch(self, at: Candidate | Deployment, path: str, headers: Mapping[str, str]) -> bytes:
        """GET ``path`` below the deployment's URL."""
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        try:
            url = at.url.rstrip("/") + path
            response = self.http.get(url, headers=dict(headers), timeout=patience(url, self.http))
        except httpx.HTTPError as exc:
            raise TargetError(f"{at.url}{path} did not answer: {exc}") from exc
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise TargetError(f"{at.url}{path} answered {response.status_code}")
        return response.content

    def stored(self, at: Candidate | Deployment) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Refuse: a target that serves is asked over HTTP."""
        raise TargetError(f"{self.target} cannot read back what it stores as {at.revision!r}")

    def keep(self, candidate: Candidate) -> Candidate:
        """Refuse: this target holds no candidates."""
        raise TargetError(f"{self.target} cannot hold a preview of {candidate.name!r}")

    def mend(self, live: Deployment) -> None:
        """Leave what lies around it."""

    def discard(self, candidate: Candidate) -> None:
        """Leave it: this target holds no candidates."""

    def history(self) -> Sequence[Deployment]:
        """Know only what is live."""
        live = self.live()
        return () if live is None else (live,)

    def prune(self, keep: int) -> None:
        """Keep all there is."""

    def logs(self, follow: bool) -> Iterator[str]:  # noqa: ARG002, FBT001
        """Refuse: this target shows no log."""
        raise TargetError(f"{self.target} shows no logs")

    def unpublish(self) -> None:
        """Refuse: this target cannot take anything back."""
        raise TargetError(f"{self.target} cannot unpublish {self.name!r}")

    def pack(self, bundle: Bundle) -> Recipe:
        """Say what is to be built; a target must."""
        raise NotImplementedError

    def live(self) -> Deployment | None:
        """Return what visitors get now; a target must."""
        raise NotImplementedError

    def stage(self, artifact: Artifact, release: str, token: str) -> Candidate:
        """Bring it up without visitors; a target must."""
        raise NotImplementedError

    def promote(self, candidate: Candidate, percent: int = 100) -> Deployment:
        """Send the visitors there; a target must."""
        raise NotImplementedError
