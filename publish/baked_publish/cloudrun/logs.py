"""Logs: what a revision writes, as Cloud Logging holds it."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from baked_publish.shapes import inner, items
from baked_publish.vendors.google_api import Api, endpoint

MOST: Final = 1000
"""Lines shown of what was written before."""
LOOKS: Final = 20
"""Empty pages that are turned: a log that was not searched to its end says that there is more, and shows nothing yet
(cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list)."""
POLL: Final = 2.0
"""Seconds between two looks at a log that is followed."""
JSON = Mapping[str, Any]


def lines(api: Api, project: str, region: str, service: str, *, follow: bool) -> Iterator[str]:
    """Yield a service's newest lines, oldest first; following, go on with what comes."""
    seen: set[str] = set()
    since = ""
    while True:
        for entry in _entries(api, project, region, service, since):
            number = str(entry.get("insertId", ""))
            if number not in seen:
                seen.add(number)
                since = str(entry.get("timestamp", since))
                yield _line(entry)
        if not follow:
            return
        time.sleep(POLL)


def _entries(api: Api, project: str, region: str, service: str, since: str) -> list[JSON]:
    asked = [
        'resource.type="cloud_run_revision"',
        f'resource.labels.service_name="{service}"',
        f'resource.labels.location="{region}"',
        *([f'timestamp>="{since}"'] if since else []),
    ]
    body: dict[str, Any] = {
        "resourceNames": [f"projects/{project}"],
        "filter": " AND ".join(asked),
        "orderBy": "timestamp asc" if since else "timestamp desc",
        "pageSize": MOST,
    }
    found: list[JSON] = []
    for _ in range(LOOKS):
        told = api.call("POST", f"{endpoint('logging')}/v2/entries:list", body)
        found = list(items(told, "entries"))
        if found or not told.get("nextPageToken"):
            break
        body["pageToken"] = str(told["nextPageToken"])
    return found if since else found[::-1]


def _line(entry: JSON) -> str:
    said = entry.get("textPayload")
    if said is None:
        payload, request = inner(entry, "jsonPayload"), inner(entry, "httpRequest")
        asked = f"{request.get('requestMethod', '')} {request.get('requestUrl', '')} {request.get('status', '')}"
        said = payload.get("message") or asked.strip()
    revision = inner(inner(entry, "resource"), "labels").get("revision_name", "")
    return f"{entry.get('timestamp', '')} {revision} {said}".rstrip()
