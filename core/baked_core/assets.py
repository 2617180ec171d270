"""Assets: styles and scripts that the publisher adds to every page, by ``extra_css_urls`` and ``extra_js_urls``."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Struct

from baked_core.metadata import Metadata


class Asset(Struct, frozen=True):
    """One file for the browser."""

    url: str
    sri: str = ""
    """The hash that its content must have."""
    module: bool = False


def assets(metadata: Metadata, key: str, root: str = "") -> Iterator[Asset]:
    """Yield what metadata lists under ``key``; a path is one below ``root``."""
    for told in metadata.get(key) or ():
        given: Metadata = {"url": told} if isinstance(told, str) else told
        url = str(given["url"])
        ours = url.startswith("/") and not url.startswith("//")
        yield Asset(root + url if ours else url, str(given.get("sri") or ""), bool(given.get("module")))


def origins(metadata: Metadata) -> str:
    """Return the other hosts that these files come from, as a content security policy writes them."""
    urls = [urlsplit(each.url) for key in ("extra_css_urls", "extra_js_urls") for each in assets(metadata, key)]
    found = [f"{url.scheme}://{url.netloc}" if url.scheme else url.netloc for url in urls if url.netloc]
    return " ".join(each for each in dict.fromkeys(found) if not set(each) & set("; '\"\n\r,"))
