"""The app's own pages under ``/-/``: versions, plugins, settings, databases, configuration, threads, schemas."""

import re
import sys
import threading
from typing import Any, Final, cast

import apsw
from msgspec.structs import asdict

from baked_core.errors import NO_SQL, Forbidden, NotFound
from baked_core.manifest import Database, Table, View
from baked_core.page import ApiPage, DocumentPage, Link
from baked_core.parameters import parameters as parameters_of
from baked_core.request import Request
from baked_core.views.database import crumbs

_SECRET: Final = re.compile("secret|key|password|token|hash|dsn", re.IGNORECASE).search


async def versions(request: Request) -> DocumentPage:
    """Show what runs here."""
    body = {
        "ok": True,
        "python": {"version": ".".join(map(str, sys.version_info[:3])), "full": sys.version},
        "baked_data": {"version": request.serving.baked.manifest.generator},
        "asgi": "3.0",
        "sqlite": {
            "version": apsw.sqlite_lib_version(),
            "apsw": apsw.apsw_version(),
            "fts_versions": ["FTS5", "FTS4", "FTS3"],
            "compile_options": list(apsw.compile_options),
        },
        "strangers_sql": await request.serving.strangers.standing(),
    }
    return _document(request, "Versions", body)


async def plugins(request: Request) -> DocumentPage:
    """Show the plugins of the Bundle and the hooks that they implement."""
    found = request.serving.plugins
    return _document(request, "Plugins", [] if found is None else found.listed())


async def settings(request: Request) -> DocumentPage:
    """Show every setting."""
    return _document(request, "Settings", {"ok": True, **asdict(request.serving.settings)})


async def databases(request: Request) -> DocumentPage:
    """Show every database, its size and digest."""
    listed = [_database(request, each) for each in request.serving.baked.manifest.databases.values()]
    return _document(request, "Databases", {"ok": True, "databases": listed})


async def actor(request: Request) -> DocumentPage:
    """Show who asks, as far as it is known."""
    return _document(request, "Actor", {"ok": True, "actor": request.actor})


async def config(request: Request) -> DocumentPage:
    """Show metadata and settings as they were given, without what looks like a secret."""
    manifest = request.serving.baked.manifest
    told: dict[str, Any] = {**manifest.metadata}
    if manifest.settings:
        told["settings"] = dict(manifest.settings)
    return _document(request, "Configuration", {"ok": True, **_redacted(told)})


async def threads(request: Request) -> DocumentPage:
    """Show the threads of this process."""
    found = [{"name": each.name, "ident": each.ident, "daemon": each.daemon} for each in threading.enumerate()]
    return _document(request, "Threads", {"ok": True, "num_threads": len(found), "threads": found})


async def schema(request: Request) -> DocumentPage:
    """Show the SQL that made every database."""
    found = {each.name: _schema(each) for each in request.serving.baked.manifest.databases.values()}
    listed = [{"database": name, "schema": sql} for name, sql in found.items()]
    text = "\n".join(_markdown(name, sql) for name, sql in found.items())
    return _document(request, "Schema", {"ok": True, "schemas": listed}, text)


async def database_schema(request: Request) -> DocumentPage:
    """Show the SQL that made one database."""
    database = request.serving.own_page(request.names[0]).entry
    sql = _schema(database)
    body = {"ok": True, "database": database.name, "schema": sql}
    return _document(request, f"Schema of {database.name}", body, _markdown(database.name, sql), database.name)


async def table_schema(request: Request) -> DocumentPage:
    """Show the SQL that made one table or view."""
    database = request.serving.database(request.names[0])
    relation = database.relation(request.names[1])
    body = {"ok": True, "database": database.name, "table": relation.name, "schema": relation.sql}
    text = _markdown(f"{database.name}.{relation.name}", relation.sql)
    return _document(request, f"Schema of {relation.name}", body, text, database.name, relation.name)


async def openapi(request: Request) -> ApiPage:
    """Show the JSON API as an OpenAPI document."""
    from baked_core.openapi import document  # noqa: PLC0415 - few ask for it

    serving = request.serving
    server = request.urls.absolute(request.urls.root)
    body = document(serving.baked.manifest, server, allow_sql=any(map(serving.allows_sql, serving.databases)))
    return ApiPage(title="API", crumbs=(Link("home", request.urls.path("")),), body=body)


async def parameters(request: Request) -> DocumentPage:
    """Show the names of the parameters in an SQL query."""
    request.args.check(("sql",))
    database = request.serving.own_page(request.names[0])
    if not request.serving.allows_sql(database.name):
        raise Forbidden(NO_SQL)
    names = parameters_of(request.args.get("sql"))
    return _document(request, "Parameters", {"ok": True, "parameters": list(names)})


async def unknown(request: Request) -> DocumentPage:
    """Refuse a page that is not there."""
    raise NotFound("there is no page {path!r}: begin at the index", path=request.path)


def _document(request: Request, title: str, body: Any, text: str = "", *names: str) -> DocumentPage:
    way = crumbs(request, *names) if names else (Link("home", request.urls.path("")),)
    return DocumentPage(title=title, crumbs=way, body=body, text=text)


def _database(request: Request, database: Database) -> dict[str, Any]:
    return {
        "name": database.name,
        "route": database.name,
        "path": database.file,
        "size": database.size,
        "is_mutable": not request.serving.baked.immutable,
        "is_memory": False,
        "hash": database.sha256,
    }


def _schema(database: Database) -> str:
    relations: list[Table | View] = [*database.tables.values(), *database.views.values()]
    shown = [each for each in relations if not (each.hidden and isinstance(each, Table) and each.virtual is None)]
    return "\n".join(f"{each.sql};" for each in shown if each.sql)


def _markdown(name: str, sql: str) -> str:
    return f"# Schema for {name}\n\n```sql\n{sql}\n```\n"


def _redacted(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _redacted(each, key) for key, each in cast("dict[str, Any]", value).items()}
    return "***" if isinstance(value, str) and _SECRET(name) else value
