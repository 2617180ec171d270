"""Google's stand-in refuses what the platform refuses, so that what passes it may be worth something."""

import json
import os
import pty
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from google_cloud import Cloud
from line import LIMIT, PROGRAM, make_database

from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.template import about, template
from baked_publish.vendors import google_login
from baked_publish.vendors.google_run import Conflict, Run

PARENT = "projects/clouds-test/locations/europe-west1"
LATEST = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
NOWHERE = "127.0.0.1:1/clouds-test/baked-data/data@sha256:" + "a" * 64


def body(revision: str = "data-r1", **more: Any) -> dict[str, Any]:
    made = template(CloudRunOptions(), revision, NOWHERE, about("r", "b", "a", "{}"), {})
    return {"template": made, "traffic": [LATEST], **more}


def ask(google: Cloud, method: str, path: str, told: Mapping[str, Any] | None = None, **params: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {google_login.find().token()}"}
    return httpx.request(method, f"{google.url}{path}", json=told, params=params, headers=headers, timeout=LIMIT)


def make(google: Cloud, told: Mapping[str, Any], name: str = "data", **params: str) -> httpx.Response:
    return ask(google, "POST", f"/v2/{PARENT}/services", told, serviceId=name, **params)


def with_tag(tag: str) -> dict[str, Any]:
    return body(traffic=[{**LATEST, "tag": tag}])


def probing(**how: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(body()))
    told["template"]["containers"][0]["startupProbe"] |= how
    return told


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (body(knownToNobody=1), "knownToNobody"),
        (body(annotations={"run.googleapis.com/x": "1"}), "reserved namespace"),
        (body(annotations={"a": "x" * (256 << 10)}), "Too long"),
        (body(traffic=[{**LATEST, "percent": 90}]), "must add up to 100"),
        (
            body(traffic=[{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "x", "percent": 100}]),
            "not found",
        ),
        (with_tag("r1"), "at least three characters"),
        (with_tag("r" * 43), "cannot exceed 46 characters"),
        (body("other-r1"), "must begin with the service's name"),
        (probing(timeoutSeconds=2), "smaller than period_seconds"),
        (probing(failureThreshold=121), "240 seconds"),
    ],
)
def test_what_is_not_valid_is_refused(google: Cloud, told: dict[str, Any], words: str) -> None:
    answer = make(google, told)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in answer.json()["error"]["message"]
    assert not google.services.held


def test_a_check_alone_makes_nothing(google: Cloud) -> None:
    assert make(google, body(), validateOnly="true").status_code == 200
    assert not google.services.held


def test_nobody_without_a_token_is_answered(google: Cloud) -> None:
    assert httpx.get(f"{google.url}/v2/{PARENT}/services", timeout=LIMIT).status_code == 401
    google.identity.denied.add("run.services.list")
    assert ask(google, "GET", f"/v2/{PARENT}/services").status_code == 403


def test_a_service_is_changed_by_whoever_read_it_last_and_its_newest_revision_stays(google: Cloud) -> None:
    run = Run(google_login.find(), "clouds-test", "europe-west1", within=LIMIT)
    made = make(google, body())
    assert made.json()["done"] is False
    assert make(google, body()).json()["error"]["status"] == "ALREADY_EXISTS"
    wait_for(google, made.json()["name"])
    service = run.service("data")
    assert service is not None
    assert service["terminalCondition"]["state"] == "CONDITION_FAILED"  # there is no such image
    stale = {"etag": '"old"', "annotations": {"a": "1"}}
    with pytest.raises(Conflict):
        run.update("data", stale, ["annotations"])
    again = body()
    again["template"] = {**again["template"], "timeout": "5s"}
    answer = ask(google, "PATCH", f"/v2/{PARENT}/services/data", again, updateMask="template")
    assert "with different configuration already exists" in answer.json()["error"]["message"]
    refused = ask(google, "DELETE", f"/v2/{PARENT}/services/data/revisions/data-r1")
    assert (refused.status_code, refused.json()["error"]["status"]) == (400, "FAILED_PRECONDITION")


def wait_for(google: Cloud, operation: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not ask(google, "GET", f"/v2/{operation}").json()["done"]:
        assert time.monotonic() < deadline, operation
        time.sleep(0.1)


def test_a_person_is_asked_for_what_is_missing(google: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAKED_STATE_HOME", str(tmp_path / "state"))
    google.identity.revoked = True  # so that it ends before anything is baked
    make_database(tmp_path / "data.db", 1)
    ours, theirs = pty.openpty()
    words = [*PROGRAM, "cloudrun", "data.db", "--project", "clouds-test"]
    with subprocess.Popen(words, cwd=tmp_path, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as asking:
        os.close(theirs)
        seen = b""
        os.write(ours, b"europe-west1\n")
        while b"not accepted any more" not in seen:
            try:
                seen += os.read(ours, 4096)
            except OSError:  # it has ended, and with it its side of the terminal
                break
        assert asking.wait(LIMIT) == 5
    os.close(ours)
    assert b"region, such as europe-west1: " in seen
    assert b"not accepted any more" in seen
