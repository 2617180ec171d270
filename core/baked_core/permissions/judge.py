"""The Judge: decides what one actor may see of a whole site, with all that follows from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from baked_core import canned
from baked_core.manifest import Database, Manifest
from baked_core.metadata import hidden_columns
from baked_core.permissions.allow import Actor
from baked_core.permissions.closure import Closure, Reads
from baked_core.permissions.policy import Policy
from baked_core.permissions.rules import Rules
from baked_core.permissions.sight import Name, Sight
from baked_core.sql import quote

Policies = Mapping[str, Policy]
"""What no SQL of one reader may read, by database."""
Reading = Callable[[str, Mapping[str, str]], Mapping[str, Reads | None]]
"""Tells of a database's statements, by name, what each would read."""


class Judge:
    """Knows the rules, and what views and canned queries read."""

    def __init__(self, manifest: Manifest, reading: Reading, *, allow_sql: bool, joined: Iterable[str] = ()) -> None:
        """Take a site, and what tells of SQL what it reads; ``allow_sql`` is what goes where no block speaks of SQL."""
        metadata = manifest.metadata
        self._rules = Rules(metadata, allow_sql=allow_sql)
        self._databases = manifest.databases
        self._joined = frozenset(joined)
        """Databases in memory, in which SQL may join across the others."""
        self._queries = {name: canned.all_of(metadata, name) for name in (*self._databases, *self._joined)}
        self._sql = {(name, query.name): query.sql for name, found in self._queries.items() for query in found}
        self._reads = {name: reading(name, dict(self._statements(name))) for name in self._databases}
        self._closures = {
            name: Closure(entry, hidden_columns(metadata, name), self._views(entry))
            for name, entry in self._databases.items()
        }

    def sight(self, actor: Actor | None) -> tuple[Sight, Policies]:
        """Decide what ``actor`` may see; None is somebody who is not known."""
        rules, databases = self._rules, self._databases
        policies = {name: self._policy(actor, entry) for name, entry in databases.items()}
        shown = frozenset(name for name in databases if rules.database(actor, name))
        relations = (each for entry in databases.values() for each in self._relations(actor, entry, policies))
        queries = frozenset(each for name in self._queries for each in self._shown(actor, name, policies))
        sight = Sight(
            instance=rules.instance(actor),
            databases=shown | self._joined,
            relations=frozenset(relations),
            queries=queries,
            opened=frozenset(each for each in queries if self._shows_more(each, policies)),
            sql=frozenset(name for name in self._queries if rules.sql(actor, name)),
            files=frozenset(name for name in shown if rules.download(actor, name) and not policies[name]),
            hidden=frozenset((name, each) for name, policy in policies.items() for each in policy.hidden),
        )
        return sight, policies

    def _policy(self, actor: Actor | None, entry: Database) -> Policy:
        """Return what no SQL of ``actor`` may read in one database."""
        names = (*entry.tables, *entry.views)
        denied = [name for name in names if not self._rules.table(actor, entry.name, name)]
        return self._closures[entry.name].policy(denied)

    def _relations(self, actor: Actor | None, entry: Database, policies: Policies) -> Iterator[Name]:
        """Yield the tables and views that ``actor`` may see: a view also if a block of its own opens it."""
        rules, policy = self._rules, policies[entry.name]
        for name in entry.tables:
            if not policy.hides(name):
                yield entry.name, name
        for name in entry.views:
            opened = rules.opens_table(entry.name, name) and rules.table(actor, entry.name, name)
            if opened or not policy.hides(name):
                yield entry.name, name

    def _shown(self, actor: Actor | None, database: str, policies: Policies) -> Iterator[Name]:
        """Yield the queries of a database that ``actor`` may see: one that shows more only if a block opens it."""
        for query in self._queries[database]:
            name = (database, query.name)
            if self._rules.query(actor, *name) and (
                self._rules.opens_query(*name) or not self._shows_more(name, policies)
            ):
                yield name

    def _shows_more(self, query: Name, policies: Policies) -> bool:
        """Tell whether a query reads anything that is held back."""
        database, name = query
        if database in self._joined:
            return any(policies.values())
        sql = self._sql[database, name]
        return Closure.shows(sql, self._reads[database][f"query {name}"], policies[database])

    def _statements(self, database: str) -> Iterator[tuple[str, str]]:
        """Yield the SQL of each view and canned query of a database."""
        for name in self._databases[database].views:
            yield f"view {name}", f"select * from {quote(name)}"  # noqa: S608 - quoted
        for query in self._queries[database]:
            yield f"query {query.name}", query.sql

    def _views(self, entry: Database) -> Mapping[str, Reads | None]:
        return {name: self._reads[entry.name][f"view {name}"] for name in entry.views}
