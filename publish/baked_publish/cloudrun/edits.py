"""Edits: what one request changes for each step of a publish; told from what is there, and nothing is sent here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from baked_publish.cloudrun.ledger import Ledger
from baked_publish.cloudrun.roster import Roster
from baked_publish.cloudrun.service import Edit
from baked_publish.cloudrun.traffic import OURS
from baked_publish.errors import TargetError

DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
TAG: Final = 7
"""Letters of a tag, the first one an ``r``: short, for a tag and the name of its service share one DNS label."""


def new_tag(roster: Roster) -> str:
    """Return a tag that no revision has, later in the alphabet than every one before it."""
    now = int((datetime.now(UTC) - EPOCH).total_seconds())
    tags = (tag_of(each.name) for each in roster.revisions)
    last = max((int(each[1:], len(DIGITS)) for each in tags if OURS.fullmatch(each)), default=0)
    return "r" + _digits(max(now, last + 1))  # whichever machine's clock goes wrong


def tag_of(revision: str) -> str:
    """Return the tag of a revision, with which its name ends."""
    return revision.rpartition("-")[2]


def staged(roster: Roster, revision: str, made: Mapping[str, Any]) -> Edit:
    """Make a revision that has a URL and no visitors."""
    return Edit(ledger_of(roster), roster.traffic.tagged(revision, tag_of(revision)), made)


def recalled(roster: Roster, revision: str) -> Edit:
    """Give an old revision its URL again."""
    return Edit(ledger_of(roster), roster.traffic.tagged(revision, tag_of(revision)))


def kept(roster: Roster, revision: str) -> Edit:
    """Mark a revision as a preview."""
    return Edit(ledger_of(roster).keep(revision), roster.traffic)


def shared(roster: Roster, revision: str, percent: int) -> Edit:
    """Send ``percent`` of the visitors to a canary and the rest to what is live."""
    if roster.live is None:
        raise TargetError(f"nothing is live as {roster.name!r}: a canary needs what it is beside")
    return Edit(ledger_of(roster), roster.traffic.split(roster.live.name, revision, percent))


def promoted(roster: Roster, revision: str, tags: int, *, public: bool | None) -> Edit:
    """Send every visitor to ``revision``; the ``tags`` newest old ones keep their URL.

    What a killed run left loses it: a revision that never comes up keeps the platform from sending anybody anywhere.
    """
    before = roster.live.name if roster.live else ""
    ledger = ledger_of(roster)
    now, last = datetime.now(UTC), ledger.last
    if last and now <= last:  # another machine's clock is ahead: what is promoted last stays the last
        now = last + timedelta(milliseconds=1)
    ledger = ledger.promote(revision, now.isoformat(), before)
    old = [each.name for each in roster.past if each.name != revision]
    left = [each.name for each in roster.waiting if each.name != revision and not roster.entry(each.name).kept]
    traffic = roster.traffic.without(*left).all_to(revision).tagged(revision, tag_of(revision)).untagged(*old[tags:])
    return Edit(ledger, traffic, public=public)


def dropped(roster: Roster, *revisions: str) -> Edit:
    """Take everything from ``revisions``; visitors of theirs go to what is live."""
    to = roster.live.name if roster.live else ""
    return Edit(ledger_of(roster).forget(*revisions), roster.traffic.without(*revisions, to=to))


def ledger_of(roster: Roster) -> Ledger:
    """Return the ledger; a new one for a service that somebody else made."""
    return roster.ledger or Ledger(made=False)


def _digits(number: int) -> str:
    said = ""
    while number:
        number, digit = divmod(number, len(DIGITS))
        said = DIGITS[digit] + said
    return said.rjust(TAG - 1, "0")
