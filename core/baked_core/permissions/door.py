"""The Door: who comes in, and the Serving that is theirs; the one place where it is decided who sees what."""

from collections.abc import Mapping
from typing import Final, Self

from msgspec.structs import replace

from baked_core.http import HttpRequest
from baked_core.manifest import Database, canonical
from baked_core.permissions import narrow
from baked_core.permissions.allow import Actor
from baked_core.permissions.judge import Judge
from baked_core.permissions.policy import Policy
from baked_core.permissions.rules import Rules
from baked_core.permissions.sight import Sight
from baked_core.permissions.tokens import Tokens, bearer
from baked_core.request import Serving

MOST: Final = 500
"""Actors whose Serving is remembered."""


class Door:
    """Lets every request in with as much as its reader may see."""

    def __init__(self, whole: Serving) -> None:
        self._whole = whole
        self._tokens = Tokens.of(whole.baked.manifest.metadata)
        self._judge = Judge(
            whole.baked.manifest,
            lambda name, statements: whole.databases[name].reads(statements),
            allow_sql=whole.settings.default_allow_sql,
            joined=whole.databases.keys() - whole.baked.manifest.databases.keys(),
        )
        self._known: dict[bytes, Serving] = {}
        self._seen: dict[Sight, Serving] = {}
        self._nobody, policies = self._judge.sight(None)
        self.anonymous = self._narrowed(self._nobody, policies)
        """What somebody gets who is not known."""

    @classmethod
    def of(cls, whole: Serving) -> Self | None:
        """Make the Door of a site; None where everybody may see everything and nobody is known."""
        told = bool(Rules(whole.baked.manifest.metadata, allow_sql=True))
        return cls(whole) if told or (whole.plugins is not None and whole.plugins.know_actors) else None

    def admit(self, http: HttpRequest) -> tuple[Serving, Actor | None]:
        """Return what the reader who sent ``http`` may see, and who it is."""
        actor = self._actor(http)
        if actor is None:
            return self.anonymous, None
        key = canonical(actor)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= MOST:
                self._known.clear()
                self._seen.clear()
            found = self._known[key] = self._serving(actor)
        return found, actor

    def _actor(self, http: HttpRequest) -> Actor | None:
        token = bearer(http.headers.get("authorization", ""))
        found = self._tokens.actor(token) if token else None
        plugins = self._whole.plugins
        return found if found is not None or plugins is None else plugins.actor(http)

    def _serving(self, actor: Actor) -> Serving:
        """Return the Serving of ``actor``: the same for all who may see the same."""
        sight, policies = self._judge.sight(actor)
        if sight == self._nobody:
            return self.anonymous
        found = self._seen.get(sight)
        if found is None:
            found = self._seen[sight] = self._narrowed(sight, policies)
        return found

    def _narrowed(self, sight: Sight, policies: Mapping[str, Policy]) -> Serving:
        whole, baked = self._whole, self._whole.baked
        entries = {
            name: self._entry(entry, sight, policies[name])
            for name, entry in baked.manifest.databases.items()
            if sight.reaches(name)
        }
        databases = {name: whole.databases[name].narrowed(policies[name], entry) for name, entry in entries.items()}
        if all(name in sight.sql and not policies[name] for name in baked.manifest.databases):
            databases |= {name: joined for name, joined in whole.databases.items() if name not in databases}
        manifest = replace(
            baked.manifest,
            databases={name: entry for name, entry in entries.items() if name in sight.databases},
            metadata=narrow.metadata(baked.manifest.metadata, sight, policies),
        )
        return replace(
            whole,
            baked=baked.narrowed(manifest),
            databases=databases,
            figured={},
            sight=sight,
            anonymous=self._nobody,
            whole=whole,
        )

    @staticmethod
    def _entry(entry: Database, sight: Sight, policy: Policy) -> Database:
        shown = {name for database, name in sight.relations if database == entry.name}
        return narrow.database(entry, shown, policy)
