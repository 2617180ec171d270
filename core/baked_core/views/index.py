"""The index: all databases."""

from baked_core.args import FORMAT_ARGUMENTS
from baked_core.metadata import about
from baked_core.page import IndexPage
from baked_core.request import Request


async def index(request: Request) -> IndexPage:
    """Show all databases."""
    request.args.check(FORMAT_ARGUMENTS)
    manifest = request.serving.baked.manifest
    return IndexPage(
        title=str(manifest.metadata.get("title") or " and ".join(manifest.databases) or "No databases"),
        about=about(manifest.metadata),
        metadata=manifest.metadata,
        databases=tuple(manifest.databases.values()),
    )
