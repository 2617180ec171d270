"""A plugin is told its own configuration at start, and secrets are read then, never baked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from baked_core.errors import ManifestError

Serve = Callable[..., TestClient]

PLUGIN = """
from baked_core.hookspecs import hookimpl
told = {}

@hookimpl
def configure(config):
    told.update(top=config(), table=config("data", "t"), key=config()["key"], file=config()["file"])

@hookimpl
def extra_template_vars(page):
    return {"told": told}
"""
FILES = {"site/plugins/maps.py": PLUGIN, "site/templates/index.html": "{{ told | json }}"}


def test_secrets_are_read_at_start(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAP_KEY", "from the environment")
    (tmp_path / "secret").write_text("from a file")
    top = {"maps": {"key": {"$env": "MAP_KEY"}, "file": {"$file": str(tmp_path / "secret")}}, "other": {"a": 1}}
    near = {"maps": {"zoom": [3, {"deep": {"$env": "MAP_KEY"}}]}}
    metadata = {"plugins": top, "databases": {"data": {"tables": {"t": {"plugins": near}}}}}
    client = serve(data="create table t(a)", files=FILES, metadata=metadata)
    told = client.get("/").text
    assert told.count("from the environment") == 3
    assert "from a file" in told
    assert "from the environment" not in client.get("/-/config.json").text


def test_a_secret_that_is_not_there_is_named(serve: Serve) -> None:
    told = {"maps": {"key": {"$env": "NOT_SET_ANYWHERE"}}}
    with pytest.raises(ManifestError, match="plugin 'maps' needs the environment variable 'NOT_SET_ANYWHERE'"):
        serve(data="create table t(a)", files=FILES, metadata={"plugins": told})
