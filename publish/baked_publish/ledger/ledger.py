"""The Ledger: all that is remembered of one tag, as a second manifest in the same repository, with a tag of its own.

It is an OCI index that names the images it tells of: what an index with a tag names, no registry removes as left over,
so that previews and old deployments stay within reach. The images themselves say nothing of it: the release covers
their digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import orjson

from baked_core.manifest import canonical
from baked_publish.errors import NotFoundError, TargetError
from baked_publish.ledger.lease import Lease
from baked_publish.ledger.record import PREFIX, Record
from baked_publish.registry.descriptor import INDEX, Descriptor

SUFFIX: Final = ".baked"
"""After the tag: the ledger's own."""
KIND: Final = "application/vnd.baked-data.ledger.v1+json"
FORMAT: Final = "1"
JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What a tag had, has or may get, and who is writing."""

    records: Mapping[str, Record] = field(default_factory=dict[str, Record])
    """By revision."""
    lease: Lease | None = None
    written: str = ""
    """When and by whom: no two writings have one digest, so that removing an old one never hits a new one."""

    def find(self, revision: str) -> Record:
        """Return the record of ``revision``; raise NotFoundError if there is none."""
        if revision not in self.records:
            raise NotFoundError(f"revision {revision!r} is not in the ledger: run the command again")
        return self.records[revision]

    def live(self, digest: str | None) -> Record | None:
        """Return the record of the image that the tag names, the last one of it; None if it is not ours."""
        found = [each for each in self.records.values() if each.digest == digest]
        return max(found, key=lambda each: (each.promoted, each.staged), default=None)

    def settled(self, digest: str | None) -> Self:
        """Return it as it should be while the tag names ``digest``: a run may have died between tag and ledger."""
        live, last = self.live(digest), self.last()
        if live is None or live == last:
            return self
        then = max(live.staged, last.promoted if last else "")
        return self.promote(live.revision, then, last.revision if last else "")

    def last(self) -> Record | None:
        """Return the record promoted last."""
        return max(
            (each for each in self.records.values() if each.promoted), key=lambda each: each.promoted, default=None
        )

    def promote(self, revision: str, at: str, previous: str) -> Self:
        """Return the ledger in which the tag was moved to ``revision``, at a time in UTC."""
        record = replace(self.find(revision), promoted=at, kept=False)
        return self.add(replace(record, previous=previous) if previous != revision else record)

    def add(self, record: Record) -> Self:
        """Return the ledger with ``record``, in the place of an older one of its revision."""
        return replace(self, records={**self.records, record.revision: record})

    def forget(self, *revisions: str) -> Self:
        """Return the ledger without ``revisions``."""
        kept = {name: record for name, record in self.records.items() if name not in revisions}
        return replace(self, records=kept)

    def to_json(self) -> bytes:
        """Return the index."""
        lease = self.lease.annotations() if self.lease else {}
        said = {PREFIX + "ledger": FORMAT, PREFIX + "written": self.written, **lease}
        entries = [record.to_entry().to_json() for _, record in sorted(self.records.items())]
        return canonical(
            {"schemaVersion": 2, "mediaType": INDEX, "artifactType": KIND, "manifests": entries, "annotations": said}
        )

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Self:
        """Read an index; raise TargetError naming ``where`` if it is newer, damaged or something else."""
        try:
            raw: JSON = orjson.loads(data)
            said: Mapping[str, str] = raw.get("annotations") or {}
            if (version := said.get(PREFIX + "ledger")) != FORMAT:
                raise TargetError(_strange(where, version))
            entries = [Record.from_entry(Descriptor.from_json(each)) for each in raw["manifests"]]
            return cls({each.revision: each for each in entries}, Lease.read(said), said.get(PREFIX + "written", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise TargetError(f"the ledger {where} is damaged ({exc!r}): remove that tag and publish again") from exc


def _strange(where: str, version: str | None) -> str:
    if version is None:
        return f"{where} is not a ledger of baked-data, and it lies where one would: choose another tag"
    return f"the ledger {where} has format {version!r}, this version reads {FORMAT}: install the one that wrote it"
