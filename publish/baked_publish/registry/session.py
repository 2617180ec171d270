"""A session with one registry: requests that are authorized, repeated when that may help, and told when it did not."""

import os
import ssl
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urljoin, urlsplit

from baked_publish.errors import NotFoundError, PreflightError, PublishError, TargetError
from baked_publish.registry.auth import Authority, advice
from baked_publish.registry.challenge import challenge
from baked_publish.registry.credentials import Keychain
from baked_publish.registry.reference import endpoint, is_loopback

if TYPE_CHECKING:
    import httpx

Result = TypeVar("Result")
TEMPORARY: Final = frozenset({408, 425, 429, 499, 500, 502, 503, 504, 522})
"""Status codes after which the same request may go well."""
ATTEMPTS: Final = 5
PATIENCE: Final = 90.0
"""Seconds for all attempts at one request."""
LONGEST_WAIT: Final = 60.0
"""Seconds of a Retry-After that are waited at most."""
REDIRECTS: Final = 5
CONNECT, READ = 15.0, 120.0
"""Seconds without a sign of life."""
WORDS: Final = 300
"""Characters of a registry's own words in an error."""


class Temporary(PublishError):
    """Something that may go well if it is tried again."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait
        """Seconds that the registry asked us to wait."""


class Session:
    """Talks to one registry; a context, which closes its connections; used by threads side by side."""

    def __init__(self, host: str, *, insecure: bool = False, repository: str = "") -> None:
        import httpx  # noqa: PLC0415 - 60 ms that `publish --help` does without

        self.host = host
        self._plain = insecure
        scheme = "http" if insecure or is_loopback(host) else "https"
        self._bases = [f"{scheme}://{endpoint(host)}"]
        if is_loopback(host):  # a registry on this machine may speak TLS as well
            self._bases = [f"http://{host}", f"https://{host}"]
        self._guard = threading.Lock()
        self._chosen = len(self._bases) == 1
        timeout = httpx.Timeout(READ, connect=CONNECT)
        self._http = httpx.Client(timeout=timeout, follow_redirects=False, headers={"User-Agent": "baked-data"})
        keychain = Keychain(os.environ, Path.home())
        self._authority = Authority(host, self._bare, partial(keychain, host, repository), plain=insecure)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        scopes: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> "httpx.Response":
        """Send a request, again while that may help; return a response of 2xx, or of a status in ``accept``.

        ``path`` is below the registry, or a whole URL that it gave. Raises PreflightError for what logging in would
        mend, NotFoundError for 404, TargetError for the rest.
        """

        def once() -> "httpx.Response":
            with self._sent(method, path, scopes, headers or {}, content) as response:
                response.read()
                self.require(response, accept)
                return response

        return retried(once)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        scopes: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        content: Any = None,
    ) -> "Generator[httpx.Response, None, None]":
        """Send a request once and yield its response, whose body is not read yet, whatever its status.

        Raises Temporary when the connection breaks.
        """
        with self._sent(method, path, scopes, headers or {}, content) as response:
            yield response

    def require(self, response: "httpx.Response", accept: frozenset[int] = frozenset()) -> None:
        """Raise the error of a response that is neither of 2xx nor of a status in ``accept``."""
        status = response.status_code
        if response.is_success or status in accept:
            return
        what = (
            f"{self.host} answered {status} to {response.request.method} {response.request.url.path}: {words(response)}"
        )
        if status in TEMPORARY:
            raise Temporary(what, _wait(response))
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            who = self._authority.credentials()
            name = f"as {who.username!r}" if who and who.username else "without a login"
            raise PreflightError(f"{what} ({name}); {advice(self.host)}, as one who may do that")
        if status == HTTPStatus.NOT_FOUND:
            raise NotFoundError(what)
        raise TargetError(what)

    @contextmanager
    def _sent(
        self, method: str, path: str, scopes: Sequence[str], headers: Mapping[str, str], content: Any
    ) -> "Generator[httpx.Response, None, None]":
        """Send with what is known of authorization, once more if the registry asks for it, after any redirects."""
        self._choose()
        url = urljoin(self._bases[0], path)
        sent = self._authority.header(scopes) if self._own(url) else None
        body = content() if callable(content) else content
        with self._followed(method, url, {**headers, **_authorization(sent)}, body) as response:
            if response.status_code != HTTPStatus.UNAUTHORIZED or not self._own(url):
                yield response
                return
            response.read()
            asked = challenge(", ".join(response.headers.get_list("www-authenticate")))
            fresh = self._authority.answer(asked, scopes, sent)
            if fresh is None:
                yield response
                return
        body = content() if callable(content) else content
        with self._followed(method, url, {**headers, **_authorization(fresh)}, body) as response:
            yield response

    @contextmanager
    def _followed(
        self, method: str, url: str, headers: dict[str, str], content: Any
    ) -> "Generator[httpx.Response, None, None]":
        """Send, and follow redirects of what is only read; what authorizes us stays with the registry."""
        for _ in range(REDIRECTS + 1):
            with self._opened(method, url, headers, content) as response:
                if not response.has_redirect_location or method not in {"GET", "HEAD"}:
                    yield response
                    return
                target = urljoin(url, response.headers["location"])
            self._require_safe(url, target)
            if urlsplit(target).netloc != urlsplit(url).netloc:
                headers = {key: value for key, value in headers.items() if key != "Authorization"}
            url = target
        raise TargetError(f"{self.host} redirects more than {REDIRECTS} times for {urlsplit(url).path}")

    @contextmanager
    def _opened(
        self, method: str, url: str, headers: Mapping[str, str], content: Any
    ) -> "Generator[httpx.Response, None, None]":
        import httpx  # noqa: PLC0415

        try:
            with self._http.stream(method, url, headers=dict(headers), content=content) as response:
                yield response
        except httpx.ConnectError as exc:
            if isinstance(exc.__context__, ssl.SSLError) or "certificate" in str(exc).lower():
                raise PreflightError(
                    f"{_shown(url)} cannot be trusted: {exc}; if its certificate is your own, name it in SSL_CERT_FILE"
                ) from exc
            raise Temporary(f"{_shown(url)} cannot be reached: {exc}") from exc
        except httpx.TransportError as exc:
            raise Temporary(f"the connection to {_shown(url)} broke: {exc or type(exc).__name__}") from exc
        except httpx.InvalidURL as exc:
            raise TargetError(f"{self.host} gave an address that is none: {exc}") from exc

    def _bare(self, method: str, url: str, **how: Any) -> "httpx.Response":
        """Ask a token server: no authorization but what is given, no redirects."""
        import httpx  # noqa: PLC0415

        def once() -> "httpx.Response":
            try:
                response = self._http.request(method, url, **how)
            except httpx.TransportError as exc:
                raise Temporary(f"{_shown(url)} cannot be reached: {exc or type(exc).__name__}") from exc
            if response.status_code in TEMPORARY:
                raise Temporary(f"{_shown(url)} answered {response.status_code}", _wait(response))
            return response

        return retried(once)

    def _choose(self) -> None:
        """Find out once whether a registry on this machine speaks HTTP or TLS."""
        import httpx  # noqa: PLC0415

        with self._guard:
            if self._chosen:
                return
            try:
                if self._http.get(f"{self._bases[0]}/v2/").status_code == HTTPStatus.BAD_REQUEST:
                    self._bases.reverse()
            except (httpx.RemoteProtocolError, httpx.ReadError):
                self._bases.reverse()
            except httpx.TransportError:
                return  # it may be up for the next request, which tells if it is not
            self._chosen = True

    def _own(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self._bases[0]).netloc

    def _require_safe(self, url: str, target: str) -> None:
        """Refuse to follow a registry to where it has no business: from TLS to none, or into a private network."""
        old, new = urlsplit(url), urlsplit(target)
        same = old.netloc == new.netloc
        if new.scheme not in {"http", "https"} or (old.scheme == "https" and new.scheme == "http"):
            raise TargetError(f"{self.host} redirects to {new.scheme}://{new.netloc}, which is not encrypted: refused")
        if not same and not is_loopback(self.host) and _is_private(new.hostname or ""):
            raise TargetError(f"{self.host} redirects into a private network, to {new.netloc!r}: refused")


def retried(once: Callable[[], Result]) -> Result:
    """Call ``once`` until it goes well or there is no hope; Temporary becomes a TargetError in the end."""
    import stamina  # noqa: PLC0415 - 30 ms

    stamina.instrumentation.set_on_retry_hooks([])

    def helps(exc: Exception) -> bool | float:
        if not isinstance(exc, Temporary):
            return False
        return True if exc.wait is None else min(exc.wait, LONGEST_WAIT)

    try:
        for attempt in stamina.retry_context(
            on=helps, attempts=ATTEMPTS, timeout=PATIENCE, wait_initial=0.2, wait_max=10
        ):
            with attempt:
                return once()
    except Temporary as exc:
        raise TargetError(
            f"{exc} (tried {ATTEMPTS} times); nothing that was live was changed: try again later"
        ) from exc
    raise AssertionError


def words(response: "httpx.Response") -> str:
    """Return what a registry says of a failure, in one line: its errors as the specification has them, or its text."""
    try:
        response.read()
        raw: Any = response.json()
        told = "; ".join(f"{each.get('code', '')} {each.get('message', '')}".strip() for each in raw["errors"])
    except (ValueError, KeyError, TypeError, AttributeError):
        told = " ".join(response.text.split())
    return told[:WORDS] or "no word of why"


def _wait(response: "httpx.Response") -> float | None:
    said = response.headers.get("retry-after", "")
    return float(said) if said.isdecimal() else None


def _authorization(header: str | None) -> dict[str, str]:
    return {"Authorization": header} if header else {}


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".internal"))


def _shown(url: str) -> str:
    return urlsplit(url).netloc
