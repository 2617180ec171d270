"""The statements of an answer are shown where the publisher allows it, and nowhere else."""

from collections.abc import Callable

from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

DATA = "create table t(a integer primary key); insert into t values(1), (2)"


def test_a_trace(serve: Serve) -> None:
    client = serve(data=DATA, settings={"trace_debug": True})
    trace = client.get("/data/t.json?a__gt=1&_extra=count&_trace=1").json()["_trace"]
    assert trace["num_traces"] == 2
    assert trace["traces"][0]["sql"].startswith('select "a" from "t" where')
    assert (trace["traces"][0]["database"], trace["traces"][0]["params"]) == ("data", [1])
    assert 0 < trace["traces"][0]["duration_ms"] <= trace["sum_trace_duration_ms"] <= trace["request_duration_ms"]
    assert "_trace" not in client.get("/data/t.json").json()
    assert client.get("/data/-/query.json?sql=select+1&_trace=1").json()["_trace"]["num_traces"] == 1
    assert client.get("/data/t/1.json?_trace=1").json()["_trace"]["num_traces"] == 1


def test_it_is_off_unless_set(serve: Serve) -> None:
    assert "_trace" not in serve(data=DATA).get("/data/t.json?_trace=1").json()
