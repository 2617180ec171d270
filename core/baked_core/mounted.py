"""The setting ``base_url``: the app under a path of its own, whether a proxy strips that path or not."""

from baked_core.http import ASGIApp, Receive, Scope, Send


class Mounted:
    """Makes ``base_url`` part of the root path, from which every URL is made."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = "/" + base.strip("/") if base.strip("/") else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if self._base and scope["type"] == "http":
            root = str(scope.get("root_path", "")).rstrip("/")
            path = str(scope["path"]).removeprefix(root)
            path = path if f"{path}/".startswith(f"{self._base}/") else self._base + path
            scope = {**scope, "root_path": root + self._base, "path": root + path}
        await self._app(scope, receive, send)
