"""Google login: whose credentials are used and from where, tokens for APIs and tokens that tell a service who asks.

Looked for in this order: ``GOOGLE_OAUTH_ACCESS_TOKEN``, Application Default Credentials (a key file, workload identity
federation, ``gcloud auth application-default login``, the machine's own account), the login of the gcloud program.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from baked_publish.errors import PreflightError
from baked_publish.redaction import keep_secret
from baked_publish.vendors.shaped import DAMAGED, one, read, text

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TOKEN: Final = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105 - the name of it
PROJECTS: Final = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
PATIENCE: Final = 30.0
"""Seconds for the gcloud program or a token server."""
EARLY: Final = timedelta(minutes=4)
"""Before its end from which on a token is not used any more."""
KNOWN_FOR: Final = 3000.0
"""Seconds that an identity token is used: Google's are good for an hour."""
FIX: Final = (
    "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a key or federation file"
)
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
JSON = Mapping[str, Any]


@dataclass
class Login:
    """Credentials that were found; a token is fetched when it is asked for, and again before it ends."""

    source: str
    """What a person calls them."""
    credentials: Any = field(repr=False)
    """google-auth's; None for a token that was given as it is, and for gcloud's own login."""
    project: str | None = None
    """The project that the credentials name."""
    quota_project: str | None = None
    """Whom calls are counted for: of a person's own credentials alone."""
    _token: str = field(default="", repr=False)
    _until: datetime = FOREVER
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _identities: dict[str, tuple[str, float]] = field(default_factory=dict[str, tuple[str, float]], repr=False)
    """By audience, and until when each is used, on the monotonic clock."""

    def __post_init__(self) -> None:
        """See that nobody is told of it."""
        keep_secret(self._token)
        for name in ("refresh_token", "client_secret", "token"):
            keep_secret(str(getattr(self.credentials, name, None) or ""))

    @property
    def email(self) -> str:
        """The account, empty where the credentials do not tell."""
        said = getattr(self.credentials, "service_account_email", None) or getattr(self.credentials, "account", None)
        return str(said or "")

    def token(self) -> str:
        """Return a token for Google's APIs; raise PreflightError when there is none to be had any more."""
        with self._guard:
            if not self._token or datetime.now(UTC) > self._until - EARLY:
                self._token, self._until = self._fresh()
                keep_secret(self._token)
            return self._token

    def identity(self, audience: str) -> str:
        """Return a token that tells the service ``audience`` who asks; raise PreflightError if none can be had."""
        known, until = self._identities.get(audience, ("", 0.0))
        if not known or time.monotonic() > until:
            known = self._identity(audience)
            keep_secret(known)
            self._identities[audience] = known, time.monotonic() + KNOWN_FOR
        return known

    def _fresh(self) -> tuple[str, datetime]:
        if self.credentials is None:
            return _gcloud_token()
        with _told(self.source):
            self.credentials.refresh(_transport())
        ends: datetime | None = self.credentials.expiry
        return str(self.credentials.token), (ends or datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=UTC)

    def _identity(self, audience: str) -> str:
        if self.credentials is None and self.source == TOKEN:
            raise PreflightError(
                f"{TOKEN} cannot tell a service who asks, which the check of a private service needs: {FIX}"
            )
        if self.credentials is None:
            return _gcloud("auth", "print-identity-token")
        with _told(self.source):
            return _identity_of(self.credentials, audience, self)


def find(environment: Mapping[str, str] | None = None) -> Login:
    """Return the first credentials there are; raise PreflightError, with what to do, if there are none."""
    environment = os.environ if environment is None else environment
    project = next((environment[name] for name in PROJECTS if environment.get(name)), None)
    if given := environment.get(TOKEN):
        return Login(TOKEN, None, project, _token=given)
    return _default(project) or _of_gcloud(project)


def _default(project: str | None) -> Login | None:
    import google.auth  # noqa: PLC0415 - half a second that `publish --help` does without
    from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError  # noqa: PLC0415

    try:
        library: Any = google.auth
        credentials, found = library.default(scopes=[SCOPE])
    except DefaultCredentialsError as exc:
        if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            raise PreflightError(f"the credentials of GOOGLE_APPLICATION_CREDENTIALS cannot be used: {exc}") from exc
        return None
    except (GoogleAuthError, ValueError) as exc:
        raise PreflightError(f"Application Default Credentials are damaged: {exc}; {FIX}") from exc
    kind = type(credentials).__module__.rpartition(".")[2]
    quota = getattr(credentials, "quota_project_id", None) if kind == "credentials" else None
    named = getattr(credentials, "service_account_email", None) or getattr(credentials, "account", None)
    return Login(" ".join(filter(None, [KINDS.get(kind, kind), named])), credentials, project or found, quota)


KINDS: Final = {
    "service_account": "service account",
    "identity_pool": "workload identity federation",
    "aws": "workload identity federation",
    "pluggable": "workload identity federation",
    "impersonated_credentials": "impersonated service account",
    "credentials": "Application Default Credentials",
}
"""What google-auth's modules stand for."""


def _of_gcloud(project: str | None) -> Login:
    """Return the login of the gcloud program, which half of its users have without knowing of the other."""
    try:
        token, until = _gcloud_token()
    except PreflightError as exc:
        raise PreflightError(f"there are no credentials for Google Cloud ({exc}): {FIX}") from exc
    project = project or _gcloud("config", "get", "project") or None
    return Login("the login of gcloud", None, project, _token=token, _until=until)


def _gcloud_token() -> tuple[str, datetime]:
    said = _gcloud("config", "config-helper", "--format=json(credential)")
    try:
        credential = json.loads(said)["credential"]
        until = datetime.fromisoformat(credential["token_expiry"])
        return str(credential["access_token"]), until if until.tzinfo else until.replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError) as exc:
        raise PreflightError("gcloud is installed, but not logged in: run `gcloud auth login`") from exc


def _gcloud(*words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, and no shell reads them
            ["gcloud", *words],  # noqa: S607 - whichever the person has
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as exc:
        raise PreflightError("no Application Default Credentials, and gcloud is not installed") from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise PreflightError(f"gcloud gave no answer: {type(exc).__name__}") from exc
    if done.returncode:
        told = done.stderr.strip().splitlines()
        raise PreflightError(
            f"gcloud {' '.join(words)} failed: {told[0] if told else done.returncode}; run `gcloud auth login`"
        )
    return done.stdout.strip()


def _identity_of(credentials: Any, audience: str, login: Login) -> str:
    """Return an identity token, by whichever way these credentials have."""
    from google.auth import external_account  # noqa: PLC0415

    if isinstance(credentials, external_account.Credentials):
        return _federated(credentials, audience, login)
    if (made := _identity_credentials(credentials, audience)) is not None:
        made.refresh(_transport())
        return str(made.token)
    login.token()
    if token := getattr(credentials, "id_token", None):
        return str(token)
    raise PreflightError(f"{login.source} cannot tell a service who asks: {FIX}")


def _identity_credentials(credentials: Any, audience: str) -> Any:
    """Return google-auth's credentials for identity tokens; None for a person's own, which come with one."""
    from google.auth import compute_engine, impersonated_credentials  # noqa: PLC0415
    from google.oauth2 import service_account  # noqa: PLC0415

    key: Any = service_account
    impersonated: Any = impersonated_credentials
    machine: Any = compute_engine
    if isinstance(credentials, key.Credentials):
        uri = credentials._token_uri  # noqa: SLF001 - it has no public name
        return key.IDTokenCredentials(credentials.signer, credentials.service_account_email, uri, audience)
    if isinstance(credentials, impersonated.Credentials):
        return impersonated.IDTokenCredentials(credentials, target_audience=audience, include_email=True)
    if isinstance(credentials, machine.Credentials):
        return machine.IDTokenCredentials(_transport(), audience, use_metadata_identity_endpoint=True)
    return None


def _federated(credentials: Any, audience: str, login: Login) -> str:
    """Ask IAM for a token of the service account that a federated login stands for."""
    import httpx  # noqa: PLC0415

    account = credentials.service_account_email
    if not account:
        raise PreflightError(
            "workload identity federation without a service account cannot tell a service who asks, which the check of "
            "a private service needs: give the login a service account (the `service_account` input of "
            "google-github-actions/auth)"
        )
    base = os.environ.get("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS", "https://iamcredentials.googleapis.com/")
    token = login.token()
    try:
        answer = httpx.post(
            f"{base.rstrip('/')}/v1/projects/-/serviceAccounts/{account}:generateIdToken",
            json={"audience": audience, "includeEmail": True},
            headers={"Authorization": f"Bearer {token}"},
            timeout=PATIENCE,
        )
    except httpx.HTTPError as exc:
        raise PreflightError(f"Google's IAM did not answer for an identity token of {account}: {exc}") from exc
    if answer.is_success:
        return text(one(read(answer), "generateIdToken"), "token", "generateIdToken")
    raise PreflightError(
        f"no identity token for {account} ({answer.status_code}): grant it roles/iam.serviceAccountOpenIdTokenCreator "
        "on itself"
    )


def _fix(source: str) -> str:
    """Say how credentials of this source are had anew; a file that is named comes before any other login."""
    if not os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return FIX
    return (
        f"let GOOGLE_APPLICATION_CREDENTIALS name a new key or federation file for the {source}, or unset it and run "
        "`gcloud auth application-default login`"
    )


def _transport() -> Any:
    from google.auth.transport.requests import Request  # noqa: PLC0415

    return Request()


class _told:  # noqa: N801 - reads as a phrase
    """Says of credentials that no longer work what to do about it."""

    def __init__(self, source: str) -> None:
        self._source = source

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, exc: BaseException | None, _trace: object) -> None:
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415

        if isinstance(exc, TransportError):
            raise PreflightError(f"Google's token server did not answer ({self._source}): {exc}") from exc
        if isinstance(exc, GoogleAuthError):
            raise PreflightError(
                f"the credentials ({self._source}) are not accepted any more: {_fix(self._source)}"
            ) from exc
        if isinstance(exc, DAMAGED):
            raise PreflightError(
                f"what Google's token server answered ({self._source}) cannot be read ({type(exc).__name__}): look "
                "whether a proxy answered in its place, and try again"
            ) from exc
