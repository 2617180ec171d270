"""What a vendor answers in another shape than it says is an error of ours; fuzzing found those of Google's client."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from answered import END, answers, over_httpx, over_requests
from requests.adapters import HTTPAdapter

from baked_publish.cloudrun.roster import Roster
from baked_publish.errors import PreflightError, TargetError
from baked_publish.machines.fleet import Fleet
from baked_publish.machines.inside import Inside
from baked_publish.vendors import google_api, google_run, shaped
from baked_publish.vendors.fly import Fly
from baked_publish.vendors.fly_login import Login
from baked_publish.vendors.fly_pace import Pace
from baked_publish.vendors.google_api import Api
from baked_publish.vendors.google_login import Login as GoogleLogin
from baked_publish.vendors.google_run import Run

SECRET = "fm2_secret"  # noqa: S105 - of this test


@pytest.mark.parametrize(("value", "kind"), [([], "a list"), ("x", "a text"), (1, "a number"), (None, "null")])
def test_what_is_no_object_is_told_by_its_kind(value: Any, kind: str) -> None:
    with pytest.raises(TargetError, match=f"the answer to 'get app' is {kind}, not an object: look whether a proxy"):
        shaped.one(value, "get app")


def test_a_list_holds_objects_and_null_is_an_empty_one() -> None:
    assert shaped.many(None, "list apps") == []
    assert shaped.many([{"a": 1}], "list apps") == [{"a": 1}]
    with pytest.raises(TargetError, match="is an object, not a list"):
        shaped.many({}, "list apps")
    with pytest.raises(TargetError, match="is true or false, not an object"):
        shaped.many([{}, True], "list apps")


def test_a_text_that_is_missing_is_named() -> None:
    assert shaped.text({"code": "ams"}, "code", "get regions") == "ams"
    with pytest.raises(TargetError, match="the answer to 'get regions' has no 'code'"):
        shaped.text({"code": 5}, "code", "get regions")


@pytest.mark.parametrize(
    ("ask", "body"),
    [
        (lambda fly: fly.app("data"), "[" * 1500),
        (lambda fly: fly.regions(), '{"Regions": [{"name": "Amsterdam"}]}'),
        (lambda fly: fly.machines("data"), '{"machines": []}'),
        (lambda fly: fly.machines("data"), '[{"name": "no id"}]'),
        (lambda fly: fly.secrets("data"), '{"secrets": ["KEY"]}'),
        (lambda fly: fly.log("data", ""), '{"data": [{"attributes": "line"}]}'),
        (lambda fly: fly.take_lease("data", "one", "us", 60), '{"data": null}'),
        (
            lambda fly: Inside(fly, "data", "one").get("/", {}),
            '{"stdout": "{\\"status\\": 200, \\"id\\": 1, \\"size\\": []}"}',
        ),
        (
            lambda fly: Inside(fly, "data", "one").get("/", {}),
            '{"stdout": "{\\"status\\": 200, \\"id\\": 1, \\"part\\": \\"AAAA\\"}"}',
        ),
        (lambda fly: Fleet.of(fly.machines("data")), '[{"id": "1", "config": {"metadata": {"baked_record": "[1]"}}}]'),
    ],
)
def test_fly_may_answer_anything(ask: Callable[[Fly], object], body: str) -> None:
    with httpx.Client(transport=over_httpx(answers(b"200\n\n" + body.encode()))) as http:
        fly = Fly(http, Login(SECRET, "FLY_API_TOKEN"), Pace(1e6), "http://fly.test", "http://fly.test")
        with pytest.raises(TargetError):
            ask(fly)


def test_a_token_that_google_repeats_is_not_shown() -> None:
    refusal = json.dumps({"error": {"message": f"no right to it with {SECRET}"}}).encode()
    with httpx.Client(transport=over_httpx(answers(b"403\n\n" + refusal))) as http:
        api = Api(GoogleLogin("a test", None, "project", _token=SECRET), http)
        with pytest.raises(PreflightError, match=r"no right to it with \[secret\]"):
            api.call("GET", "http://google.test/v1/x")


def test_google_may_answer_its_own_client_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (google_api, google_run):
        monkeypatch.setattr(module, "FIRST_WAIT", 0.001)
    damaged = [
        b"200\n\n[" * 2,
        b"200\n\n{}[",
        b'403\n\n[{"error": 1}]',
        b'200\n\n{"services": [1]}',
        b"200\n\n" + b"[" * 1500,
    ]
    for each in damaged:
        said = answers(END.join([each] * google_api.TRIES))
        monkeypatch.setattr(HTTPAdapter, "send", over_requests(said))
        run = Run(GoogleLogin("a test", None, "project", _token=SECRET), "project", "region", within=1)
        with pytest.raises((TargetError, PreflightError)):
            run.services()


def test_a_page_of_a_list_that_fails_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_run, "FIRST_WAIT", 0.001)
    service = {"name": "projects/p/locations/r/services/data"}
    first = b"200\n\n" + json.dumps({"services": [service], "nextPageToken": "2"}).encode()
    last = b"200\n\n" + json.dumps({"services": [service]}).encode()
    said = answers(END.join([first, b"503\n\n{}", first, last]))
    monkeypatch.setattr(HTTPAdapter, "send", over_requests(said))
    run = Run(GoogleLogin("a test", None, "project", _token=SECRET), "project", "region", within=1)
    assert len(run.services()) == 2


def test_a_revision_that_somebody_took_its_annotations_from_is_not_ours() -> None:
    told = {"name": "x/data-1", "annotations": {"baked-data.release": "1", "baked-data.bundle": "2"}}
    assert Roster.of("data", {"name": "x"}, [told]).revisions == ()
    told["annotations"] = dict.fromkeys(["baked-data.release", "baked-data.bundle", "baked-data.artifact"], "1")
    found = Roster.of("data", {"name": "x"}, [told]).revisions
    assert [(each.name, each.token, each.digest) for each in found] == [("data-1", "", "")]


def test_a_token_server_that_answers_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.oauth2 import credentials  # noqa: PLC0415 - half a second

    monkeypatch.setattr(HTTPAdapter, "send", over_requests(answers(b'200\n\n{"a": 1}{"b": 2}')))
    made: Any = credentials.Credentials
    held = made(None, refresh_token="again", token_uri="http://google.test/", client_id="x", client_secret="y")  # noqa: S106
    with pytest.raises(PreflightError, match=r"what Google's token server answered \(a test\) cannot be read"):
        GoogleLogin("a test", held, "project").token()
