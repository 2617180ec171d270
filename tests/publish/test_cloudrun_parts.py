"""Cloud Run's nouns: options, ledger, traffic, template, estimate and edits, told from JSON alone."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from google.cloud import run_v2

from baked_publish.cloudrun import edits
from baked_publish.cloudrun.changes import changed, recorded
from baked_publish.cloudrun.estimate import estimate
from baked_publish.cloudrun.ledger import LEDGER, Ledger
from baked_publish.cloudrun.options import CloudRunOptions, bytes_of, require_name
from baked_publish.cloudrun.roster import OPTIONS, Revision, Roster
from baked_publish.cloudrun.template import about, template
from baked_publish.cloudrun.traffic import Share, Traffic, links, settled
from baked_publish.cloudrun.visit import Visitor
from baked_publish.engine.container import TOKEN as TOKEN_NAME
from baked_publish.errors import TargetError, UsageError
from baked_publish.prices import CLOUD_RUN_FIRST_TIER
from baked_publish.vendors.google_login import Login

IMAGE = "europe-west1-docker.pkg.dev/p/baked-data/data@sha256:" + "a" * 64
PATH = "projects/p/locations/europe-west1/services/data"
TOKEN = "token"  # noqa: S105 - of this test
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
GIVEN = CloudRunOptions(project="p", region="europe-west1")


def revision(name: str, release: str = "r1", **more: Any) -> dict[str, Any]:
    body = dict(template(GIVEN, name, IMAGE, about(release, "b", "a" * 64, recorded(GIVEN)), {TOKEN_NAME: TOKEN}))
    del body["revision"]
    return {**body, "name": f"{PATH}/revisions/{name}", "createTime": "2026-11-25T00:00:00Z", **more}


def roster(traffic: Traffic, ledger: Ledger, *names: str) -> Roster:
    said = traffic.to_json()
    statuses = [{**each, "uri": f"https://{each['tag']}"} if "tag" in each else each for each in said]
    service = {
        "name": PATH,
        "annotations": ledger.annotation(),
        "traffic": said,
        "trafficStatuses": statuses,
        "uri": "https://data",
        "latestCreatedRevision": f"{PATH}/revisions/{names[-1]}",
    }
    return Roster.of("data", service, [revision(each) for each in names])


LIVE = Traffic((Share("data-r000001", 100, "r000001"), Share("data-r000002", 0, "r000002")))
ONE = Ledger().promote("data-r000001", "2026-11-25T00:00:01+00:00", "")


# Options


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cpu": "3"}, "there are 1, 2, 4, 8"),
        ({"cpu": "4"}, "--cpu 4 needs --memory 2Gi or more, not '512Mi'"),
        ({"memory": "64Mi"}, "128Mi to 32Gi"),
        ({"memory": "33Gi"}, "128Mi to 32Gi"),
        ({"concurrency": 1001}, "1 to 1000"),
        ({"timeout": 3601}, "1 to 3600 seconds"),
        ({"max_instances": 0}, "--max-instances 0"),
        ({"min_instances": 2}, "--min-instances 2: 0 to --max-instances, 1"),
        ({"vpc_subnet": "s"}, "needs --vpc-network"),
    ],
)
def test_what_the_platform_would_refuse_is_refused_before_the_bake(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(GIVEN, **wrong).require()


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UsageError, match=r"--cpu '3'.*; --concurrency 0"):
        replace(GIVEN, cpu="3", concurrency=0).require()


@pytest.mark.parametrize("size", ["512", "512MB", "Mi", "-1Mi", ""])
def test_no_size(size: str) -> None:
    with pytest.raises(UsageError, match="is no size: write for example 512Mi"):
        bytes_of(size)


@pytest.mark.parametrize("name", ["Data", "1data", "data-", "a" * 40, "", "da_ta"])
def test_no_name_of_a_service(name: str) -> None:
    with pytest.raises(UsageError, match="choose one with --service"):
        require_name(name)


def test_the_longest_name_has_room_for_a_tag() -> None:
    name = "a" * 39
    require_name(name)
    assert len(name) + len(edits.new_tag(Roster(name, None))) == 46


def test_a_tag_is_later_than_every_one_before_it_whatever_the_clock_says() -> None:
    seen = roster(LIVE, ONE, "data-rzzzzzy", "data-00002-abc")
    assert edits.new_tag(seen) == "rzzzzzz"


# The ledger


def test_a_ledger_is_read_as_it_was_written() -> None:
    ledger = ONE.keep("data-r000002").promote("data-r000003", "later", "data-r000001")
    service = {"name": PATH, "annotations": ledger.annotation()}
    assert Ledger.read(service) == ledger
    assert ledger.entry("data-r000003").previous == "data-r000001"
    assert Ledger.read({"name": PATH}) is None


def test_a_revision_that_is_promoted_again_keeps_the_one_before() -> None:
    ledger = ONE.promote("data-r000002", "later", "data-r000001")
    assert ledger.promote("data-r000002", "still later", "data-r000002").entry("data-r000002").previous == (
        "data-r000001"
    )


@pytest.mark.parametrize("said", ["{", "[]", '{"format":1}', '{"format":1,"made":true,"revisions":{"a":{"b":1}}}'])
def test_a_damaged_ledger_is_told_by_name(said: str) -> None:
    with pytest.raises(TargetError, match="is damaged"):
        Ledger.read({"name": PATH, "annotations": {LEDGER: said}})


def test_a_newer_ledger_is_left_alone() -> None:
    with pytest.raises(TargetError, match="a newer baked-data wrote it"):
        Ledger.read({"name": PATH, "annotations": {LEDGER: '{"format":2}'}})


def test_a_ledger_of_a_thousand_revisions_fits_an_annotation() -> None:
    ledger = Ledger()
    for number in range(1000):
        ledger = ledger.promote(f"{'a' * 39}-r{number:06}", "2026-11-25T16:22:05.029649+00:00", f"{'a' * 39}-r000000")
    assert len(ledger.annotation()[LEDGER]) < 256 << 10


# Traffic


def test_what_is_called_the_latest_is_read_by_its_name() -> None:
    service = {"latestReadyRevision": f"{PATH}/revisions/data-1", "traffic": [{"type": LATEST, "percent": 100}]}
    assert Traffic.read(service) == Traffic((Share("data-1", 100),))
    assert Traffic.read({"latestReadyRevision": f"{PATH}/revisions/data-1"}) == Traffic((Share("data-1", 100),))


def test_where_none_was_ever_ready_the_latest_is_the_one_made_last() -> None:
    service = {"latestCreatedRevision": f"{PATH}/revisions/data-1", "traffic": [{"type": LATEST, "percent": 100}]}
    assert Traffic.read(service) == Traffic((Share("data-1", 100),))


def test_a_url_that_somebody_else_gave_stays_as_long_as_its_revision() -> None:
    kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    said = [
        {"type": kind, "revision": "data-1", "percent": 100, "tag": "prod"},
        {"type": kind, "revision": "data-1", "tag": "r000001"},
        {"type": LATEST, "tag": "newest"},
    ]
    seen = Traffic.read({"latestReadyRevision": f"{PATH}/revisions/data-1", "traffic": said})
    assert seen.shares == (Share("data-1", 100, "r000001"),)
    after = seen.all_to("data-2").to_json()
    assert {"type": kind, "revision": "data-1", "tag": "prod"} in after
    assert {"type": LATEST, "tag": "newest"} in after
    assert [each.get("tag") for each in seen.without("data-1", to="data-2").to_json()] == [None, "newest"]


def test_all_visitors_go_to_one_and_the_urls_of_others_stay() -> None:
    after = LIVE.all_to("data-r000002")
    assert set(after.shares) == {Share("data-r000001", 0, "r000001"), Share("data-r000002", 100, "r000002")}
    assert sum(each.percent for each in after.shares) == 100


def test_a_canary_gets_its_share_and_gives_it_back() -> None:
    split = LIVE.split("data-r000001", "data-r000002", 10)
    assert (split.share("data-r000001").percent, split.share("data-r000002").percent) == (90, 10)
    more = split.split("data-r000001", "data-r000002", 50)
    assert (more.share("data-r000001").percent, more.share("data-r000002").percent) == (50, 50)
    assert more.without("data-r000002", to="data-r000001").shares == (Share("data-r000001", 100, "r000001"),)


def test_a_service_is_settled_once_it_does_what_it_was_told() -> None:
    service = {"trafficStatuses": LIVE.to_json()}
    assert settled(service, LIVE)
    assert not settled({**service, "reconciling": True}, LIVE)
    assert not settled(service, LIVE.all_to("data-r000002"))
    assert not settled({}, LIVE)


def test_a_url_belongs_to_the_revision_of_its_tag() -> None:
    said = [{"revision": "data-1", "tag": "r000001", "uri": "https://r1"}, {"revision": "data-2", "percent": 100}]
    assert links({"trafficStatuses": said}) == {"data-1": "https://r1"}


# Templates


def test_a_template_is_what_the_vendors_type_knows_and_costs_nothing_when_idle() -> None:
    body = template(GIVEN, "data-r000001", IMAGE, about("r", "b", "a", "{}"), {TOKEN_NAME: TOKEN})
    made = run_v2.Service.from_json(json.dumps({"template": body})).template  # refuses what it does not know
    container = made.containers[0]
    assert container.image == IMAGE
    assert container.resources.cpu_idle
    assert container.resources.startup_cpu_boost
    assert made.scaling.min_instance_count == 0
    assert made.scaling.max_instance_count == 1
    assert container.startup_probe.http_get.path == "/-/healthz"
    assert container.startup_probe.timeout_seconds < container.startup_probe.period_seconds
    assert container.startup_probe.period_seconds * container.startup_probe.failure_threshold <= 240


def test_every_option_reaches_the_template() -> None:
    given = replace(
        GIVEN,
        memory="4Gi",
        cpu="4",
        concurrency=10,
        min_instances=1,
        max_instances=3,
        timeout=30,
        execution_environment="gen2",
        service_account="app@p.iam.gserviceaccount.com",
        vpc_network="net",
        vpc_subnet="sub",
        secret=(("KEY", "key:7"),),
    )
    made = run_v2.Service.from_json(
        json.dumps({"template": template(given, "data-1", IMAGE, {}, {TOKEN_NAME: TOKEN})})
    ).template
    assert made.containers[0].resources.limits == {"cpu": "4", "memory": "4Gi"}
    assert made.max_instance_request_concurrency == 10
    assert (made.scaling.min_instance_count, made.scaling.max_instance_count) == (1, 3)
    assert made.timeout.total_seconds() == 30
    assert made.execution_environment == run_v2.ExecutionEnvironment.EXECUTION_ENVIRONMENT_GEN2
    assert made.service_account == "app@p.iam.gserviceaccount.com"
    assert made.vpc_access.network_interfaces[0].subnetwork == "sub"
    proxies, _token, secret = made.containers[0].env
    assert (proxies.name, proxies.value) == ("BAKED_TRUSTED_PROXIES", "1")
    reference = secret.value_source.secret_key_ref
    assert (secret.name, reference.secret, reference.version) == ("KEY", "key", "7")


def test_a_plan_names_the_options_that_differ() -> None:
    live = roster(LIVE, ONE, "data-r000001", "data-r000002").live
    assert live is not None
    assert not list(changed(live, GIVEN))
    wanted = replace(GIVEN, memory="1Gi", vpc_network="net", secret=(("KEY", "key:7"),), tags=3)
    assert [(each.what, each.before, each.after) for each in changed(live, wanted)] == [
        ("memory", "512Mi", "1Gi"),
        ("secret", "none", "KEY key:7"),
        ("vpc-network", "none", "net"),
    ]


@pytest.mark.parametrize("said", ["", "[]", "{", "null"])
def test_a_revision_that_does_not_say_its_options_differs_in_none(said: str) -> None:
    live = Revision.of(revision("data-r000001", annotations={OPTIONS: said}))
    assert not list(changed(live, replace(GIVEN, memory="1Gi")))


# Edits and the roster


def test_what_has_a_url_and_was_never_live_waits() -> None:
    seen = roster(LIVE, ONE, "data-r000001", "data-r000002", "data-r000003")
    assert seen.live is not None
    assert seen.live.name == "data-r000001"
    assert [each.name for each in seen.waiting] == ["data-r000002"]
    assert [each.name for each in seen.inert] == ["data-r000003"]
    assert seen.candidate(seen.waiting[0]).url == "https://r000002"
    assert seen.candidate(seen.waiting[0]).token == TOKEN


def test_a_first_candidate_is_not_live_though_the_platform_gives_it_all_visitors() -> None:
    seen = roster(Traffic((Share("data-r000001", 100, "r000001"),)), Ledger(), "data-r000001")
    assert seen.live is None
    assert [(each.name, seen.candidate(each).percent) for each in seen.waiting] == [("data-r000001", 0)]


def test_a_revision_of_somebody_else_is_no_deployment() -> None:
    theirs = {**revision("data-00001-abc"), "annotations": {}}
    service = {"name": PATH, "traffic": [{"type": LATEST, "percent": 100}]}
    seen = Roster.of("data", service, [theirs])
    assert (seen.live, seen.past, seen.waiting, seen.ledger) == (None, (), (), None)


def test_a_promotion_moves_visitors_and_ledger_in_one_edit() -> None:
    edit = edits.promoted(roster(LIVE, ONE, "data-r000001", "data-r000002"), "data-r000002", 20, public=True)
    assert edit.traffic.share("data-r000002").percent == 100
    assert edit.traffic.share("data-r000001").tag == "r000001"
    assert edit.ledger.entry("data-r000002").previous == "data-r000001"
    assert edit.public is True


def test_what_is_promoted_last_is_the_last_though_a_clock_was_ahead() -> None:
    ahead = Ledger().promote("data-r000001", "2999-01-01T00:00:00+00:00", "")
    edit = edits.promoted(roster(LIVE, ahead, "data-r000001", "data-r000002"), "data-r000002", 20, public=None)
    assert edit.ledger.entry("data-r000002").promoted == "2999-01-01T00:00:00.001000+00:00"


def test_a_promotion_takes_the_url_of_what_a_killed_run_left_and_of_no_preview() -> None:
    traffic = LIVE.tagged("data-r000003", "r000003").tagged("data-r000004", "r000004")
    names = [f"data-r00000{number}" for number in range(1, 5)]
    edit = edits.promoted(roster(traffic, ONE.keep("data-r000004"), *names), "data-r000002", 20, public=None)
    assert {each.revision for each in edit.traffic.shares} == {"data-r000001", "data-r000002", "data-r000004"}


def test_only_so_many_old_deployments_keep_a_url() -> None:
    edit = edits.promoted(roster(LIVE, ONE, "data-r000001", "data-r000002"), "data-r000002", 0, public=None)
    assert edit.traffic.shares == (Share("data-r000002", 100, "r000002"),)


def test_a_canary_needs_something_live_beside_it() -> None:
    seen = roster(Traffic((Share("data-r000001", 100, "r000001"),)), Ledger(), "data-r000001")
    with pytest.raises(TargetError, match="a canary needs what it is beside"):
        edits.shared(seen, "data-r000001", 10)


# Visits


def test_a_verification_that_takes_longer_than_a_request_may_is_told_with_what_to_do() -> None:
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(504, text="upstream"))) as http:
        visitor = Visitor(http, Login("nobody", None))
        with pytest.raises(TargetError, match="answered 504: upstream; requests get no more time than --timeout says"):
            visitor.get("https://r1", "https://data", "/-/verify", {})


def test_only_a_verification_may_take_as_long_as_it_takes() -> None:
    asked: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        asked[request.url.path] = request.extensions["timeout"]["read"]
        return httpx.Response(200)

    with httpx.Client(transport=httpx.MockTransport(answer), timeout=1800) as http:
        visitor = Visitor(http, Login("nobody", None))
        visitor.get("https://r1", "https://data", "/-/verify?_only=query", {})
        visitor.wait("https://r1", "https://data", 1.0)
    assert asked == {"/-/verify": 1800, "/-/healthz": 30}


# Prices


def test_nothing_is_paid_for_while_idle() -> None:
    idle, _, stored = estimate(GIVEN, "europe-west1", 100_000_000)
    assert (idle.kind, idle.after, stored.after) == ("cost", "$0.00", "$0.00")


def test_a_warm_instance_and_a_large_image_are_paid_for() -> None:
    idle, answering, stored = estimate(replace(GIVEN, min_instances=1, memory="1Gi"), "europe-west1", 1_500_000_000)
    assert idle.after == "$12.96"  # 2,592,000 seconds at 2 * 0.0000025
    assert answering.after == "$1.73"
    assert stored.after == "$0.10"


def test_the_second_tier_is_dearer() -> None:
    assert "europe-west3" not in CLOUD_RUN_FIRST_TIER
    assert estimate(GIVEN, "europe-west3", 0)[1].after == "$2.17"
