"""A plugin's secret reaches the plugin and nothing else: no file, cache, log, result or command line."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import httpx
import pytest
from engine import Daemon
from line import make_database, program, result
from planted import Watch, holding, unpacked
from registry import Registry

from baked_publish.console import JsonLines
from baked_publish.errors import ConfigError, UsageError
from baked_publish.plugin_secrets import PluginSecrets, name_of, version_of
from baked_publish.redaction import HIDDEN, hidden, keep_secret

PLUGIN = """
from hashlib import sha256
from baked_core.hookspecs import hookimpl

told = {}

@hookimpl
def configure(config):
    told.update(config())

@hookimpl
def asgi_wrapper(app):
    async def wrapped(scope, receive, send):
        async def sending(message):
            if message["type"] == "http.response.start":
                digest = sha256(told["key"].encode()).hexdigest().encode()
                message["headers"] = [*message["headers"], (b"x-digest", digest)]
            await send(message)
        await app(scope, receive, sending)
    return wrapped
"""
SPEAKS = """
from baked_core.hookspecs import hookimpl

@hookimpl
def configure(config):
    raise RuntimeError("the key is " + config()["key"])
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a database, a plugin, and a file with a secret."""
    make_database(tmp_path / "data.db", 1)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "maps.py").write_text(PLUGIN)
    (tmp_path / "secret").write_text(token_urlsafe(30) + "\n")
    return tmp_path


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Keep what is published in a folder of the test, and take it down."""
    env = {"BAKED_STATE_HOME": str(tmp_path / "state"), "BAKED_CACHE_HOME": str(tmp_path / "cache")}
    yield env
    program("unpublish", "local", "site", "--yes", env=env)


Run = Callable[..., Any]


@pytest.fixture
def publish(site: Path, env: dict[str, str]) -> Run:
    """Return a function that publishes the site here, with a secret."""

    def run(said: str, *more: object, code: int = 0) -> Any:
        words = ("local", site / "data.db", "--name", "site", "--plugins-dir", site / "plugins", *more)
        return result(*words, "--plugin-secret", "maps", "key", said, "-v", env=env, code=code)

    return run


def digest_at(url: str) -> str:
    return httpx.get(f"{url}/-/healthz").headers["x-digest"]


def test_a_secret_reaches_its_plugin_and_one_private_file(site: Path, publish: Run) -> None:
    secret = (site / "secret").read_text().strip()
    (site / "secret").chmod(0o600)
    with Watch(secret) as watch:
        done = publish(f"@{site / 'secret'}")
        assert digest_at(done["url"]) == sha256(secret.encode()).hexdigest()
        config = httpx.get(f"{done['url']}/-/config.json").text
    assert not watch.seen
    assert secret not in config
    assert "BAKED_SECRET_MAPS_KEY" in config
    assert secret not in str(done)
    (kept,) = holding(site / "state", secret)
    assert (kept.name, kept.stat().st_mode & 0o777) == ("secrets.json", 0o600)
    assert not holding(site / "cache", secret)


def test_another_secret_is_a_change_and_the_same_one_is_none(site: Path, publish: Run, env: dict[str, str]) -> None:
    first = publish("first secret")
    assert publish("first secret")["action"] == "unchanged"
    second = publish("second secret")
    assert second["action"] == "published"
    assert digest_at(second["url"]) == sha256(b"second secret").hexdigest()
    result("rollback", "local", "site", env=env)
    assert digest_at(first["url"]) == sha256(b"first secret").hexdigest()
    assert site.exists()


def test_last_words_do_not_tell_a_secret(site: Path, env: dict[str, str]) -> None:
    (site / "plugins" / "maps.py").write_text(SPEAKS)
    secret = token_urlsafe(30)
    words = ("local", site / "data.db", "--name", "site", "--plugins-dir", site / "plugins", "-v")
    for more in ((), ("--json",)):
        done = program(*words, "--plugin-secret", "maps", "key", secret, *more, env=env)
        assert done.returncode == 7
        assert f"the key is {HIDDEN}" in done.stdout + done.stderr
        assert secret not in done.stdout + done.stderr


def test_a_container_has_it_in_its_environment_and_its_image_does_not(
    site: Path, engine: Daemon, base_layout: Path, tmp_path: Path
) -> None:
    secret = (site / "secret").read_text().strip()
    env = {
        "DOCKER_HOST": engine.url,
        "BAKED_DOCKER_NETWORK": "host",
        "BAKED_BASE_IMAGE": f"oci:{base_layout}:3.11",
        "BAKED_STATE_HOME": str(tmp_path / "state"),
        "BAKED_CACHE_HOME": str(tmp_path / "cache"),
    }
    words = ("docker", site / "data.db", "--name", "secretive", "--plugins-dir", site / "plugins", "-v")
    try:
        with Watch(secret) as watch:
            done = result(*words, "--plugin-secret", "maps", "key", f"@{site / 'secret'}", env=env, limit=300)
        assert not watch.seen
        assert digest_at(done["url"]) == sha256(secret.encode()).hexdigest()
        with engine.client() as api:
            client: Any = api  # its stubs know half of it
            (container,) = [each for each in client.containers() if "secretive" in str(each["Names"])]
            environment = client.inspect_container(container["Id"])["Config"]["Env"]
            assert [each for each in environment if each.endswith(secret)]
            assert secret not in str(client.inspect_image(container["ImageID"]))
            assert secret not in str(client.history(container["ImageID"]))
            with (tmp_path / "image.tar").open("wb") as file:
                file.writelines(client.get_image(container["ImageID"]))
        image = unpacked(tmp_path / "image.tar", tmp_path / "image")
        assert holding(image, "def asgi_wrapper(app):")  # its layers are looked into
        assert not holding(image, secret)
        result("rollback", "docker", "secretive", env=env, code=11)
        assert not holding(tmp_path / "cache", secret)
        assert not holding(tmp_path / "state", secret)
    finally:
        program("unpublish", "docker", "secretive", "--yes", env=env)


def test_a_registry_has_no_place_for_it(site: Path, registry: Registry) -> None:
    place = f"{registry.host}/secretive/data:latest"
    done = program("registry", site / "data.db", place, "--plugin-secret", "maps", "key", "hush, hush")
    assert done.returncode == 2
    assert "{$env: NAME}" in done.stderr
    assert "hush" not in done.stderr + done.stdout


def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match="/nowhere"):
        PluginSecrets((("maps", "key", "@/nowhere"),)).values()


def test_one_name_has_one_value() -> None:
    with pytest.raises(UsageError, match="maps key is said twice"):
        PluginSecrets((("maps", "key", "one value"), ("maps", "key", "another"))).values()
    assert name_of("my-maps", "api key") == "BAKED_SECRET_MY_MAPS_API_KEY"


def test_a_release_tells_nothing_of_a_secret() -> None:
    values = {"BAKED_SECRET_A_B": "one"}
    assert version_of("local", "a", values) == version_of("local", "a", dict(values))
    others = (version_of("local", "a", {"BAKED_SECRET_A_B": "two"}), version_of("local", "b", values))
    assert version_of("local", "a", values) not in others
    assert version_of("local", "a", {}) == ""


def test_a_secret_is_hidden_in_every_spelling(capsys: pytest.CaptureFixture[str]) -> None:
    import sys  # noqa: PLC0415

    keep_secret('quo"ted\\sécret')
    JsonLines(sys.stderr).info('told quo"ted\\sécret here')
    assert f"told {HIDDEN} here" in capsys.readouterr().err
    assert hidden('plain quo"ted\\sécret') == f"plain {HIDDEN}"
    keep_secret("a")
    assert hidden("a banana") == "a banana"
