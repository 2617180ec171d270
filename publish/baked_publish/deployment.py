"""What a target holds: Candidates, Deployments, the changes a plan names, the findings of a preflight."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that is up but gets no visitors yet."""

    target: str
    name: str
    revision: str
    """The target's own name of it; unique within the name."""
    url: str
    """Where it can be looked at; may be private."""
    release: str
    bundle_digest: str
    artifact_digest: str
    token: str = field(repr=False)
    """Opens ``/-/verify`` of this deployment; read back with the publisher's credentials."""
    kept: bool = False
    """A preview that somebody asked for: never cleaned up as a left-over."""
    percent: int = 0
    """The share of the visitors that it gets, as a canary."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is, or once was, live under a name."""

    target: str
    name: str
    revision: str
    url: str
    release: str
    bundle_digest: str
    artifact_digest: str
    created: str
    """When it was promoted last, UTC, ISO 8601."""
    previous: str | None = None
    """The revision that was live before it."""
    live: bool = False
    token: str = field(default="", repr=False)
    """Opens ``/-/verify`` of this deployment, if it is up."""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan."""

    kind: Literal["create", "add", "change", "remove", "upload", "cost", "warn", "overwrite"]
    """``overwrite``: what somebody else put there would be lost, so that it is refused without --force.

    ``cost`` is an estimate."""
    what: str
    """``database airports``, ``table airports.airports``, ``setting max_returned_rows``, ``deployment``..."""
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a preflight: all right, or what to do."""

    ok: bool
    what: str
    fix: str = ""
