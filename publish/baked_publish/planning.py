"""Planning: a publish compared with what is live, told before anything is done, refused where data would be lost."""

from dataclasses import asdict

from baked_core.manifest import Manifest
from baked_publish.artifacts import Artifact
from baked_publish.deployment import Change, Deployment
from baked_publish.errors import LockedError, PlanRefused, PublishError, TargetError
from baked_publish.plan import compare, losses
from baked_publish.publisher import Can, Publisher
from baked_publish.report import Report
from baked_publish.verify import read_manifest
from baked_publish.wish import Wish


def plan(
    publisher: Publisher, artifact: Artifact, live: Deployment | None, wish: Wish, report: Report
) -> tuple[Change, ...]:
    """Tell what would change; raise PlanRefused when something live would be lost and nobody forced it."""
    report.step("plan")
    old = _live_manifest(publisher, live, wish, report)
    changes = (*compare(old, artifact.bundle.manifest), *publisher.plan(artifact, live))
    if Can.STAGE not in publisher.can:
        how = f"{publisher.target} cannot stage: it goes live first and is verified at once"
        changes = (*changes, Change("warn", how))
    lost = [describe(change) for change in changes if change.kind == "overwrite"]
    lost += losses(old, artifact.bundle.manifest, wish.max_row_loss)
    refused = bool(lost) and not wish.force
    for change in changes if refused or not wish.dry_run else ():  # what a dry run found is its answer
        report.info(describe(change))
    if refused:
        raise PlanRefused(
            f"publishing would lose data that is live: {'; '.join(lost)}. Nothing was changed. "
            "If that is meant, publish with --force",
            {"changes": [asdict(change) for change in changes]},
        )
    return changes


def describe(change: Change) -> str:
    """Return one line for a person."""
    arrow = " -> ".join(value for value in (change.before, change.after) if value is not None)
    return f"{change.kind} {change.what}" + (f": {arrow}" if arrow else "")


def answers(publisher: Publisher, live: Deployment) -> bool:
    """Tell whether what is live answers its visitors; a target without a server always does."""
    if Can.SERVE not in publisher.can:
        return True
    try:
        publisher.fetch(live, "/-/healthz", {})
    except TargetError:
        return False
    return True


def _live_manifest(publisher: Publisher, live: Deployment | None, wish: Wish, report: Report) -> Manifest | None:
    """Return what is live; raise PlanRefused if it serves and cannot be told, for then nobody knows what is lost."""
    if live is None:
        return None
    try:
        return read_manifest(publisher, live)
    except PublishError as exc:
        if isinstance(exc, LockedError) and not wish.dry_run:  # somebody else publishes, which is no reason to go on
            raise
        if not (wish.force or wish.dry_run) and answers(publisher, live):
            raise PlanRefused(
                f"what is live answers its visitors, but could not be compared, so that nobody knows what would be "
                f"lost: {exc}. Nothing was changed. Try again, or publish with --force"
            ) from exc
        report.warning(f"what is live could not be compared: {exc}")
        return None
