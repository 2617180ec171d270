"""Google's credentials: which are found, in which order, and what is said of those that no longer work."""

import json
import os
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl

import google.auth.external_account
import google.oauth2.credentials
import pytest
from faulty_registry import listening
from google_identity import EMAIL, PROJECT, Identity

from baked_publish.errors import PreflightError
from baked_publish.vendors import google_login
from baked_publish.vendors.google_login import TOKEN, find

AUDIENCE = "https://data-1.run.app"
Desked = tuple[str, Identity, list[str]]
"""Where the token servers are, whom they know, and what they were asked for."""
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "/token": {"access_token": "person", "expires_in": 3600},
    "/sts": {
        "access_token": "sts",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 9,
    },
    "generateAccessToken": {"accessToken": "impersonated", "expireTime": "2099-01-01T00:00:00Z"},
}
"""What is said to a person, to another house's token, and to who may speak as a service account."""


class Desk(BaseHTTPRequestHandler):
    """Google's token servers."""

    identity: ClassVar[Identity]
    asked: ClassVar[list[str]]

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["content-length"])).decode()
        self.asked.append(self.path)
        if "assertion=" in data:
            self._say(*self.identity.give(dict(parse_qsl(data))["assertion"]))
        elif self.path.endswith(":generateIdToken"):
            good = self.headers["authorization"] == "Bearer impersonated" and not self.identity.revoked
            token = {"token": self.identity.identity(json.loads(data)["audience"])} if good else {}
            self._say(200 if good else 403, token)
        else:
            said = ANSWERS[self.path.rpartition(":")[2]]
            self._say(200, {**said, "id_token": self.identity.identity(AUDIENCE)} if self.path == "/token" else said)

    def do_GET(self) -> None:
        self._say(200, {"projectId": "federated"})

    def _say(self, status: int, said: Any) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture(autouse=True)
def _nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test begin without any credentials, and without looking for a machine of Google's."""
    for name in [name for name in os.environ if name.startswith(("GOOGLE_", "CLOUDSDK_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desked]:
    identity, asked = Identity(), list[str]()
    with listening(type("TokenDesk", (Desk,), {"identity": identity, "asked": asked})) as host:
        monkeypatch.setattr(google.oauth2.credentials, "_GOOGLE_OAUTH2_TOKEN_ENDPOINT", f"http://{host}/token")
        monkeypatch.setattr(google.auth.external_account, "_CLOUD_RESOURCE_MANAGER", f"http://{host}/projects/")
        monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", f"http://{host}/")
        yield f"http://{host}", identity, asked


@pytest.fixture
def key(desk: Desked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identity:
    """Give the key of a service account as the credentials, and return who knows it."""
    url, identity, _ = desk
    identity.write_key(tmp_path / "key.json", f"{url}/token")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    return identity


def given(monkeypatch: pytest.MonkeyPatch, path: Path, told: dict[str, Any]) -> None:
    path.write_text(json.dumps(told))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))


def gcloud(tmp_path: Path, script: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gcloud").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "gcloud").chmod(0o755)


def test_a_token_of_the_environment_comes_first_and_cannot_tell_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "given")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("CLOUDSDK_CORE_PROJECT", "mine")
    login = find()
    assert (login.token(), login.project, login.source) == ("given", "mine", TOKEN)
    with pytest.raises(PreflightError, match="cannot tell a service who asks"):
        login.identity(AUDIENCE)


def test_a_key_gives_tokens_of_both_kinds_and_its_project(key: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    login = find()
    assert (login.email, login.project, login.source) == (EMAIL, PROJECT, f"service account {EMAIL}")
    assert key.knows(f"Bearer {login.token()}")
    assert key.invokes(f"Bearer {login.identity(AUDIENCE)}", AUDIENCE)
    assert not key.invokes(f"Bearer {login.identity(AUDIENCE)}", "https://other.run.app")
    assert len({login.identity(AUDIENCE) for _ in range(2)}) == 1
    monkeypatch.setattr(google_login, "KNOWN_FOR", -1.0)
    assert len({login.identity("https://third.run.app") for _ in range(2)}) == 2, "one that ended is had anew"


def test_a_token_is_kept_until_shortly_before_its_end(desk: Desked, key: Identity) -> None:
    login = find()
    assert login.token() == login.token()
    assert desk[2] == ["/token"]
    key.lifetime = 60  # less than is left over for safety
    short = find()
    assert short.token() != short.token()


def test_a_key_that_is_not_accepted_any_more_is_told(key: Identity) -> None:
    key.revoked = True
    with pytest.raises(PreflightError, match=f"service account {EMAIL}.* are not accepted any more: let GOOGLE_APP"):
        find().token()


def test_a_persons_own_credentials_come_with_a_token_that_tells_who_asks(desk: Desked, tmp_path: Path) -> None:
    _, identity, _ = desk
    told = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    (tmp_path / "gcloud").mkdir()
    file = tmp_path / "gcloud" / "application_default_credentials.json"
    file.write_text(json.dumps({**told, "quota_project_id": "mine"}))
    login = find()
    assert (login.token(), login.quota_project) == ("person", "mine")
    assert login.source == "Application Default Credentials"
    assert identity.invokes(login.identity(AUDIENCE), AUDIENCE)


def federation(url: str, tmp_path: Path, **more: str) -> dict[str, Any]:
    (tmp_path / "oidc").write_text("a token of another house")
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/g",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/sts",
        "credential_source": {"file": str(tmp_path / "oidc")},
        **more,
    }


def test_federation_speaks_as_its_service_account(
    desk: Desked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, identity, asked = desk
    impersonated = f"{url}/v1/projects/-/serviceAccounts/{EMAIL}:generateAccessToken"
    given(monkeypatch, tmp_path / "wif.json", federation(url, tmp_path, service_account_impersonation_url=impersonated))
    login = find()
    assert login.source == f"workload identity federation {EMAIL}"
    assert (login.token(), login.project) == ("impersonated", "federated")
    assert identity.invokes(login.identity(AUDIENCE), AUDIENCE)
    assert asked[-1].endswith(f"{EMAIL}:generateIdToken")
    identity.revoked = True
    with pytest.raises(PreflightError, match=r"grant it roles/iam\.serviceAccountOpenIdTokenCreator on itself"):
        login.identity("https://other.run.app")


def test_federation_without_a_service_account_cannot_tell_who_asks(
    desk: Desked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, tmp_path / "wif.json", federation(desk[0], tmp_path))
    login = find()
    assert login.token() == "sts"
    with pytest.raises(PreflightError, match="give the login a service account"):
        login.identity(AUDIENCE)


def test_the_login_of_gcloud_is_the_last_resort(tmp_path: Path) -> None:
    answer = '{"credential": {"access_token": "theirs", "token_expiry": "2099-01-01T00:00:00Z"}}'
    gcloud(
        tmp_path,
        f"case \"$*\" in *config-helper*) echo '{answer}';; *project*) echo their-project;; *) echo who-asks;; esac",
    )
    login = find()
    assert (login.token(), login.project, login.source) == ("theirs", "their-project", "the login of gcloud")
    assert login.identity(AUDIENCE) == "who-asks"


def test_gcloud_without_a_login_is_told(tmp_path: Path) -> None:
    gcloud(tmp_path, 'echo "ERROR: no account is selected" >&2; exit 1')
    with pytest.raises(PreflightError, match=r"there are no credentials.*no account is selected.*gcloud auth"):
        find()


def test_nothing_at_all_is_told_with_what_to_do() -> None:
    with pytest.raises(PreflightError) as raised:
        find()
    assert str(raised.value) == (
        "there are no credentials for Google Cloud (no Application Default Credentials, and gcloud is not installed): "
        f"{google_login.FIX}"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(PreflightError, match=r"none\.json"):
        find()


@pytest.mark.usefixtures("key")
def test_no_secret_shows_in_a_repr() -> None:
    login = find()
    tokens = login.token(), login.identity(AUDIENCE)
    assert not [each for each in tokens if each in repr(login)]
