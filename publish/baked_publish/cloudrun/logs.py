"""Logs: what a revision writes, as Cloud Logging holds it."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from baked_publish.shapes import inner, items
from baked_publish.vendors.google_api import Api, endpoint

MOST: Final = 1000
"""Lines shown of what was written before."""
POLL: Final = 2.0
"""Seconds between two looks at a log that is followed."""
JSON = Mapping[str, Any]


def lines(api: Api, project: str, service: str, *, follow: bool) -> Iterator[str]:
    """Yield a service's newest lines, oldest first; following, go on with what comes."""
    seen: set[str] = set()
    since = ""
    while True:
        for entry in _entries(api, project, service, since):
            number = str(entry.get("insertId", ""))
            if number not in seen:
                seen.add(number)
                since = str(entry.get("timestamp", since))
                yield _line(entry)
        if not follow:
            return
        time.sleep(POLL)


def _entries(api: Api, project: str, service: str, since: str) -> list[JSON]:
    asked = [
        'resource.type="cloud_run_revision"',
        f'resource.labels.service_name="{service}"',
        *([f'timestamp>="{since}"'] if since else []),
    ]
    body = {
        "resourceNames": [f"projects/{project}"],
        "filter": " AND ".join(asked),
        "orderBy": "timestamp asc" if since else "timestamp desc",
        "pageSize": MOST,
    }
    found = list(items(api.call("POST", f"{endpoint('logging')}/v2/entries:list", body), "entries"))
    return found if since else found[::-1]


def _line(entry: JSON) -> str:
    said = entry.get("textPayload")
    if said is None:
        payload, request = inner(entry, "jsonPayload"), inner(entry, "httpRequest")
        asked = f"{request.get('requestMethod', '')} {request.get('requestUrl', '')} {request.get('status', '')}"
        said = payload.get("message") or asked.strip()
    revision = inner(inner(entry, "resource"), "labels").get("revision_name", "")
    return f"{entry.get('timestamp', '')} {revision} {said}".rstrip()
