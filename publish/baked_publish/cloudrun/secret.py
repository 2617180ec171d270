"""Secrets: the version of each that a service is to have, so that another one is a change."""

from collections.abc import Sequence
from typing import Final

from baked_publish.errors import NotFoundError, PreflightError, UsageError
from baked_publish.vendors.google_api import Api, endpoint
from baked_publish.vendors.shaped import text

NEWEST: Final = "latest"


def pinned(api: Api, project: str, wanted: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the secrets with the number of their version; raise PreflightError for one that is not there."""
    return tuple((variable, _pinned(api, project, said)) for variable, said in wanted)


def _pinned(api: Api, project: str, said: str) -> str:
    secret, _, version = said.partition(":")
    if not secret:
        raise UsageError(f"--secret {said!r}: write ENV SECRET or ENV SECRET:VERSION")
    if version.isdecimal():
        return said
    url = f"{endpoint('secretmanager')}/v1/projects/{project}/secrets/{secret}/versions/{version or NEWEST}"
    try:
        found = api.call("GET", url)
    except NotFoundError as exc:
        raise PreflightError(
            f"the secret {said!r} is not in project {project!r}: make it with `gcloud secrets create {secret} "
            f"--data-file=FILE --project={project}`"
        ) from exc
    return f"{secret}:{text(found, 'name', 'secret version').rpartition('/')[2]}"
