"""Answers: what a registry says, read no further than is good for us, and what it says of a failure."""

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from baked_publish.errors import TargetError
from baked_publish.redaction import hidden

if TYPE_CHECKING:
    import httpx

LARGEST: Final = 4 << 20
"""Bytes of an answer that is no blob; the specification's bound of a manifest."""
WORDS: Final = 300
"""Characters of a registry's own words in an error."""


def whole(response: "httpx.Response") -> "httpx.Response":
    """Return a response with its body, read up to the bound; raise TargetError if there is more of it."""
    import httpx  # noqa: PLC0415

    data = bytearray()
    for block in response.iter_bytes():
        data += block
        if len(data) > LARGEST:
            asked = response.request.url
            raise TargetError(
                f"{asked.host} answers {asked.path!r} with more than {LARGEST:,} bytes: it is no registry"
            )
    headers = [(key, value) for key, value in response.headers.raw if key.lower() != b"content-encoding"]
    return httpx.Response(response.status_code, headers=headers, content=bytes(data), request=response.request)


def words(response: "httpx.Response") -> str:
    """Return what a registry says of a failure, in one line: its errors as the specification has them, or its text.

    Nothing secret is in it, even if the registry echoes it and even where it is cut.
    """
    try:
        raw: Any = response.json()
        told = "; ".join(f"{each.get('code', '')} {each.get('message', '')}".strip() for each in raw["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        told = response.text
    told = "".join(each if each.isprintable() else " " for each in hidden(told))
    return " ".join(told.split())[:WORDS] or "no word of why"


def field(response: "httpx.Response", name: str) -> Any:
    """Return one field of a JSON object; raise TargetError if the answer is none."""
    try:
        return response.json()[name]
    except (ValueError, KeyError, TypeError) as exc:
        asked = response.request.url
        raise TargetError(f"{asked.host} answers {asked.path!r} without {name!r} in JSON: it is no registry") from exc


def address(base: str, said: str) -> str:
    """Return the whole URL that a registry named in its answer to ``base``; raise TargetError if it is none."""
    try:
        url = urljoin(base, said)
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0:  # a port is read only now, and may be no number
            raise ValueError("it names no host")  # noqa: TRY301 - as urllib does for others
    except ValueError as exc:
        raise TargetError(f"{urlsplit(base).netloc} gave an address that is none: {said!r}: {exc}") from exc
    return url
