"""What is fuzzed of platforms: any answer to anything that we ask of them is a result, or one of our errors."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from answered import END, answers, over_httpx, over_requests
from requests.adapters import HTTPAdapter

from baked_publish.cloudrun import domain, logs
from baked_publish.cloudrun.findings import Survey as Findings
from baked_publish.cloudrun.findings import needed
from baked_publish.cloudrun.grants import Grants, account
from baked_publish.cloudrun.ledger import Entry, Ledger
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.rehearsal import Rehearsal
from baked_publish.cloudrun.roster import Roster
from baked_publish.cloudrun.secret import pinned
from baked_publish.cloudrun.storage import Storage
from baked_publish.errors import PublishError
from baked_publish.machines.address import Addresses, open_app
from baked_publish.machines.fleet import Fleet
from baked_publish.machines.inside import Inside
from baked_publish.machines.lease import Leases
from baked_publish.machines.options import FlyOptions
from baked_publish.machines.record import Past, Record, Standing, past_text
from baked_publish.machines.survey import Survey
from baked_publish.redaction import hidden
from baked_publish.report import Silent
from baked_publish.vendors import fly as fly_client
from baked_publish.vendors import google_api
from baked_publish.vendors.fly import Fly
from baked_publish.vendors.fly_login import Login
from baked_publish.vendors.fly_pace import Pace
from baked_publish.vendors.google_api import Api
from baked_publish.vendors.google_login import Login as GoogleLogin
from baked_publish.vendors.google_run import Run

Input = Callable[[bytes], None]
SECRET = "fm2_0123456789abcdef"  # noqa: S105 - of this test
APP = "data"
RECORD = Record("r1", "release", "bundle", "sha256:00", "2026-01-01T00:00:00", {"region": ["ams"], "machines": 1})
STANDING = Standing(2, "2026-01-01T00:00:00", "r0")


def fly(_folder: Path) -> tuple[Input, Sequence[bytes]]:
    """Let Fly answer anything to anything that we ask of it."""
    setattr(time, "sleep", lambda _seconds: None)  # noqa: B010 - for every module
    setattr(fly_client, "PATIENCE", 0.01)  # noqa: B010 - some attempts are enough
    asked = _asked_of_fly()

    def run(data: bytes) -> None:
        what, transport = asked[data[0] % len(asked)] if data else asked[0], over_httpx(answers(data[1:]))
        with httpx.Client(transport=transport) as http:
            client = Fly(http, Login(SECRET, "FLY_API_TOKEN"), Pace(1e9), "http://fly.test", "http://fly.test")
            _try(lambda: what(client))

    return run, [bytes([number]) + seed for number in range(len(asked)) for seed in _fly_seeds()]


def _asked_of_fly() -> tuple[Callable[[Fly], object], ...]:
    given = FlyOptions(region=("ams",), secret=("KEY",), org="personal")
    return (
        lambda fly: list(Survey(fly, APP, given).findings()),
        lambda fly: open_app(fly, APP, "personal"),
        lambda fly: Addresses(fly, fly.http, Silent()).certify(APP, ["example.org"]),
        lambda fly: fly.log(APP, ""),
        _fleet,
        _lease,
        lambda fly: Inside(fly, APP, "one").get("/", {}),
        lambda fly: fly.create(APP, {}),
        lambda fly: fly.wait(APP, fly.machine(APP, "one"), "started", 0),
        lambda fly: fly.destroy(APP, "one"),
        lambda fly: fly.note(APP, "one", "key", "value"),
    )


def _fleet(fly: Fly) -> object:
    fleet = Fleet.of(fly.machines(APP))
    return fleet.live, fleet.past, fleet.candidates, fleet.spare, [each.leader.private for each in fleet.groups]


def _lease(fly: Fly) -> None:
    Leases(fly, APP, "here").take(machine for group in Fleet.of(fly.machines(APP)).groups for machine in group.machines)


def _fly_seeds() -> Sequence[bytes]:
    metadata = {"baked_record": RECORD.to_text(), "baked_launch": "one", "baked_index": "0"}
    metadata |= {"baked_standing": STANDING.to_text(), "baked_past": past_text([Past(RECORD, STANDING)])}
    machine: dict[str, Any] = {
        "id": "one",
        "state": "started",
        "instance_id": "1",
        "image_ref": {"digest": "sha256:00"},
    }
    machine |= {"config": {"metadata": metadata, "env": {"A": "b"}}, "checks": [{"name": "c", "status": "passing"}]}
    held = {"data": {"nonce": "n", "expires_at": 9, "description": "x"}}
    part = {"id": "1", "status": 200, "size": 11, "part": "eJwLSS0uAQAEXQHB"}
    return (
        _said([machine]) + END + _said({"error": "lease currently held"}, 409) + END + _said(held),
        _said(machine) + END + _said({"error": f"not with {SECRET}", "status": "name_taken"}, 422),
        END.join([_said({"name": APP, "certificates": [{"hostname": "a"}], "secrets": [{"name": "KEY"}]})] * 3),
        _said({"ips": [{"ip": "1.2.3.4", "shared": True}], "Regions": [{"code": "ams"}]}),
        _said({"exit_code": 0, "stdout": json.dumps(part)}) + END + _said({"exit_code": 1, "stderr": "no"}),
        _said({"data": [{"attributes": {"message": "line"}}], "meta": {"next_token": "2"}}),
        b"429\nretry-after: 9\n\n" + END + b"503\n\n" + END + b"408\n\n" + END + _said([]) + END + _said(None),
        b"404\n\n" + END + b"200\n\n" + b"[" * 1500,
    )


def google(_folder: Path) -> tuple[Input, Sequence[bytes]]:
    """Let Google answer anything to anything that we ask of it, by its own client or without."""
    setattr(time, "sleep", lambda _seconds: None)  # noqa: B010 - for every module
    setattr(google_api, "LONG", 0.01)  # noqa: B010 - some looks are enough
    os.environ["GOOGLE_API_USE_CLIENT_CERTIFICATE"] = "false"
    run_api = Run(_google_login(), "project", "region", within=0.01)
    asked = _asked_of_google(run_api)

    def run(data: bytes) -> None:
        what, said = asked[data[0] % len(asked)] if data else asked[0], answers(data[1:])
        setattr(HTTPAdapter, "send", over_requests(said))  # noqa: B010 - Google's client has no door of its own
        with httpx.Client(transport=over_httpx(said)) as http:
            _try(lambda: what(Api(_google_login(), http)))

    return run, [bytes([number]) + seed for number in range(len(asked)) for seed in _google_seeds()]


def _google_login() -> GoogleLogin:
    return GoogleLogin("a test", None, "project", _token=SECRET)


def _refreshed(_api: Api) -> str:
    from google.oauth2 import credentials  # noqa: PLC0415 - half a second

    made: Any = credentials.Credentials
    held = made(None, refresh_token="again", token_uri="http://google.test/token", client_id="x", client_secret="x")  # noqa: S106
    return GoogleLogin("a test", held, "project").token()


def _asked_of_google(run: Run) -> tuple[Callable[[Api], object], ...]:
    names = needed(made=False, enabled=False, secrets=True)
    return (
        lambda api: list(Findings(api, "project").permissions(names, Grants(api, {"iam.": ["https://iam/x"]}).of)),
        lambda api: account(api, "project", ""),
        lambda api: Findings(api, "project").apis(),
        lambda api: Findings(api, "project").enable("run.googleapis.com", dict),
        lambda api: Storage(api, ("project", "region", "images"), APP).make(),
        lambda api: Storage(api, ("project", "region", "images"), APP).keep_newest(3),
        lambda api: domain.map_domain(api, "project", "region", APP, "example.org"),
        lambda api: pinned(api, "project", [("KEY", "secret")]),
        lambda api: list(logs.lines(api, "project", "europe-west1", APP, follow=False)),
        _refreshed,
        lambda _api: _roster(run),
        lambda _api: run.services(),
        lambda _api: run.create(APP, {}),
        lambda _api: Rehearsal(run, APP, CloudRunOptions()).finding(run.service(APP)),
        lambda _api: run.update(APP, {"etag": "1"}, ["traffic"]),
        lambda _api: run.delete(APP, "etag"),
        lambda _api: run.set_policy(APP, run.policy(APP)),
    )


def _roster(run: Run) -> object:
    service = run.service(APP)
    roster = Roster.of(APP, service, run.revisions(APP) if service else ())
    return roster.live, roster.past, [roster.candidate(each) for each in roster.waiting], roster.latest, roster.inert


def _google_seeds() -> Sequence[bytes]:
    path = f"projects/project/locations/region/services/{APP}"
    about = {"baked-data.release": "1", "baked-data.bundle": "2", "baked-data.artifact": "3"}
    ledger = Ledger(entries={"data-1": Entry("2026-01-01", "data-0")}).annotation()
    traffic = [{"revision": "data-1", "percent": 100, "tag": "t1", "uri": "http://t1"}]
    service = {"name": path, "annotations": ledger, "traffic": traffic, "trafficStatuses": traffic, "etag": "1"}
    revision = {"name": f"{path}/revisions/data-1", "annotations": about, "containers": [{"image": "x@sha256:0"}]}
    entry = {"insertId": "1", "timestamp": "2026-01-01T00:00:00Z", "textPayload": "line"}
    refusal = {"error": {"code": 403, "message": f"not with {SECRET}", "status": "PERMISSION_DENIED"}}
    return (
        _said(service) + END + _said({"revisions": [revision], "nextPageToken": "2"}) + END + _said({}),
        _said({"services": [service], "nextPageToken": "2"}) + END + _said(refusal, 403),
        _said({"name": "operations/1"}) + END + _said({"name": "operations/1", "done": True, "response": {}}),
        _said({"name": "operations/1", "done": True, "error": {"code": 5, "message": SECRET}}),
        _said({"permissions": [], "state": "ENABLED", "entries": [entry]}),
        _said({"spec": {"routeName": APP}, "status": {"resourceRecords": [asdict(Entry())]}}),
        _said({"access_token": "a", "expires_in": 3599, "token_type": "Bearer", "id_token": "i"}),
        END.join([_said({"bindings": [{"role": "roles/run.invoker", "members": ["allUsers"]}], "etag": "MQ=="})] * 2),
        _said(refusal, 401) + END + b"404\n\n",
        b"503\n\n" + END + _said([refusal], 409) + END + b"200\n\n" + b"[" * 1500,
    )


def _said(value: Any, status: int = 200) -> bytes:
    return b"%d\ncontent-type: application/json\n\n%b" % (status, json.dumps(value).encode())


def _try(act: Callable[[], object]) -> None:
    """Do something: it may fail, in our words and without the token."""
    told = "done"
    try:
        act()
    except PublishError as exc:
        told = str(exc)
    assert told
    assert told.encode()
    assert SECRET not in hidden(told), told
