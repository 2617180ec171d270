"""Redaction: what is secret is in nothing that is told, kept or run, whichever way it came."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_urlsafe
from subprocess import CompletedProcess

import orjson
import pytest
from fly_cloud import Cloud as Fly
from google_cloud import Cloud as Google
from line import LIMIT, make_database, program
from planted import Watch, holding
from registry import Registry, serving
from trees import HTPASSWD, PASSWORD, USER, log_in

from baked_publish.redaction import HIDDEN, as_json, hidden, keep_private, keep_secret, without_ids
from baked_publish.registry.auth import Token
from baked_publish.registry.credentials import Credential
from baked_publish.vendors.fly_login import Login as FlyLogin
from baked_publish.vendors.google_login import Login as GoogleLogin

PLUGIN = "from baked_core.hookspecs import hookimpl\n"


@pytest.fixture
def env(tmp_path: Path, base_layout: Path) -> dict[str, str]:
    """Keep all that a publish writes in folders of the test."""
    make_database(tmp_path / "data.db", 1)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "maps.py").write_text(PLUGIN)
    return {
        "BAKED_BASE_IMAGE": f"oci:{base_layout}:3.11",
        "BAKED_STATE_HOME": str(tmp_path / "state"),
        "BAKED_CACHE_HOME": str(tmp_path / "cache"),
        "TMPDIR": str(tmp_path / "temporary"),
    }


class Publish:
    """Runs the program in a folder, and remembers all that it said."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.said: list[str] = []
        (folder / "here").mkdir()
        (folder / "temporary").mkdir(exist_ok=True)

    def __call__(self, *words: object, code: int = 0, json: bool = False, quiet: bool = False) -> CompletedProcess[str]:
        more = ("--quiet",) if quiet else ("-v", "--json") if json else ("-v",)
        done = program(*words, *more, env=self.env, cwd=self.folder / "here", limit=3 * LIMIT)
        assert done.returncode == code, done.stdout + done.stderr
        self.said += [done.stdout, done.stderr]
        return done

    def tells(self, *secrets: str) -> bool:
        """Tell whether one of ``secrets`` was said, or is in what was left on this disk."""
        return any(each in text for each in secrets for text in self.said) or bool(
            [each for name in ("here", "state", "cache", "temporary") for each in holding(self.folder / name, *secrets)]
        )


@contextmanager
def guarded(folder: Path) -> Iterator[Registry]:
    folder.mkdir()
    (folder / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    with serving(folder / "registry", auth=auth) as registry:
        yield registry


def test_a_registrys_password_is_nowhere(tmp_path: Path, env: dict[str, str]) -> None:
    publish = Publish(tmp_path, {**env, "DOCKER_CONFIG": str(tmp_path / "docker"), "BAKED_DEBUG": "1"})
    basic = Credential(USER, PASSWORD).basic()
    with guarded(tmp_path / "guarded") as registry, Watch(PASSWORD, basic) as watch:
        place = f"{registry.host}/kept/data:live"
        log_in(tmp_path / "docker", registry.host, USER, PASSWORD)
        publish("registry", tmp_path / "data.db", place)
        make_database(tmp_path / "data.db", 2)
        assert json.loads(publish("registry", tmp_path / "data.db", place, json=True).stdout)["action"] == "published"
        publish("history", "registry", place, json=True)
        log_in(tmp_path / "docker", registry.host, USER, f"{PASSWORD} and more")
        make_database(tmp_path / "data.db", 3)
        refused = publish("registry", tmp_path / "data.db", place, code=5)
        assert f"as {USER!r}" in refused.stderr
        assert not holding(tmp_path / "guarded" / "registry", PASSWORD, basic)
    assert watch.looks
    assert not watch.seen
    assert not publish.tells(PASSWORD, basic)


def test_flys_token_is_nowhere_and_a_plugins_secret_in_no_image(
    tmp_path: Path, env: dict[str, str], fly_cloud: Fly, registry: Registry
) -> None:
    publish = Publish(tmp_path, env)
    tokens, secret = list(fly_cloud.tokens), token_urlsafe(30)
    (tmp_path / "secret").write_text(secret)
    site = ("--plugins-dir", tmp_path / "plugins", "--plugin-secret", "maps", "key", f"@{tmp_path / 'secret'}")
    words = ("fly", tmp_path / "data.db", "--region", "ams", *site)
    with Watch(secret, *tokens) as watch:
        publish(*words)
        assert publish(*words, json=True)
        publish("logs", "fly", "data")
        publish("status", "fly", "data", json=True)
        publish.env = {**env, "FLY_API_TOKEN": f"{tokens[0]}x"}
        publish(*words, code=5)
        publish.env = env
        publish("unpublish", "fly", "data", "--yes")
    assert not watch.seen
    assert not publish.tells(secret, *tokens)
    assert holding(registry.folder, PLUGIN)  # the layers are looked into
    assert not holding(registry.folder, secret, *tokens)


def test_googles_tokens_are_nowhere_and_a_plugins_secret_in_no_image(
    tmp_path: Path, env: dict[str, str], google: Google, registry: Registry
) -> None:
    publish = Publish(tmp_path, env)
    secret = token_urlsafe(30)
    (tmp_path / "secret").write_text(secret)
    site = ("--plugins-dir", tmp_path / "plugins", "--plugin-secret", "maps", "key", f"@{tmp_path / 'secret'}")
    words = ("cloudrun", tmp_path / "data.db", "--service", "data", "--region", "europe-west1", *site)
    with Watch(secret) as watch:
        publish(*words)
        publish(*words, json=True)
        publish("status", "cloudrun", "data", "--region", "europe-west1", json=True)
        publish("unpublish", "cloudrun", "data", "--region", "europe-west1", "--yes")
    tokens = [*google.identity.access, *google.identity.identities]
    assert tokens
    assert not watch.seen
    assert not publish.tells(secret, *tokens)
    assert holding(registry.folder, PLUGIN)
    assert not holding(registry.folder, secret, *tokens)


# Whatever knows a secret tells this one place


def test_each_login_is_kept_secret_where_it_is_found() -> None:
    told = {
        each: token_urlsafe(24) for each in ("password", "identity", "bearer", "fly", "macaroon", "google", "token")
    }
    Credential("somebody", told["password"], told["identity"], told["bearer"])
    FlyLogin(f"{told['fly']},{told['macaroon']}", "FLY_API_TOKEN")
    GoogleLogin("GOOGLE_OAUTH_ACCESS_TOKEN", None, _token=told["google"])
    Token(f"Bearer {told['token']}")
    for each in told.values():
        assert hidden(f"it was {each}.") == f"it was {HIDDEN}."
    assert hidden(Credential("somebody", told["password"]).basic()) == HIDDEN


def test_a_secret_of_digits_takes_no_number_of_json_apart() -> None:
    keep_secret("73951")
    value = {"size": 73951, "said": "it is 73951", "73951": [("73951", None, True, 1.5)]}
    assert orjson.loads(as_json(value)) == {
        "size": 73951,
        "said": f"it is {HIDDEN}",
        "73951": [[HIDDEN, None, True, 1.5]],
    }


# --quiet, for logs that are public


def test_quiet_says_the_url_and_nothing_else(tmp_path: Path, env: dict[str, str], registry: Registry) -> None:
    publish = Publish(tmp_path, env)
    place = f"{registry.host}/quiet/data:live"
    try:
        for words in (("local", tmp_path / "data.db", "--name", "quiet"), ("registry", tmp_path / "data.db", place)):
            loud = json.loads(publish(*words, json=True).stdout)
            make_database(tmp_path / "data.db", 2)
            done = publish(*words, quiet=True)
            url = place if "registry" in words else loud["url"]
            assert (done.stdout, done.stderr) == (f"{url}\n", "")
            target, name = words[0], words[-1]
            loud = json.loads(publish("status", target, name, json=True).stdout)["live"]
            said = publish("status", target, name, quiet=True)
            assert (said.stdout, said.stderr) == (f"{url}\n", "")
            assert (publish("rollback", target, name, quiet=True).stdout) == f"{url}\n"
            make_database(tmp_path / "data.db", 1)
    finally:
        program("unpublish", "local", "quiet", "--yes", env=env)


def test_an_error_names_no_ids_when_quiet(tmp_path: Path, env: dict[str, str]) -> None:
    publish = Publish(tmp_path, env)
    words = ("local", tmp_path / "data.db", "--name", "quiet")
    try:
        old = json.loads(publish(*words, json=True).stdout)
        make_database(tmp_path / "data.db", 2)
        publish(*words, quiet=True)
        wrong = "20201224-180000-0a1b2c3d"
        assert old["deployment"]["revision"] in publish("rollback", "local", "quiet", wrong, code=11).stderr
        said = publish("rollback", "local", "quiet", wrong, code=11, quiet=True)
        assert (said.stdout, said.stderr) == ("", "Error: no revision '[id]', there are: [id]\n")
    finally:
        program("unpublish", "local", "quiet", "--yes", env=env)


def test_what_an_id_is() -> None:
    digest = "0123456789abcdef" * 4
    told = f"sha256:{digest}, {digest[:12]}, 20261125-174630-0a1b2c3d, machine 4d891234f56789 of project 123456789012"
    assert without_ids(told) == "[id], [id], [id], machine [id] of project [id]"
    told = "congress-r3logkj by publisher@mine.iam.gserviceaccount.com, not a web-reading of my-r2d2 or name@sha256"
    assert without_ids(told) == "[id] by [id], not a web-reading of my-r2d2 or name@sha256"
    keep_private("newsroom-1")
    assert without_ids("project 'newsroom-1', not newsroom-12 and my-newsroom-1") == (
        "project '[id]', not newsroom-12 and my-newsroom-1"
    )
    assert without_ids("2026-11-25, 12,345,678 rows, defaced, port 8001") == (
        "2026-11-25, 12,345,678 rows, defaced, port 8001"
    )
