"""A session with one registry: requests that are authorized, repeated when that may help, and told when it did not."""

import os
import ssl
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from baked_publish.errors import NotFoundError, PreflightError, TargetError
from baked_publish.registry.answers import address, whole, words
from baked_publish.registry.auth import Authority, advice
from baked_publish.registry.challenge import challenge
from baked_publish.registry.credentials import Credential, Keychain
from baked_publish.registry.patience import TEMPORARY, Temporary, retried, wait_of
from baked_publish.registry.reference import endpoint, is_loopback

if TYPE_CHECKING:
    import httpx

REDIRECTS: Final = 5
HEADERS: Final = {"User-Agent": "baked-data", "Accept-Encoding": "identity"}
"""A digest is of what is stored, not of what it was compressed to on its way."""
DIRECT: Final = {f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")}
"""Whom no proxy is asked about."""
CONNECT, READ = 15.0, 120.0
"""Seconds without a sign of life."""


class Session:
    """Talks to one registry; a context, which closes its connections; used by threads side by side."""

    def __init__(
        self,
        host: str,
        *,
        insecure: bool = False,
        repository: str = "",
        credential: Callable[[], Credential] | None = None,
    ) -> None:
        """Open one; ``credential`` is asked each time, for a cloud's token may end in a long upload."""
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
        trust = _trust(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        self._http = httpx.Client(timeout=timeout, follow_redirects=False, headers=HEADERS, mounts=DIRECT, verify=trust)
        find = credential or partial(Keychain(os.environ, Path.home()), host, repository)
        self._authority = Authority(host, self._bare, find, plain=insecure, lasting=credential is None)

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
                answer = whole(response)
            self.require(answer, accept)
            return answer

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
        told, asked = self.words(response), response.request
        what = f"{self.host} answered {status} to {asked.method} {asked.url.path}: {told}"
        if status in TEMPORARY:
            raise Temporary(what, wait_of(response))
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            who = self._authority.credentials()
            name = f"as {who.username!r}" if who and who.username else "without a login"
            raise PreflightError(f"{what} ({name}); {advice(self.host)}, as one who may do that")
        if status == HTTPStatus.NOT_FOUND:
            raise NotFoundError(what)
        raise TargetError(what)

    def words(self, response: "httpx.Response") -> str:
        """Return what the registry says of a failure, in one line and without any secret."""
        return words(response if response.is_closed else whole(response))

    @contextmanager
    def _sent(
        self, method: str, path: str, scopes: Sequence[str], headers: Mapping[str, str], content: Any
    ) -> "Generator[httpx.Response, None, None]":
        """Send with what is known of authorization, once more if the registry asks for it, after any redirects."""
        self._choose()
        url = address(self._bases[0], path)
        if not self._own(url):
            self._require_safe(self._bases[0], url)
        sent = self._authority.header(scopes) if self._own(url) else None
        body = content() if callable(content) else content
        with self._followed(method, url, {**headers, **_authorization(sent)}, body) as response:
            if response.status_code != HTTPStatus.UNAUTHORIZED or not self._own(str(response.request.url)):
                yield response  # what another host asks for is none of its business
                return
            answer = whole(response)
            asked = challenge(", ".join(response.headers.get_list("www-authenticate")))
            fresh = self._authority.answer(asked, scopes, sent)
            if fresh is None:
                yield answer
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
                target = address(url, response.headers["location"])
            self._require_safe(url, target)
            if not self._own(target):
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
                raise Temporary(f"{_shown(url)} answered {response.status_code}", wait_of(response))
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
        mine, asked = urlsplit(self._bases[0]), urlsplit(url)
        return (mine.scheme, mine.netloc) == (asked.scheme, asked.netloc)

    def _require_safe(self, url: str, target: str) -> None:
        """Refuse to follow a registry to where it has no business: from TLS to none, or into a private network."""
        old, new = urlsplit(url), urlsplit(target)
        same = old.netloc == new.netloc
        if new.scheme not in {"http", "https"} or (old.scheme == "https" and new.scheme == "http"):
            raise TargetError(f"{self.host} sends us to {new.scheme}://{new.netloc}, which is not encrypted: refused")
        if not same and not _is_private(old.hostname or "") and _is_private(new.hostname or ""):
            raise TargetError(f"{self.host} sends us into a private network, to {new.netloc!r}: refused")


def _authorization(header: str | None) -> dict[str, str]:
    return {"Authorization": header} if header else {}


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".internal"))


def _shown(url: str) -> str:
    return urlsplit(url).netloc


@cache
def _trust(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """Return whom to trust, as the environment's two names say; read once, for it takes as long as a small request."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()
