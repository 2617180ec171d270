"""The hooks that a plugin in ``site/plugins/`` may implement, each with ``@hookimpl`` from this module."""

from collections.abc import Mapping
from typing import Any

import pluggy

from baked_core.http import ASGIApp

hookspec = pluggy.HookspecMarker("baked_data")
hookimpl = pluggy.HookimplMarker("baked_data")


@hookspec
def configure(config: Any) -> None:
    """Take this plugin's own configuration at start: ``config()``, ``config(database, table)``, secrets resolved."""


@hookspec(firstresult=True)
def actor_from_request(request: Any) -> Mapping[str, Any] | None:
    """Return who sent a request, such as ``{"id": "alice"}``, or None; ``request`` is Starlette's. Called for each."""


@hookspec
def prepare_connection(connection: Any, database: str) -> None:
    """Prepare a new ``apsw.Connection`` to ``database``: SQL functions, collations."""


@hookspec
def extra_template_vars(page: Any) -> Mapping[str, Any]:  # type: ignore[empty-body] # a specification has no body
    """Return variables for the template of ``page``, a frozen Page; called once an HTML answer."""


@hookspec
def asgi_wrapper(app: ASGIApp) -> ASGIApp:  # type: ignore[empty-body] # a specification has no body
    """Return an ASGI application around ``app``; called once at start."""
