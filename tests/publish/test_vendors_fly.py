"""The client of Fly's API: what is asked again, what each refusal becomes, and what is never told."""

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from baked_publish.errors import LockedError, NotFoundError, PreflightError, PublishError, StageError, TargetError
from baked_publish.vendors import fly as fly_client
from baked_publish.vendors.fly import Fly
from baked_publish.vendors.fly_answers import LateError, RefusedError
from baked_publish.vendors.fly_login import Login
from baked_publish.vendors.fly_pace import Pace

SECRET = "fm2_secret"  # noqa: S105 - of this test
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fly_client, "FIRST_PAUSE", 0.001)


@pytest.fixture
def asked() -> list[httpx.Request]:
    return []


@pytest.fixture
def client(asked: list[httpx.Request]) -> Iterator[Callable[..., Fly]]:
    """Make a client to which the given answers come, one after the other."""
    opened: list[httpx.Client] = []

    def make(*answers: httpx.Response | Exception) -> Fly:
        left = list(answers)

        def handle(request: httpx.Request) -> httpx.Response:
            asked.append(request)
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        http = httpx.Client(transport=httpx.MockTransport(handle))
        opened.append(http)
        return Fly(http, Login(SECRET, "FLY_API_TOKEN"), Pace(1e6), "http://fly.test", "http://fly.test")

    yield make
    for each in opened:
        with closing(each):
            pass


def refusal(status: int, error: str = "no", code: str = "", **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return httpx.Response(status, json={"error": error, **({"status": code} if code else {})}, headers=named)


def test_the_token_goes_with_every_request(client: Callable[..., Fly], asked: list[httpx.Request]) -> None:
    assert client(httpx.Response(200, json={"name": "data"})).app("data") == {"name": "data"}
    assert asked[0].headers["authorization"] == f"FlyV1 {SECRET}"
    assert asked[0].url == "http://fly.test/v1/apps/data"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refusal(401), PreflightError, "may have expired: run `fly auth login`"),
        (refusal(403, "unauthorized"), PreflightError, "no right to that"),
        (refusal(404, "app not found"), NotFoundError, "app not found"),
        (refusal(408, "deadline_exceeded"), LateError, "deadline_exceeded"),
        (refusal(409, "machine ID 1 lease currently held by x"), LockedError, "another publish is under way"),
        (refusal(409, "insufficient memory available to fulfill request"), StageError, "another --region"),
        (refusal(422, "no room", "insufficient_capacity"), StageError, "another --region"),
        (refusal(422, "no", "name_taken"), RefusedError, "choose another one with --app"),
        (refusal(422, "Name has already been taken"), RefusedError, "choose another one with --app"),
        (refusal(422, "invalid_argument"), RefusedError, "invalid_argument"),
        (refusal(500), TargetError, "500"),
        (httpx.Response(418, text="<h1>\n not JSON </h1>"), TargetError, "<h1> not JSON </h1>"),
        (httpx.Response(400), TargetError, "no word of why"),
    ],
)
def test_each_refusal_becomes_an_error_of_ours(
    client: Callable[..., Fly], answer: httpx.Response, kind: type[PublishError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        client(answer).stop("data", "one")
    assert words in str(caught.value)
    assert "POST /v1/apps/data/machines/one/stop" in str(caught.value)


def test_an_error_names_the_request_and_no_token(client: Callable[..., Fly]) -> None:
    answer = refusal(422, f"bad token {SECRET}", fly_request_id="01ABC-ams")
    with pytest.raises(RefusedError, match=r"\(request 01ABC-ams\)") as caught:
        client(answer).app("data")
    assert SECRET not in str(caught.value)


def test_too_many_requests_are_asked_again(client: Callable[..., Fly], asked: list[httpx.Request]) -> None:
    client(refusal(429), refusal(429), httpx.Response(200, json={})).stop("data", "one")
    assert len(asked) == 3


def test_waiting_as_long_as_fly_says(
    client: Callable[..., Fly], asked: list[httpx.Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("baked_publish.vendors.fly.time.sleep", slept.append)
    client(refusal(429, Retry_After="7"), httpx.Response(200, json={})).stop("data", "one")
    assert slept == [7.0]
    assert len(asked) == 2


def test_what_makes_something_is_not_asked_twice_when_nobody_knows_what_became_of_it(
    client: Callable[..., Fly], asked: list[httpx.Request]
) -> None:
    with pytest.raises(TargetError, match="did not answer POST /v1/apps/data/machines"):
        client(httpx.ReadTimeout("too late")).create("data", {})
    with pytest.raises(TargetError, match="502"):
        client(refusal(502)).create("data", {})
    assert len(asked) == 2


def test_what_only_looks_is_asked_again(client: Callable[..., Fly], asked: list[httpx.Request]) -> None:
    good = httpx.Response(200, json={"id": "one"})
    assert client(httpx.ConnectError("no"), refusal(502), good).machine("data", "one") == {"id": "one"}
    assert len(asked) == 3


def test_patience_ends(client: Callable[..., Fly], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fly_client, "PATIENCE", 0.0)
    with pytest.raises(TargetError, match="429"):
        client(refusal(429)).app("data")


def test_waiting_goes_on_after_each_minute(client: Callable[..., Fly], asked: list[httpx.Request]) -> None:
    late, good = refusal(408, "deadline_exceeded"), httpx.Response(200, json={"ok": True})
    client(late, good).wait("data", {"id": "one", "instance_id": "01V"}, "started", 90)
    assert dict(asked[0].url.params) == {"state": "started", "timeout": "60", "instance_id": "01V"}


def test_waiting_ends(client: Callable[..., Fly]) -> None:
    with pytest.raises(LateError):
        client(refusal(408)).wait("data", {"id": "one"}, "started", 0)


def test_no_app_has_no_machines_and_a_gone_machine_is_gone(client: Callable[..., Fly]) -> None:
    assert client(refusal(404)).machines("data") == []
    client(refusal(404)).destroy("data", "one")


def test_a_lease_that_we_hold_is_told(client: Callable[..., Fly], asked: list[httpx.Request]) -> None:
    taken = httpx.Response(201, json={"status": "success", "data": {"nonce": "n1"}})
    fly = client(taken, httpx.Response(200, json={}), httpx.Response(200, json={}))
    fly.take_lease("data", "one", "us", 60)
    fly.stop("data", "one")
    fly.stop("data", "two")
    assert [each.headers.get("fly-machine-lease-nonce") for each in asked] == [None, "n1", None]


def test_an_answer_that_is_no_json_is_told(client: Callable[..., Fly]) -> None:
    with pytest.raises(TargetError, match=r"fly\.test answered /v1/apps/data without JSON: look whether a proxy"):
        client(httpx.Response(200, text="<html>")).app("data")
