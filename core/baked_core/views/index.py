"""The index: all databases."""

from baked_core.args import FORMAT_ARGUMENTS
from baked_core.errors import BadRequest, nearest
from baked_core.metadata import about
from baked_core.page import FEW, IndexPage
from baked_core.request import Request


async def index(request: Request) -> IndexPage:
    """Show all databases; ``_sort=relationships`` orders the tables of each by those with other tables."""
    request.args.check({*FORMAT_ARGUMENTS, "_sort"})
    order = request.args.get("_sort")
    if order not in {"", "relationships"}:
        raise BadRequest("_sort cannot be {order!r} here", order=order, near=nearest(order, ["relationships"]))
    manifest = request.serving.baked.manifest
    names = " and ".join(manifest.databases) if len(manifest.databases) <= FEW else ""
    return IndexPage(
        title=str(manifest.metadata.get("title") or names or "Databases"),
        about=about(manifest.metadata),
        metadata=manifest.metadata,
        databases=tuple(manifest.databases.values()),
        by_relationships=bool(order),
    )
