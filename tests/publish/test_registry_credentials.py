"""Credentials: found where Docker and podman keep them, and never shown."""

import base64
import json
import os
from pathlib import Path

import pytest

from baked_publish.errors import PreflightError
from baked_publish.registry.credentials import Credential, Keychain

SECRET = "correct horse"  # noqa: S105 - of this test
AUTH = base64.b64encode(f"publisher:{SECRET}".encode()).decode()


def write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def helper(folder: Path, name: str, script: str) -> None:
    """Install a credential helper that notes its arguments and its input, then runs ``script``."""
    file = folder / f"docker-credential-{name}"
    file.write_text(f'#!/bin/sh\nread -r asked\necho "$* $asked" >>{folder}/calls\n{script}\n')
    file.chmod(0o755)


def keychain(home: Path, **environment: str) -> Keychain:
    return Keychain({"PATH": f"{home}:{os.environ['PATH']}", **environment}, home)


def test_without_files_nobody_is_logged_in(tmp_path: Path) -> None:
    assert keychain(tmp_path)("ghcr.io", "team/airports") is None


@pytest.mark.parametrize(
    ("variable", "folder", "file"),
    [
        ("HOME", "", ".docker/config.json"),
        ("DOCKER_CONFIG", "docker", "docker/config.json"),
        ("XDG_RUNTIME_DIR", "run", "run/containers/auth.json"),
        ("XDG_CONFIG_HOME", "conf", "conf/containers/auth.json"),
        ("REGISTRY_AUTH_FILE", "auth.json", "auth.json"),
        ("HOME", "", ".config/containers/auth.json"),
    ],
)
def test_every_place_is_looked_at(tmp_path: Path, variable: str, folder: str, file: str) -> None:
    write(tmp_path / file, {"auths": {"ghcr.io": {"auth": AUTH}}})
    found = keychain(tmp_path, **{variable: str(tmp_path / folder)})("ghcr.io", "team/airports")
    assert found == Credential("publisher", SECRET, source=str(tmp_path / file))


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("https://ghcr.io", "ghcr.io"),
        ("https://ghcr.io/v2/", "ghcr.io"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("ghcr.io/team", "ghcr.io"),
        ("ghcr.io/team/airports", "ghcr.io"),
    ],
)
def test_keys_are_understood_however_they_are_written(tmp_path: Path, key: str, host: str) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {key: {"auth": AUTH}}})
    assert keychain(tmp_path)(host, "team/airports")


def test_the_closest_key_counts(tmp_path: Path) -> None:
    other = base64.b64encode(b"other:word").decode()
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": {"auth": other}, "ghcr.io/team": {"auth": AUTH}}})
    near, far = keychain(tmp_path)("ghcr.io", "team/airports"), keychain(tmp_path)("ghcr.io", "teams/airports")
    assert near
    assert near.username == "publisher"
    assert far
    assert far.username == "other"


def test_a_secret_goes_to_no_other_host(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"ghcr.io": {"auth": AUTH}}})
    for host in ("ghcr.io.evil.example", "evil.example", "ghcr.io:8443", "docker.io"):
        assert keychain(tmp_path)(host, "ghcr.io/team") is None


def test_tokens_are_found_as_well(tmp_path: Path) -> None:
    write(tmp_path / ".docker/config.json", {"auths": {"a.io": {"identitytoken": "i"}, "b.io": {"registrytoken": "r"}}})
    first, second = keychain(tmp_path)("a.io", "x"), keychain(tmp_path)("b.io", "x")
    assert first
    assert first.identity == "i"
    assert second
    assert second.bearer == "r"


@pytest.mark.parametrize("config", [{"credHelpers": {"ghcr.io": "test"}}, {"credsStore": "test"}])
def test_a_helper_is_asked_on_its_standard_input(tmp_path: Path, config: dict[str, object]) -> None:
    helper(tmp_path, "test", f'echo \'{{"ServerURL":"ghcr.io","Username":"publisher","Secret":"{SECRET}"}}\'')
    write(tmp_path / ".docker/config.json", config)
    assert keychain(tmp_path)("ghcr.io", "x") == Credential("publisher", SECRET, source="docker-credential-test")
    assert (tmp_path / "calls").read_text() == "get ghcr.io\n"


def test_a_helper_that_knows_nothing_leaves_it_to_the_file(tmp_path: Path) -> None:
    helper(tmp_path, "test", "echo credentials not found in native keychain; exit 1")
    write(
        tmp_path / ".docker/config.json",
        {"credsStore": "test", "auths": {"https://index.docker.io/v1/": {"auth": AUTH}}},
    )
    found = keychain(tmp_path)("docker.io", "library/python")
    assert found
    assert found.username == "publisher"
    assert (tmp_path / "calls").read_text() == "get https://index.docker.io/v1/\n"


def test_a_helper_may_hold_an_identity_token(tmp_path: Path) -> None:
    helper(tmp_path, "test", 'echo \'{"Username":"<token>","Secret":"refresh"}\'')
    write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    found = keychain(tmp_path)("ghcr.io", "x")
    assert found
    assert found.identity == "refresh"
    assert not found.secret


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (f"echo {SECRET} locked; echo {SECRET} >&2; exit 3", "ended with 3"),
        (f"echo {SECRET} is no JSON", "damaged"),
        (f'echo \'{{"Password":"{SECRET}"}}\'', "damaged"),
    ],
)
def test_a_helper_that_fails_is_named_without_what_it_printed(tmp_path: Path, script: str, says: str) -> None:
    helper(tmp_path, "test", script)
    write(tmp_path / ".docker/config.json", {"credsStore": "test"})
    with pytest.raises(PreflightError, match=says) as caught:
        keychain(tmp_path)("ghcr.io", "x")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["missing", "../evil", "a b", "x;y"])
def test_a_helper_that_is_not_there_or_no_plain_name_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path / ".docker/config.json", {"credsStore": name})
    with pytest.raises(PreflightError, match=r"config\.json"):
        keychain(tmp_path)("ghcr.io", "x")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"auths": [1]}', '{"auths": {"ghcr.io": {"auth": "?"}}}', '{"auths": {"ghcr.io": "word"}}']
)
def test_a_damaged_file_is_told_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / ".docker/config.json"
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(PreflightError, match=r"config\.json"):
        keychain(tmp_path)("ghcr.io", "x")


def test_no_secret_shows() -> None:
    credential = Credential("publisher", SECRET, "identity-token", "bearer-token", "file")
    shown = repr(credential)
    assert not [each for each in (SECRET, "identity-token", "bearer-token", credential.basic()) if each in shown]
    assert set(credential.secrets()) == {SECRET, "identity-token", "bearer-token", credential.basic()}
