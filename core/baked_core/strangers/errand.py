"""An Errand: a Job on its way to the process that runs it; its values stand in the body of the frame."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from baked_core.permissions.policy import Policy
from baked_core.strangers import wire
from baked_core.strangers.job import Job
from baked_core.values import Value


class Errand(Struct, omit_defaults=True):
    """The head of a frame that asks."""

    source: str
    sql: str
    seconds: float
    way: str
    max_rows: int | None = None
    names: tuple[str, ...] | None = None
    """The names of the parameters; without them they have places."""
    hidden: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = {}


def packed(job: Job) -> bytes:
    """Return a Job as a frame."""
    names: tuple[str, ...] | None = None
    values: Sequence[Value]
    if isinstance(job.params, Mapping):
        names, values = tuple(map(str, job.params)), list(job.params.values())
    else:
        values = job.params
    columns = {table: tuple(found) for table, found in job.policy.columns.items()}
    errand = Errand(
        job.source, str(job.sql), job.seconds, job.way, job.max_rows, names, tuple(job.policy.hidden), columns
    )
    return wire.packed(errand, wire.written([values]))


def unpacked(errand: Errand, body: memoryview) -> Job:
    """Return the Job that a frame holds."""
    values = wire.cells(body)[0]
    params = values if errand.names is None else dict(zip(errand.names, values, strict=True))
    policy = Policy.of(errand.hidden, errand.columns)
    return Job(errand.source, errand.sql, params, errand.seconds, errand.max_rows, errand.way, policy)
