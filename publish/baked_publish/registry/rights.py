"""Rights: whether somebody may push to a repository, found out before anything is built."""

from contextlib import suppress

from baked_publish.errors import PublishError
from baked_publish.registry.repository import Repository


def require_push(repository: Repository) -> None:
    """Begin an upload and give it up again; raise PreflightError if the registry does not let us, or does not answer.

    Nothing else tells for sure: a token server hands out tokens that hold less than what was asked for. Nobody sees
    anything of it, and registries clear away what was never finished.
    """
    path = f"/v2/{repository.path}/blobs/uploads/"
    response = repository.session.request("POST", path, scopes=repository.pushing)
    with suppress(PublishError):
        repository.session.request("DELETE", response.headers.get("location", path), scopes=repository.pushing)
