"""The wish: how a publish is to go."""

from dataclasses import dataclass

from baked_publish.expectations import Expectation
from baked_publish.exposure.consent import ACCEPT
from baked_publish.options import option


@dataclass(frozen=True, slots=True)
class Wish:
    """How a publish is to go: the same words for every target."""

    preview: bool = option(False, "Bring it up at a URL of its own; visitors are not sent there.")
    canary: int | None = option(
        None, "Percent of the visitors to send there; `publish promote` sends all, `publish rollback` none."
    )
    dry_run: bool = option(False, "Show the plan and touch nothing.")
    force: bool = option(False, "Publish though nothing changed, or though live data would be lost.")
    max_row_loss: int = option(50, "Percent of a live table's rows that may vanish without --force.", bounds=(0, 100))
    keep: int | None = option(5, "Old deployments that stay within reach of a rollback.", bounds=(0, None))
    """None removes none of them."""
    accept: tuple[str, ...] = option((), ACCEPT)
    checks: tuple[Expectation, ...] = ()
    """What must hold of the bake, and of the candidate before visitors come."""
