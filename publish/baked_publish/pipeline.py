"""The line: files -> bake -> Bundle -> Artifact -> plan -> stage -> verify -> promote -> Deployment.

A Publisher implements small steps; this module owns their order. Whatever stops a run, what was live stays live, and
the next run removes what was left behind.
"""

import secrets
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import import_module
from typing import Final, Literal, TypeVar

from baked_core.manifest import Manifest, canonical
from baked_publish.artifacts import Artifact, Recipe
from baked_publish.bundle import Bundle
from baked_publish.deadline import EITHER, Expired
from baked_publish.deployment import Candidate, Change, Deployment, Finding
from baked_publish.errors import (
    NotFoundError,
    PreflightError,
    PublishError,
    UsageError,
)
from baked_publish.expectations import hold_for, hold_for_bake
from baked_publish.exposure.consent import require_consent
from baked_publish.options import deployed
from baked_publish.planning import answers, plan
from baked_publish.plugin_secrets import version_of
from baked_publish.publisher import Can, Publisher
from baked_publish.report import Report
from baked_publish.verify import verify
from baked_publish.wish import Wish

Baking = Callable[[], AbstractContextManager[Bundle]]
"""Opens the context in which the files are frozen."""
Some = TypeVar("Some", Candidate, Deployment)
Action = Literal["published", "previewed", "canary", "unchanged", "planned", "promoted", "rolled back"]
ALL: Final = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a command."""

    action: Action
    at: Candidate | Deployment | None
    changes: tuple[Change, ...] = ()
    manifest: Manifest | None = None


def publish(publisher: Publisher, baking: Baking, wish: Wish, report: Report) -> Outcome:
    """Take files to a verified deployment, or change nothing.

    Raises a PublishError of the step that failed; what was live is then still live.
    """
    require_possible(publisher, wish)
    report.step("preflight", publisher.target)
    require(publisher.rehearse())
    with nullcontext() if wish.dry_run else publisher.lock():
        publisher.resolve()
        if wish.canary and publisher.live() is None:
            raise NotFoundError(f"nothing is live as {publisher.name!r}: a canary needs what it is beside")
        with baking() as bundle:
            require_consent(bundle, wish.accept, report)
            hold_for_bake(wish.checks, bundle, report)
            artifact = build(publisher.pack(bundle), bundle, report)
            release, live = release_of(publisher, artifact), publisher.live()
            changes = plan(publisher, artifact, live, wish, report)
            if wish.dry_run:
                return Outcome("planned", live, changes, bundle.manifest)
            artifact.remember()
            sweep(publisher, release, report)
            if live and live.release == release and not wish.force:
                return _unchanged(publisher, live, changes, bundle.manifest, wish, report)
            report.step("stage", release[:12])
            candidate = publisher.stage(artifact, release, secrets.token_urlsafe(32))
        action, at = _bring_up(publisher, candidate, live, wish, report)
        return Outcome(action, at, changes, bundle.manifest)


def promote(publisher: Publisher, revision: str | None, wish: Wish, report: Report) -> Outcome:
    """Send the visitors to a preview: the newest, or the one named. Raises NotFoundError if there is none."""
    require(publisher.preflight())
    with publisher.lock():
        publisher.resolve()
        previews = [candidate for candidate in publisher.candidates() if candidate.kept]
        candidate = _pick(previews, revision, f"no preview of {publisher.name!r}: `--preview` makes one")
        manifest = verify(publisher, candidate, report)
        return Outcome("promoted", _promote(publisher, candidate, wish, report), manifest=manifest)


def rollback(publisher: Publisher, revision: str | None, wish: Wish, report: Report) -> Outcome:
    """Bring back the deployment that was live before, or the one named, verified like a new one.

    Raises NotFoundError if there is none.
    """
    require(publisher.preflight())
    with publisher.lock():
        publisher.resolve()
        live, history = publisher.live(), publisher.history()
        if live and revision is None and (canaries := [each for each in publisher.candidates() if each.percent]):
            return _without(publisher, canaries, live, report)
        if live and revision == live.revision:
            raise NotFoundError(f"revision {revision!r} is what is live: `publish history` lists those before it")
        wanted = revision or (live.previous if live else None)
        old = _pick([each for each in history if not each.live], wanted, f"no older deployment of {publisher.name!r}")
        sweep(publisher, old.release, report)
        report.step("recall", old.revision)
        candidate = publisher.recall(old)
        _, at = _bring_up(publisher, candidate, live, replace(wish, preview=False), report)
        return Outcome("rolled back", at)


def unpublish(publisher: Publisher, report: Report) -> None:
    """Remove everything of this name; raises NotFoundError if there is nothing."""
    with publisher.lock():
        if publisher.live() is None and not publisher.candidates():
            raise NotFoundError(f"nothing is published on {publisher.target} as {publisher.name!r}")
        report.step("unpublish", publisher.name)
        publisher.unpublish()


def require_possible(publisher: Publisher, wish: Wish) -> None:
    """Raise UsageError for a wish that the target cannot fulfil, or that contradicts itself."""
    if publisher.secrets and Can.SECRETS not in publisher.can:
        raise UsageError(
            f"{publisher.target} has no environment to keep --plugin-secret in: say {{$env: NAME}} or {{$file: PATH}} "
            "in metadata, and set it where the server runs"
        )
    if wish.canary is None:
        return
    if Can.CANARY not in publisher.can:
        raise UsageError(f"{publisher.target} sends all visitors or none: leave --canary out, or take --preview")
    if wish.preview or not 0 < wish.canary < ALL:
        raise UsageError(
            f"--canary {wish.canary} says how many percent of the visitors go there, 1 to 99; without visitors it is "
            "--preview, with all of them neither"
        )


def require(findings: Iterable[Finding]) -> None:
    """Raise PreflightError naming every finding that is not all right."""
    amiss = [f"{finding.what}: {finding.fix}" for finding in findings if not finding.ok]
    if amiss:
        raise PreflightError("\n".join(amiss))


def build(recipe: Recipe, bundle: Bundle, report: Report) -> Artifact:
    """Pack ``bundle`` by the Builder of the Recipe's kind."""
    report.step("build", recipe.kind)
    builder = import_module(f"baked_publish.builders.{recipe.kind}")
    artifact: Artifact = builder.build(bundle, recipe, report)
    return artifact


def release_of(publisher: Publisher, artifact: Artifact) -> str:
    """Return the release: 64 hex digits over the Bundle, the Artifact and the options it runs with."""
    parts = {
        "target": publisher.target,
        "bundle": artifact.bundle.digest,
        "artifact": artifact.digest,
        "options": deployed(publisher.given),
    }
    if publisher.secrets:
        parts["secrets"] = version_of(publisher.target, publisher.name, publisher.secrets)
    return sha256(canonical(parts)).hexdigest()


def sweep(publisher: Publisher, release: str, report: Report) -> None:
    """Discard what a killed run left behind, but for a candidate of ``release``, which staging takes up again."""
    for candidate in publisher.candidates():
        if not candidate.kept and candidate.release != release:
            report.info(f"removing what an interrupted run left: {candidate.revision}")
            publisher.discard(candidate)


def _unchanged(
    publisher: Publisher, live: Deployment, changes: Iterable[Change], manifest: Manifest, wish: Wish, report: Report
) -> Outcome:
    """Leave what is live, unless it does not answer or something around it is not as it was published."""
    amiss = [] if wish.preview or wish.canary else [each for each in changes if each.kind in {"create", "change"}]
    if not answers(publisher, live):
        report.warning(f"{live.url} does not answer; bringing {live.revision} up again")
        _, at = _bring_up(publisher, publisher.recall(live), live, Wish(keep=wish.keep), report)
        return Outcome("published", at, manifest=manifest)
    if not amiss:
        report.info("unchanged: this is what is live")
        return Outcome("unchanged", live, manifest=manifest)
    report.step("mend", live.revision)
    publisher.mend(live)
    report.info("unchanged: this is what is live, and what lies around it was set right")
    return Outcome("unchanged", live, tuple(amiss), manifest)


def _bring_up(
    publisher: Publisher, candidate: Candidate, live: Deployment | None, wish: Wish, report: Report
) -> tuple[Action, Candidate | Deployment]:
    if Can.STAGE not in publisher.can:
        return "published", _promote_first(publisher, candidate, live, wish, report)
    with _discarded_on_failure(publisher, candidate, report):
        manifest = verify(publisher, candidate, report)
        hold_for(wish.checks, publisher, candidate, list(manifest.databases), report)
        if wish.preview:
            return "previewed", publisher.keep(candidate)
        if wish.canary:
            report.step("canary", f"{candidate.revision}, {wish.canary} %")
            return "canary", publisher.promote(publisher.keep(candidate), wish.canary)
        return "published", _promote(publisher, candidate, wish, report)


def _without(publisher: Publisher, canaries: Iterable[Candidate], live: Deployment, report: Report) -> Outcome:
    for candidate in canaries:
        report.step("recall", f"{live.revision}, without the canary {candidate.revision}")
        publisher.discard(candidate)
    return Outcome("rolled back", live)


def _promote(publisher: Publisher, candidate: Candidate, wish: Wish, report: Report) -> Deployment:
    report.step("promote", candidate.revision)
    try:
        deployment = publisher.promote(candidate)
        _prune(publisher, wish, report)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(EITHER) from None
    return deployment


def _prune(publisher: Publisher, wish: Wish, report: Report) -> None:
    try:
        if wish.keep is not None:
            publisher.prune(wish.keep)
    except (PublishError, Expired) as exc:  # the publish itself is done
        report.warning(f"old deployments could not be removed: {exc or 'the time is over'}")


def _promote_first(
    publisher: Publisher, candidate: Candidate, live: Deployment | None, wish: Wish, report: Report
) -> Deployment:
    report.step("promote", candidate.revision)
    deployment = publisher.promote(candidate)
    try:
        at = replace(deployment, token=candidate.token)
        manifest = verify(publisher, at, report)
        hold_for(wish.checks, publisher, at, list(manifest.databases), report)
    except BaseException:
        if live is None:
            publisher.unpublish()
        else:
            publisher.promote(publisher.recall(live))
        raise
    return deployment


@contextmanager
def _discarded_on_failure(publisher: Publisher, candidate: Candidate, report: Report) -> Generator[None, None, None]:
    try:
        yield
    except BaseException:
        try:
            live = publisher.live()
            if live is None or live.revision != candidate.revision:
                report.info(f"discarding {candidate.revision}; what was live stays live")
                publisher.discard(candidate)
        except PublishError as exc:  # it must not hide why the candidate is discarded
            report.warning(f"{candidate.revision} stays, the next publish removes it: {exc}")
        raise


def _pick(found: Sequence[Some], revision: str | None, none: str) -> Some:
    chosen = [each for each in found if revision in {None, each.revision}]
    if chosen:
        return chosen[0]
    if revision is None or not found:
        raise NotFoundError(none)
    raise NotFoundError(f"no revision {revision!r}, there are: {', '.join(each.revision for each in found)}")
