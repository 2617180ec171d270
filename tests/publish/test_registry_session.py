"""Sessions: who we are is told to the registry alone, tokens are renewed, and answers are not believed blindly."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_registry import Answer, FaultyRegistry, breaks_off_answer, changes, in_front_of, redirects, says
from registry import Registry, serving
from token_server import TokenServer, guarding
from trees import HTPASSWD, MEGABYTE, PASSWORD, USER, image, log_in, repository

from baked_publish.errors import DigestError, NotFoundError, PreflightError, TargetError
from baked_publish.registry import answers, patience
from baked_publish.registry.challenge import challenge
from baked_publish.registry.content import Tree
from baked_publish.registry.credentials import Credential
from baked_publish.registry.descriptor import MANIFEST, Descriptor
from baked_publish.registry.push import push
from baked_publish.registry.repository import Repository
from baked_publish.registry.session import Session
from baked_publish.registry.upload import How
from baked_publish.report import Silent


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.01)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def faulty(registry: Registry) -> Iterator[FaultyRegistry]:
    with in_front_of(registry.host) as proxy:
        yield proxy


@pytest.fixture
def tokens(faulty: FaultyRegistry, tmp_path: Path) -> Iterator[TokenServer]:
    log_in(tmp_path / "docker", faulty.host, USER, PASSWORD)
    with guarding(faulty) as server:
        yield server


# Passwords


def test_a_password_opens_a_registry(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}
    with serving(tmp_path / "registry", auth=auth) as registry:
        tree = image(300, MEGABYTE)
        with (
            repository(registry.host, "session/basic") as there,
            pytest.raises(PreflightError, match=r"401.*without a login.*docker login 127\.0\.0\.1"),
        ):
            push(there, tree, Silent())
        log_in(tmp_path / "docker", registry.host, USER, "wrong word")
        with repository(registry.host, "session/basic") as there:
            with pytest.raises(PreflightError, match="as 'publisher'") as caught:
                push(there, tree, Silent())
            assert "wrong word" not in str(caught.value)
        log_in(tmp_path / "docker", registry.host, USER, PASSWORD)
        with repository(registry.host, "session/basic") as there:
            assert push(there, tree, Silent()).blobs == {How.SENT: 2}


# Tokens


def test_a_token_is_asked_for_once_for_a_push(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    with repository(faulty.host, "session/token") as there:
        push(there, image(310, MEGABYTE, 10, 10), Silent())
    assert tokens.asked == [("GET", ["repository:session/token:pull", "repository:session/token:pull,push"])]


@pytest.mark.parametrize("uses", [3, 5, 7, 9, 11, 13, 15])
def test_a_token_that_ends_in_mid_push_is_renewed(faulty: FaultyRegistry, tokens: TokenServer, uses: int) -> None:
    tokens.uses = [uses]
    tree = image(320 + uses, MEGABYTE, MEGABYTE, MEGABYTE)
    with repository(faulty.host, f"session/expired-{uses}") as there:
        push(there, tree, Silent())
        assert there.blob(tree.blobs[1].descriptor).read() == tree.blobs[1].read()
    assert len(tokens.asked) > 1


def test_a_login_that_ends_in_mid_push_is_had_anew(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    given: list[str] = []

    def fresh() -> Credential:
        given.append(f"secret {len(given)}")
        tokens.password = given[-1]  # as a cloud does: only the newest one is any good
        return Credential(USER, given[-1])

    tokens.uses = [6]
    with Session(faulty.host, credential=fresh) as session:
        push(Repository(session, "session/fresh"), image(302, MEGABYTE), Silent())
    assert len(given) > 1


def test_a_token_is_renewed_before_its_end(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    tokens.lifetime = 1
    with repository(faulty.host, "session/short") as there:
        assert there.find("nothing") is None
        time.sleep(0.6)
        assert there.find("nothing") is None
    assert len(tokens.asked) == 2
    sent = [each for each in faulty.seen if each.path.startswith("/v2/session") and "authorization" in each.headers]
    assert len(sent) == 2  # none with the token that was about to end


def test_a_mount_asks_for_both_repositories(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    tree = image(330, MEGABYTE)
    with repository(faulty.host, "session/source") as source, repository(faulty.host, "session/mounted") as there:
        push(source, tree, Silent())
        tokens.asked.clear()
        sent = push(there, Tree(tree.manifest, tuple(source.blob(each.descriptor) for each in tree.blobs)), Silent())
    assert sent.blobs == {How.MOUNTED: 2}
    assert {"repository:session/mounted:pull,push", "repository:session/source:pull"} <= set(tokens.asked[-1][1])


def test_an_identity_token_is_exchanged(faulty: FaultyRegistry, tokens: TokenServer, tmp_path: Path) -> None:
    tokens.refresh = "refresh-token"
    (tmp_path / "docker/config.json").write_text(
        f'{{"auths": {{"{faulty.host}": {{"identitytoken": "refresh-token"}}}}}}'
    )
    with repository(faulty.host, "session/identity") as there:
        push(there, image(340, 10), Silent())
    assert {method for method, _ in tokens.asked} == {"POST"}


def test_a_wrong_password_is_told_without_it(faulty: FaultyRegistry, tokens: TokenServer, tmp_path: Path) -> None:
    log_in(tmp_path / "docker", faulty.host, USER, "wrong word")
    with (
        repository(faulty.host, "session/wrong") as there,
        pytest.raises(PreflightError, match=r"gave no token .*'publisher' of .*config\.json") as caught,
    ):
        there.find("latest")
    assert "wrong word" not in str(caught.value)
    assert not tokens.tokens


def test_a_token_without_the_right_is_told(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    faulty.breaks("POST", "/blobs/uploads/", says(403, "DENIED", "requested access is denied"), times=9)
    with (
        repository(faulty.host, "session/denied") as there,
        pytest.raises(PreflightError, match=r"403 .*DENIED requested access is denied.*as 'publisher'"),
    ):
        push(there, image(350, 10), Silent())
    assert tokens.tokens


def test_a_password_goes_to_no_token_server_that_is_not_safe() -> None:
    from baked_publish.registry.auth import Authority  # noqa: PLC0415
    from baked_publish.registry.credentials import Credential  # noqa: PLC0415

    def send(*_: object, **__: object) -> object:
        raise AssertionError("the password was sent")

    authority = Authority("ghcr.io", send, lambda: Credential(USER, PASSWORD), plain=False)  # type: ignore[arg-type] # it never answers
    for realm in ("http://ghcr.io/token", "http://127.0.0.1/token", "ftp://ghcr.io", "https://[", "https:///token", ""):
        with pytest.raises(PreflightError, match="no secret goes there"):
            authority.answer(challenge(f'Bearer realm="{realm}"'), ("x",), None)


def test_what_a_registry_echoes_holds_no_secret(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    def echo(exchange: object) -> None:
        said = exchange.headers["authorization"]  # type: ignore[attr-defined] # an Exchange
        says(400, "DENIED", f"you sent {said}")(exchange)  # type: ignore[arg-type]

    faulty.breaks("HEAD", "", says(404), times=99)
    faulty.breaks("POST", "", echo, times=99)
    with (
        repository(faulty.host, "session/echo") as there,
        pytest.raises(TargetError, match=r"you sent Bearer \[secret\]") as caught,
    ):
        push(there, image(360, 10), Silent())
    assert not [token for token in tokens.tokens if token in str(caught.value)]


# Other hosts


def test_a_redirect_is_followed_without_the_password(
    faulty: FaultyRegistry, tokens: TokenServer, registry: Registry
) -> None:
    tree = image(370, MEGABYTE)
    with in_front_of(registry.host) as storage, repository(faulty.host, "session/redirected") as there:
        push(there, tree, Silent())
        faulty.breaks("GET", "/blobs/sha256", redirects(307, lambda path: f"http://{storage.host}{path}"), times=9)
        assert there.blob(tree.blobs[1].descriptor).read() == tree.blobs[1].read()
        assert storage.count("GET") == 1
        assert not [each for each in storage.seen if "authorization" in each.headers]
    assert tokens.asked


def test_another_host_that_asks_for_a_password_gets_none(faulty: FaultyRegistry, tokens: TokenServer) -> None:
    blob = Descriptor.of(b"nothing", MANIFEST)
    with in_front_of(faulty.upstream) as thief, guarding(thief) as trap:
        faulty.breaks("GET", "/blobs/sha256", redirects(302, lambda path: f"http://{thief.host}{path}"), times=9)
        with repository(faulty.host, "session/thief") as there, pytest.raises(PreflightError, match="401"):
            there.blob(blob).read()
        assert not trap.asked
        assert not [each for each in thief.seen if "authorization" in each.headers]
    assert tokens.asked


def test_an_upload_to_another_host_goes_without_the_password(
    faulty: FaultyRegistry, tokens: TokenServer, registry: Registry
) -> None:
    def elsewhere(told: Answer) -> Answer:
        headers = [(key, value.replace(faulty.host, storage.host)) for key, value in told.headers]
        return Answer(told.status, headers, told.body)

    with in_front_of(registry.host) as storage, repository(faulty.host, "session/elsewhere") as there:
        faulty.breaks("POST", "/blobs/uploads/", changes(elsewhere), times=9)
        push(there, image(380, MEGABYTE), Silent())
        assert storage.count("PATCH") == 2
        assert not [each for each in storage.seen if "authorization" in each.headers]
    assert tokens.asked


def test_endless_redirects_end(faulty: FaultyRegistry) -> None:
    faulty.breaks("GET", "", redirects(302, lambda path: path), times=99, after=1)
    with repository(faulty.host, "session/loop") as there, pytest.raises(TargetError, match="redirects more than"):
        there.manifest("latest")


@pytest.mark.parametrize(
    ("host", "target", "says_"),
    [
        ("ghcr.io", "http://ghcr.io/x", "not encrypted"),
        ("ghcr.io", "http://elsewhere.example/x", "not encrypted"),
        ("ghcr.io", "https://127.0.0.1/x", "private network"),
        ("ghcr.io", "https://169.254.169.254/x", "private network"),
        ("ghcr.io", "https://10.0.0.1/x", "private network"),
        ("127.0.0.1:5000", "ftp://127.0.0.1/x", "not encrypted"),
    ],
)
def test_a_registry_sends_us_nowhere_unsafe(host: str, target: str, says_: str) -> None:
    with Session(host) as session, pytest.raises(TargetError, match=says_):
        session._require_safe(session._bases[0], target)


# Retries and lies


def test_retry_after_is_obeyed(faulty: FaultyRegistry) -> None:
    faulty.breaks("HEAD", "", says(429, "TOOMANYREQUESTS", "slow down", Retry_After="1"))
    began = time.monotonic()
    with repository(faulty.host, "session/slow") as there:
        assert there.find("latest") is None
    assert time.monotonic() - began >= 1


def test_retry_after_is_bounded(faulty: FaultyRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_WAIT", 0.05)
    faulty.breaks("HEAD", "", says(429, "TOOMANYREQUESTS", "slow down", Retry_After="86400"), times=2)
    with repository(faulty.host, "session/later") as there:
        assert there.find("latest") is None


@pytest.mark.parametrize("damage", [lambda data: data[:-1] + b"?", lambda data: data[:-9], lambda data: data + b"more"])
def test_a_blob_that_is_not_what_it_should_be_is_refused(faulty: FaultyRegistry, damage: object) -> None:
    tree = image(390, MEGABYTE)
    faulty.breaks("GET", "/blobs/sha256", changes(lambda told: Answer(200, [], damage(told.body))), times=99)  # type: ignore[operator] # of bytes
    with repository(faulty.host, "session/lying") as there:
        push(there, tree, Silent())
        with pytest.raises(DigestError, match="damaged"):
            there.blob(tree.blobs[1].descriptor).read()


def test_a_manifest_that_is_not_what_was_asked_for_is_refused(faulty: FaultyRegistry) -> None:
    tree, other = image(400, 10), image(410, 10)
    with repository(faulty.host, "session/other") as there:
        push(there, tree, Silent())
        faulty.breaks("GET", "/manifests/", changes(lambda _: Answer(200, [], other.manifest.read())), times=9)
        faulty.breaks(
            "HEAD",
            "/manifests/",
            changes(lambda _: Answer(200, [("Docker-Content-Digest", other.manifest.descriptor.digest)], b"")),
            times=9,
        )
        for ask in (there.manifest, there.find):
            with pytest.raises(DigestError, match=other.manifest.descriptor.digest):
                ask(tree.manifest.descriptor.digest)


def test_an_endless_manifest_is_not_read_to_its_end(faulty: FaultyRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST", 1000)
    faulty.breaks("GET", "/manifests/", changes(lambda _: Answer(200, [], bytes(100_000))))
    with repository(faulty.host, "session/endless") as there, pytest.raises(TargetError, match="more than 1,000 bytes"):
        there.manifest("latest")


def test_a_page_that_is_no_registry_is_told(faulty: FaultyRegistry) -> None:
    faulty.breaks("GET", "/tags/", changes(lambda _: Answer(200, [("Content-Type", "text/html")], b"<h1>Hello")))
    with repository(faulty.host, "session/page") as there, pytest.raises(TargetError, match="it is no registry"):
        there.tags(5)


def test_a_blob_whose_connection_breaks_is_read_on(faulty: FaultyRegistry) -> None:
    tree = image(420, 4 * MEGABYTE)
    faulty.breaks("GET", "/blobs/sha256", breaks_off_answer(MEGABYTE), times=3)
    with repository(faulty.host, "session/read-on") as there:
        push(there, tree, Silent())
        assert there.blob(tree.blobs[1].descriptor).read() == tree.blobs[1].read()
    assert [each.headers["range"] for each in faulty.seen if "range" in each.headers]


def test_a_registry_that_is_not_there_is_told() -> None:
    with (
        repository("127.0.0.1:9", "session/nobody") as there,
        pytest.raises(TargetError, match=r"127\.0\.0\.1:9 cannot be reached"),
    ):
        there.find("latest")


def test_an_image_that_is_not_there_is_told(registry: Registry) -> None:
    with (
        repository(registry.host, "session/none") as there,
        pytest.raises(NotFoundError, match=r"no image .*session/none:latest"),
    ):
        there.manifest("latest")


# TLS


def test_a_certificate_of_ones_own_is_named_to_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = tmp_path / "registry.crt", tmp_path / "registry.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    http = {"tls": {"certificate": str(certificate), "key": str(key)}}
    with serving(tmp_path / "registry", http=http) as registry:
        with (
            repository(registry.host, "session/tls") as there,
            pytest.raises(PreflightError, match=r"cannot be trusted.*SSL_CERT_FILE"),
        ):
            there.find("latest")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with repository(registry.host, "session/tls") as there:
            assert push(there, image(430, MEGABYTE), Silent()).blobs == {How.SENT: 2}


# Challenges


@pytest.mark.parametrize(
    ("header", "scheme", "said"),
    [
        ('Bearer realm="https://a/t",service="s",scope="x:y:pull,push"', "bearer", {"scope": "x:y:pull,push"}),
        ('BEARER Realm="https://a/t", Service=s', "bearer", {"realm": "https://a/t", "service": "s"}),
        ('Basic realm="say \\"hi\\", please"', "basic", {"realm": 'say "hi", please'}),
        ('Basic realm="r", Bearer realm="https://a/t"', "bearer", {"realm": "https://a/t"}),
    ],
)
def test_challenges_are_read(header: str, scheme: str, said: dict[str, str]) -> None:
    found = challenge(header)
    assert found
    assert found.scheme == scheme
    assert said.items() <= found.said.items()


@pytest.mark.parametrize("header", ["", "Negotiate", 'Digest realm="r"'])
def test_other_challenges_are_not_answered(header: str) -> None:
    assert challenge(header) is None


def test_an_address_that_is_none_is_told_as_such(faulty: FaultyRegistry) -> None:
    faulty.breaks("GET", "/manifests/", redirects(307, lambda _path: "http://["))
    with repository(faulty.host, "session/nowhere") as there, pytest.raises(TargetError, match="address that is none"):
        there.manifest("live")


def test_a_header_that_is_no_ascii_is_read(faulty: FaultyRegistry) -> None:
    faulty.breaks("HEAD", "/blobs/", says(200, x_greeting="gr\xfc\xdfe"))
    with repository(faulty.host, "session/greeting") as there:
        assert there.has(Descriptor.of(b"", MANIFEST).digest)
