"""Plugins: targets come in by one door, the entry-point group ``baked_data.targets``, ours as well."""

from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from baked_publish.errors import PublishError, UsageError
from baked_publish.publisher import Publisher
from baked_publish.suggest import nearest

GROUP: Final = "baked_data.targets"


@dataclass(frozen=True, slots=True)
class Plugin:
    """A target that is installed, not yet imported."""

    target: str
    origin: str
    """``MODULE:CLASS``."""
    distribution: str
    version: str


def installed() -> tuple[Plugin, ...]:
    """List all targets by name, importing none of them."""
    return tuple(_plugin(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name))


def load(target: str) -> type[Publisher]:
    """Import the Publisher of one target, and only that.

    Raises UsageError for a name that nobody or more than one distribution offers, PublishError for a plugin that
    cannot be imported.
    """
    points = tuple(entry_points(group=GROUP, name=target))
    if not points:
        known = [plugin.target for plugin in installed()]
        raise UsageError(
            f"there is no target {target!r}{nearest(target, known)}: `publish plugins` lists what is installed"
        )
    origins = sorted({point.value for point in points})
    if len(origins) > 1:
        raise UsageError(f"two plugins offer the target {target!r}: {', '.join(origins)}; uninstall one of them")
    return _import(points[0])


def _import(point: EntryPoint) -> type[Publisher]:
    plugin = _plugin(point)
    try:
        publisher: type[Publisher] = point.load()
    except Exception as exc:
        raise PublishError(
            f"the plugin {plugin.distribution} {plugin.version} for {point.name!r} cannot be imported: {exc!r}"
        ) from exc
    if getattr(publisher, "target", None) != point.name:
        raise PublishError(
            f"the plugin {plugin.distribution} {plugin.version} offers {point.name!r}, but {point.value} "
            f"is not a Publisher of that target"
        )
    return publisher


def _plugin(point: EntryPoint) -> Plugin:
    distribution = point.dist
    return Plugin(
        target=point.name,
        origin=point.value,
        distribution=distribution.name if distribution else "?",
        version=distribution.version if distribution else "?",
    )
