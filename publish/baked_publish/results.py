"""Results: what a command answers on standard output, as text or as one JSON object.

Every JSON object has ``"format": 1``, ``"ok"`` and ``"command"``; docs/json.md describes each. Keys may be added within
a format, none is renamed or removed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from baked_core.manifest import Database, Manifest
from baked_publish.deployment import Candidate, Deployment
from baked_publish.images.image import Image, PlatformImage
from baked_publish.pipeline import Outcome
from baked_publish.plugins import Plugin

FORMAT: Final = 1
JSON = dict[str, Any]


def envelope(command: str, **values: Any) -> JSON:
    """Return a result that went well."""
    return {"format": FORMAT, "ok": True, "command": command, **values}


def failure(message: str, kind: str, exit_code: int) -> JSON:
    """Return a result that did not."""
    return {"format": FORMAT, "ok": False, "error": {"kind": kind, "message": message, "exit_code": exit_code}}


def of_outcome(command: str, outcome: Outcome) -> JSON:
    """Return what a publish, promote or rollback came to."""
    return envelope(
        command,
        action=outcome.action,
        url=outcome.at.url if outcome.at else None,
        deployment=of_deployment(outcome.at) if outcome.at else None,
        changes=[asdict(change) for change in outcome.changes],
        databases=of_databases(outcome.manifest) if outcome.manifest else None,
    )


def of_deployment(at: Candidate | Deployment) -> JSON:
    """Return a deployment without its token."""
    values = asdict(at)
    del values["token"]
    return values


def of_databases(manifest: Manifest) -> JSON:
    """Return for each database its size, digest and row counts."""
    return {name: _database(database) for name, database in manifest.databases.items()}


def _database(database: Database) -> JSON:
    tables = {table.name: table.count for table in database.tables.values() if not table.hidden}
    return {"size": database.size, "sha256": database.sha256, "tables": tables, "views": sorted(database.views)}


def of_image(image: Image) -> JSON:
    """Return an image's digests, and the layers of each platform."""
    platforms = {str(one.platform): _platform(one) for one in image.platforms}
    return {"digest": f"sha256:{image.digest}", "bundle": image.bundle.digest, "platforms": platforms}


def _platform(one: PlatformImage) -> JSON:
    layers = [
        {
            "about": layer.about,
            "digest": layer.blob.descriptor.digest,
            "size": layer.blob.descriptor.size,
            "base": layer.base,
        }
        for layer in one.layers
    ]
    return {"digest": one.manifest.descriptor.digest, "layers": layers}


def layers(image: Image) -> list[str]:
    """Return lines that tell a person what an image is made of."""
    lines: list[str] = []
    for one in image.platforms:
        lines.append(f"{one.platform}: {one.manifest.descriptor.digest}")
        lines += [f"  {layer.blob.descriptor.size:>13,} bytes  {layer.about}" for layer in one.layers]
    return lines


def of_plugins(plugins: Iterable[Plugin]) -> list[Mapping[str, str]]:
    """Return the installed targets."""
    return [asdict(plugin) for plugin in plugins]


def found(manifest: Manifest) -> list[str]:
    """Return lines that tell a person what was baked."""
    lines: list[str] = []
    for database in manifest.databases.values():
        lines.append(f"{database.name}: {database.size:,} bytes, sha256 {database.sha256[:12]}")
        shown = [table for table in database.tables.values() if not table.hidden]
        lines += [f"  table {table.name}: {table.count:,} rows, {len(table.columns)} columns" for table in shown]
        lines += [f"  view {name}" for name, view in database.views.items() if not view.hidden]
    return lines


def moment(text: str) -> str:
    """Return a time to the second, as a person reads it."""
    return re.sub(r"\.\d+", "", text)


def listing(deployments: Iterable[Deployment]) -> list[str]:
    """Return a line a deployment, newest first."""
    return [
        f"{'*' if each.live else ' '} {each.revision}  {moment(each.created)}  {_where(each)}" for each in deployments
    ]


def _where(at: Deployment) -> str:
    return f"bundle {at.bundle_digest[:12]}  {at.url}"
