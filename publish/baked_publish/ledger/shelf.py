"""The Shelf: one tag of a repository and its ledger, which only the holder of the lease writes to."""

import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from baked_publish.errors import LockedError, NotFoundError, PublishError, TargetError
from baked_publish.ledger.lease import Lease
from baked_publish.ledger.ledger import SUFFIX, Ledger
from baked_publish.registry.descriptor import INDEX, Descriptor
from baked_publish.registry.repository import SETTLING, Repository
from baked_publish.report import Report

PAUSE: Final = 0.25
"""Seconds at least between writing a lease and reading it back."""
RENEWED: Final = 60.0
"""Seconds between two renewals of the lease."""


@dataclass(frozen=True, slots=True)
class View:
    """What a tag and its ledger said at one moment."""

    tag: Descriptor | None
    """The image that the tag names."""
    ledger: Ledger
    """Settled: as it should be while the tag names that image."""

    @property
    def digest(self) -> str | None:
        """``sha256:...`` of the image that the tag names, None if there is no tag."""
        return self.tag.digest if self.tag else None


class Shelf:
    """One tag, its ledger, and the lease to write to both."""

    def __init__(self, repository: Repository, tag: str, report: Report) -> None:
        self.repository = repository
        self.tag = tag
        self.ledger_tag = tag + SUFFIX
        self._report = report
        self._place = ""
        self._lease: Lease | None = None
        self._found: View | None = None
        self._refusal: PublishError | None = None
        """Why the registry removed nothing when it was asked last."""
        self._guard = threading.RLock()
        self._over = threading.Event()
        self._renewer: threading.Thread | None = None

    @property
    def name(self) -> str:
        """``HOST/REPOSITORY:TAG``."""
        return f"{self.repository.name}:{self.tag}"

    # Reading

    def look(self) -> View:
        """Read the tag and its ledger."""
        tag = self.repository.find(self.tag)
        view = View(tag, self._read()[0].settled(tag.digest if tag else None))
        if self._found is None:
            self._found = view
        return view

    def _read(self) -> tuple[Ledger, str]:
        """Return the ledger and the digest of what holds it, empty if there is none."""
        try:
            descriptor, data = self.repository.manifest(self.ledger_tag)
        except NotFoundError:
            return Ledger(), ""
        return Ledger.from_json(data, f"{self.repository.name}:{self.ledger_tag}"), descriptor.digest

    # Writing

    @contextmanager
    def session(self, place: str) -> Generator[None, None, None]:
        """Let this process write from here on: the lease is taken at the first write, and given back at the end.

        ``place`` is the state folder whose lock this process holds.
        """
        self._place, self._found = place, None
        reading, self.repository = self.repository, self.repository.writing
        try:
            yield
        finally:
            self._give_back()
            self._place, self.repository = "", reading

    def change(self, how: Callable[[Ledger], Ledger]) -> Ledger:
        """Write the ledger that ``how`` makes of what is there; raise LockedError if somebody else writes to it."""
        with self._guard:
            self._take()
            tag = self.repository.find(self.tag)
            return self._write(lambda ledger: how(ledger.settled(tag.digest if tag else None)))

    def move(self, image: Descriptor) -> None:
        """Let the tag name ``image``, which the repository holds already.

        Raises LockedError if somebody else writes, or has moved the tag since this process saw it first.
        """
        with self._guard:
            self._take()
            self._check()
            tag = self.repository.find(self.tag)
            seen = self._found.digest if self._found else None
            if self._found and (tag.digest if tag else None) != seen:
                raise LockedError(
                    f"{self.name} named {seen or 'nothing'} when this publish looked at it, and now names "
                    f"{tag.digest if tag else 'nothing'}: somebody else moved it. Nothing was changed; publish again"
                )
            if tag is None or tag.digest != image.digest:
                _, data = self.repository.manifest(image.digest)
                self.repository.put(self.tag, data, image.media_type)
            self._found = View(image, Ledger())

    def clear(self) -> None:
        """Remove tag and ledger; raise TargetError, with nothing changed, if the registry removes nothing."""
        with self._guard:
            self._take()
            self._check()
            if self._refusal is not None:
                raise TargetError(
                    f"{self.name} stays where it is, with its ledger {self.ledger_tag!r} and all images: the registry "
                    f"removes nothing over its API ({self._refusal}). Remove them on its own pages"
                ) from self._refusal
            self._untag()
            _, digest = self._read()
            self.repository.delete(digest)
            self._lease = None

    def _untag(self) -> None:
        """Remove the tag; another tag may name the same image, which must stay."""
        with suppress(PublishError):  # not every registry can remove a tag alone
            self.repository.delete(self.tag)
        if self.repository.find(self.tag) is not None:
            nothing = replace(Ledger(), written=f"removed {secrets.token_hex(16)}").to_json()
            self.repository.delete(self.repository.put(self.tag, nothing, INDEX))

    def held(self) -> bool:
        """Tell whether nobody else has taken the lease; True as well before this process took it."""
        with self._guard:
            try:
                self._check()
            except LockedError:
                return False
            return True

    def hold(self) -> None:
        """Take the lease now; raise LockedError if somebody else has it."""
        with self._guard:
            self._take()
            self._check()

    # The lease

    def _take(self) -> None:
        if self._lease is not None:
            return
        if not self._place:
            raise TargetError(f"{self.name} is written to outside of its lock")
        mine, begun = Lease.take(self._place), time.monotonic()
        ledger, digest = self._read()
        if ledger.lease and ledger.lease.bars(mine):
            raise self._locked(ledger.lease)
        self._put(replace(ledger, lease=mine), digest)
        time.sleep(max(PAUSE, 2 * (time.monotonic() - begun)))
        self._lease = mine
        self._check()
        self._over.clear()
        self._renewer = threading.Thread(target=self._renew, name=f"lease of {self.name}", daemon=True)
        self._renewer.start()

    def _check(self) -> None:
        """Raise LockedError if somebody else has taken the lease since."""
        if self._lease is None:
            return
        lease = self._read()[0].lease
        if lease is None or lease.holder != self._lease.holder:
            raise self._locked(lease)

    def _locked(self, lease: Lease | None) -> LockedError:
        if lease is None:
            return LockedError(f"the ledger of {self.name} was removed by somebody else: publish again")
        return LockedError(
            f"another publish of {self.name} is under way in {lease.holder}: wait until it is done; "
            f"if it died, its lease ends at {lease.until:%H:%M:%S} UTC"
        )

    def _renew(self) -> None:
        while not self._over.wait(RENEWED):
            with suppress(PublishError), self._guard:  # the next one, or the next write, comes in time
                if self._lease is not None and not self._over.is_set():
                    self._write(lambda ledger: ledger)

    def _give_back(self) -> None:
        self._over.set()
        if self._renewer is not None:
            self._renewer.join()
            self._renewer = None
        if self._lease is None:
            return
        try:
            self._check()
            ledger, digest = self._read()
            if ledger.records or self._refusal is not None:
                self._put(replace(ledger, lease=None), digest)
            else:
                self.repository.delete(digest)
        except PublishError as exc:
            self._report.detail(f"the lease of {self.name} ends by itself: {exc}")
        finally:
            self._lease = None

    # The ledger

    def _write(self, how: Callable[[Ledger], Ledger]) -> Ledger:
        ledger, digest = self._read()
        if self._lease is None or ledger.lease is None or ledger.lease.holder != self._lease.holder:
            raise self._locked(ledger.lease)
        self._lease = self._lease.renewed()
        return self._put(replace(how(ledger), lease=self._lease), digest)

    def _put(self, ledger: Ledger, old: str) -> Ledger:
        """Write ``ledger``, without images that somebody removed, and remove what held it before, by its digest."""
        try:
            new = self._store(ledger)
        except TargetError:  # most registries take no index that names what they do not have
            gone = [name for name, each in ledger.records.items() if self.repository.find(each.digest) is None]
            if not gone:
                raise
            self._report.info(f"{', '.join(gone)}: somebody removed the image, the ledger forgets it")
            ledger = ledger.forget(*gone)
            new = self._store(ledger)
        self._wait_for_news(old)
        if old and old != new:
            try:
                self.repository.delete(old)
                self._refusal = None
            except PublishError as exc:  # a few hundred bytes stay: some registries remove nothing
                self._refusal = exc
        return ledger

    def _store(self, ledger: Ledger) -> str:
        written = f"{datetime.now(UTC).isoformat()} {secrets.token_hex(8)}"
        return self.repository.put(self.ledger_tag, replace(ledger, written=written).to_json(), INDEX, settle=False)

    def _wait_for_news(self, old: str) -> None:
        """Wait until the registry no longer tells of the ledger before: some take a while to see what they took."""
        deadline, pause = time.monotonic() + SETTLING, 0.05
        while ((found := self.repository.find(self.ledger_tag)) is None and not old) or (found and found.digest == old):
            if time.monotonic() > deadline:
                raise TargetError(f"{self.repository.name} took {self.ledger_tag!r}, but does not tell of it")
            time.sleep(pause)
            pause = min(2 * pause, 2.0)
