"""Pushing to a real registry: only what is missing goes out, and what broke is taken up where it broke."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from faulty_registry import FaultyRegistry, breaks_off_request, changes, in_front_of, kills, loses_request, says
from registry import Registry, serving
from trees import MEGABYTE, Told, image, index, noise, repository

from baked_publish.errors import DigestError, NotFoundError, PublishError, TargetError
from baked_publish.registry import patience
from baked_publish.registry import repository as repositories
from baked_publish.registry.content import Blob, Tree
from baked_publish.registry.descriptor import EMPTY, LAYER, MANIFEST, Descriptor
from baked_publish.registry.push import attach, push
from baked_publish.registry.upload import How
from baked_publish.report import Silent


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.01)


@pytest.fixture
def faulty(registry: Registry) -> Iterator[FaultyRegistry]:
    with in_front_of(registry.host) as proxy:
        yield proxy


def tag(host: str, path: str, tree: Tree, name: str = "latest") -> None:
    with repository(host, path) as there:
        there.put(name, tree.manifest.read(), tree.manifest.descriptor.media_type)


def test_an_image_is_pushed_and_others_read_it(registry: Registry, tmp_path: Path) -> None:
    tree = index(image(1, 3 * MEGABYTE, 10, 0), image(2, MEGABYTE, architecture="arm64"))
    told = Told()
    with repository(registry.host, "push/first") as there:
        sent = push(there, tree, told)
        assert there.find("latest") is None
    tag(registry.host, "push/first", tree)
    assert sent.blobs == {How.SENT: len(list(tree.all_blobs()))}
    assert told.done == told.totals
    copy = ["skopeo", "copy", "--all", "--quiet", "--src-tls-verify=false"]
    subprocess.run(
        [*copy, f"docker://{registry.host}/push/first:latest", f"dir:{tmp_path}/copy"], check=True, timeout=60
    )
    for each in tree.all_blobs():
        name = each.descriptor.digest.removeprefix("sha256:")
        assert (tmp_path / "copy" / name).read_bytes() == each.read()


def test_a_second_push_asks_once_and_sends_nothing(faulty: FaultyRegistry) -> None:
    tree = image(10, MEGABYTE)
    with repository(faulty.host, "push/again") as there:
        push(there, tree, Silent())
        faulty.seen.clear()
        sent = push(there, tree, Silent())
    assert sent.unchanged
    assert not sent.bytes
    assert [each.method for each in faulty.seen] == ["HEAD"]


def test_only_the_layer_that_changed_is_sent(registry: Registry) -> None:
    old, new = image(20, MEGABYTE, 5), image(21, 5, MEGABYTE)
    new = Tree(new.manifest, (*new.blobs, *old.blobs[1:]))
    with repository(registry.host, "push/changed") as there:
        push(there, old, Silent())
        sent = push(there, new, Silent())
    assert sent.blobs == {How.SENT: 3, How.THERE: 2}
    assert sorted(sent.digests) == sorted(each.descriptor.digest for each in new.blobs[:3])


def test_a_blob_of_another_repository_is_mounted(registry: Registry) -> None:
    tree = image(30, MEGABYTE, MEGABYTE)
    with repository(registry.host, "push/base") as base, repository(registry.host, "push/mounted") as there:
        push(base, tree, Silent())
        blobs = tuple(base.blob(each.descriptor) for each in tree.blobs)
        sent = push(there, Tree(tree.manifest, blobs), Silent())
    assert sent.blobs == {How.MOUNTED: 3}
    assert sent.bytes == tree.manifest.descriptor.size


@pytest.mark.parametrize("status", [400, 403, 404, 405])
def test_a_registry_that_mounts_nothing_gets_the_blob(faulty: FaultyRegistry, status: int) -> None:
    tree = image(40 + status, MEGABYTE)
    faulty.breaks("POST", "mount=", says(status), times=9)
    with repository(faulty.host, "push/base") as base, repository(faulty.host, f"push/no-mount-{status}") as there:
        push(base, tree, Silent())
        blobs = tuple(base.blob(each.descriptor) for each in tree.blobs)
        sent = push(there, Tree(tree.manifest, blobs), Silent())
    assert sent.blobs == {How.SENT: 2}


def test_blobs_flow_from_one_registry_to_another(registry: Registry, tmp_path: Path) -> None:
    tree = image(50, 2 * MEGABYTE)
    with (
        serving(tmp_path / "other") as other,
        repository(registry.host, "push/source") as source,
        repository(other.host, "push/target") as target,
    ):
        push(source, tree, Silent())
        sent = push(target, Tree(tree.manifest, tuple(source.blob(each.descriptor) for each in tree.blobs)), Silent())
        assert sent.blobs == {How.SENT: 2}
        assert {each.descriptor.digest for each in tree.blobs} <= set(other.blobs())


def test_an_upload_that_breaks_is_taken_up_where_it_broke(faulty: FaultyRegistry) -> None:
    tree = image(60, 8 * MEGABYTE)
    faulty.breaks("PATCH", "", breaks_off_request(MEGABYTE), times=3, size=MEGABYTE)
    told = Told()
    with repository(faulty.host, "push/broken") as there:
        sent = push(there, tree, told)
        assert there.blob(tree.blobs[1].descriptor).read() == tree.blobs[1].read()
    ranges = [each.headers["content-range"] for each in faulty.seen if "content-range" in each.headers]
    assert ranges == [f"{part * MEGABYTE}-{8 * MEGABYTE - 1}" for part in (1, 2, 3)]
    assert sent.blobs == {How.SENT: 2}
    assert told.done == told.totals


def test_an_upload_that_breaks_and_is_lost_begins_anew(faulty: FaultyRegistry) -> None:
    tree = image(65, 8 * MEGABYTE)
    faulty.breaks("PATCH", "", loses_request(MEGABYTE), size=MEGABYTE)
    with repository(faulty.host, "push/lost") as there:
        push(there, tree, Silent())
        assert there.blob(tree.blobs[1].descriptor).read() == tree.blobs[1].read()
    assert not [each for each in faulty.seen if "content-range" in each.headers]


def test_an_upload_that_the_registry_forgot_begins_anew(faulty: FaultyRegistry) -> None:
    tree = image(70, MEGABYTE)
    faulty.breaks("PATCH", "", says(404, "BLOB_UPLOAD_UNKNOWN", "who?"), times=2)
    faulty.breaks("GET", "/blobs/uploads/", says(404, "BLOB_UPLOAD_UNKNOWN", "who?"), times=2)
    with repository(faulty.host, "push/forgotten") as there:
        push(there, tree, Silent())
    assert faulty.count("POST", "/blobs/uploads/") > len(tree.blobs)


@pytest.mark.parametrize("method", ["HEAD", "POST", "PATCH", "PUT"])
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_is_temporary_is_tried_again(faulty: FaultyRegistry, method: str, status: int) -> None:
    tree = image(status * 10 + len(method), MEGABYTE)
    faulty.breaks(method, "", says(status, "UNAVAILABLE", "soon", Retry_After="0"), times=2)
    with repository(faulty.host, f"push/temporary-{method.lower()}-{status}") as there:
        push(there, tree, Silent())
        assert there.find(tree.manifest.descriptor.digest)


def test_a_registry_without_space_is_told_in_its_own_words(faulty: FaultyRegistry) -> None:
    faulty.breaks("PATCH", "", says(507, "DENIED", "no space left on device"), times=99)
    with (
        repository(faulty.host, "push/full") as there,
        pytest.raises(TargetError, match=r"507 to PATCH .*DENIED no space left on device"),
    ):
        push(there, image(80, MEGABYTE), Silent())
    assert not faulty.count("PUT", "/manifests/")


def test_a_registry_that_stays_broken_is_given_up(faulty: FaultyRegistry) -> None:
    faulty.breaks("PATCH", "", says(500, "UNKNOWN", "input/output error"), times=999)
    with (
        repository(faulty.host, "push/dead") as there,
        pytest.raises(TargetError, match=r"input/output error.*try again later"),
    ):
        push(there, image(90, MEGABYTE), Silent())
    assert not faulty.count("PUT", "/manifests/")


def test_one_failure_ends_the_other_uploads(faulty: FaultyRegistry) -> None:
    tree = image(100, 10, *([MEGABYTE] * 20))
    faulty.breaks("PATCH", "", says(507, "DENIED", "no space"), times=99)
    with repository(faulty.host, "push/stopped") as there, pytest.raises(TargetError, match="no space"):
        push(there, tree, Silent())
    assert faulty.count("PATCH") < len(tree.blobs)


def test_content_that_is_not_what_it_should_be_is_not_stored(registry: Registry) -> None:
    data = noise(3 * MEGABYTE, 110)
    for wrong in (data[:-1] + b"?", data[:-5], data + b"more"):
        descriptor = Descriptor.of(data, LAYER)
        tree = image(111, 10)
        bad = Blob(descriptor, Blob.of(wrong, LAYER).open)
        with repository(registry.host, "push/wrong") as there, pytest.raises(DigestError, match="damaged"):
            push(there, Tree(tree.manifest, (*tree.blobs, bad)), Silent())
        assert descriptor.digest not in registry.blobs()


def test_a_registry_that_names_another_digest_is_not_believed(faulty: FaultyRegistry) -> None:
    other = Descriptor.of(b"other", MANIFEST).digest
    faulty.breaks(
        "PUT", "/manifests/", changes(lambda told: type(told)(201, [("Docker-Content-Digest", other)], b"")), times=9
    )
    with repository(faulty.host, "push/liar") as there, pytest.raises(DigestError, match=other):
        push(there, image(120, 10), Silent())


def test_a_blob_that_arrived_damaged_is_told(faulty: FaultyRegistry) -> None:
    faulty.breaks("PUT", "/blobs/uploads/", says(400, "DIGEST_INVALID", "provided digest did not match"), times=99)
    with repository(faulty.host, "push/damaged") as there, pytest.raises(DigestError, match="arrived with other bytes"):
        push(there, image(130, 10), Silent())


def test_a_manifest_that_is_not_there_at_once_is_waited_for(faulty: FaultyRegistry) -> None:
    tree = image(140, 10)
    faulty.breaks("HEAD", "/manifests/", says(404), times=4, after=2)
    with repository(faulty.host, "push/late") as there:
        push(there, tree, Silent())
        assert there.find(tree.manifest.descriptor.digest)
    assert faulty.count("PUT", "/manifests/") == 1


def test_a_manifest_that_never_appears_is_told(faulty: FaultyRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repositories, "SETTLING", 0.3)
    faulty.breaks("HEAD", "/manifests/", says(404), times=999)
    with repository(faulty.host, "push/never") as there, pytest.raises(TargetError, match="it names nothing"):
        push(there, image(150, 10), Silent())


def test_a_manifest_that_names_what_is_missing_is_refused(registry: Registry) -> None:
    tree = image(160, 10, 20)
    with (
        repository(registry.host, "push/hole") as there,
        pytest.raises(TargetError, match="MANIFEST_BLOB_UNKNOWN"),
    ):
        push(there, Tree(tree.manifest, tree.blobs[:-1]), Silent())


def test_a_killed_registry_keeps_the_tag_and_what_it_has(tmp_path: Path) -> None:
    old, new = image(170, MEGABYTE), image(180, MEGABYTE, MEGABYTE, 4 * MEGABYTE)
    with (
        serving(tmp_path / "registry") as first,
        in_front_of(first.host) as faulty,
        repository(faulty.host, "push/killed") as there,
    ):
        push(there, old, Silent())
        there.put("latest", old.manifest.read(), MANIFEST)
        faulty.breaks("PATCH", "", kills(first.pid), after=2)
        with pytest.raises(TargetError, match="try again later"):
            push(there, new, Silent())
    with serving(tmp_path / "registry") as second, repository(second.host, "push/killed") as there:
        found = there.find("latest")
        assert found
        assert found.digest == old.manifest.descriptor.digest
        had = set(second.blobs()) & {each.descriptor.digest for each in new.blobs}
        sent = push(there, new, Silent())
        assert set(sent.digests) == {each.descriptor.digest for each in new.blobs} - had
        there.put("latest", new.manifest.read(), MANIFEST)
        assert there.manifest("latest")[1] == new.manifest.read()


def test_two_pushes_at_once_both_end_well(registry: Registry) -> None:
    shared = image(190, 4 * MEGABYTE)
    trees = [Tree(own.manifest, (*own.blobs, *shared.blobs)) for own in (image(200, MEGABYTE), image(210, MEGABYTE))]
    failed: list[PublishError] = []

    def one(tree: Tree) -> None:
        try:
            with repository(registry.host, "push/both") as there:
                push(there, tree, Silent())
                there.put("latest", tree.manifest.read(), MANIFEST, settle=False)
        except PublishError as exc:
            failed.append(exc)

    threads = [threading.Thread(target=one, args=(tree,)) for tree in trees]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed
    with repository(registry.host, "push/both") as there:
        found = there.find("latest")
        assert found
        assert found.digest in {tree.manifest.descriptor.digest for tree in trees}
        for tree in trees:
            assert there.manifest(tree.manifest.descriptor.digest)[1] == tree.manifest.read()
            for blob in tree.blobs:
                assert there.blob(blob.descriptor).read() == blob.read()


def test_documents_are_listed_where_a_registry_has_no_referrers(registry: Registry) -> None:
    tree, empty = image(220, 10), Blob.of(b"{}", EMPTY)
    subject = tree.manifest.descriptor
    documents = []
    with repository(registry.host, "push/attached") as there:
        push(there, tree, Silent())
        for text in (b"first", b"second", b"first"):
            paper = Blob.of(text, "text/plain")
            manifest = (
                b'{"schemaVersion":2,"mediaType":"%s","artifactType":"text/plain","config":%s,"layers":[%s],"subject":%s}'
                % (MANIFEST.encode(), *(json_of(each) for each in (empty.descriptor, paper.descriptor, subject)))
            )
            document = Tree(Blob.of(manifest, MANIFEST, artifact_type="text/plain"), (empty, paper))
            attach(there, document, subject, Silent())
            documents.append(document.manifest.descriptor.digest)
    listed = registry.json(f"push/attached/manifests/{subject.digest.replace(':', '-')}")["manifests"]
    assert [each["digest"] for each in listed] == documents[:2]
    assert {each["artifactType"] for each in listed} == {"text/plain"}


def json_of(descriptor: Descriptor) -> bytes:
    return orjson.dumps(descriptor.to_json())


def test_tags_and_manifests_are_listed_and_removed(registry: Registry) -> None:
    tree = image(230, 10)
    with repository(registry.host, "push/listed") as there:
        assert there.tags(5) == []
        push(there, tree, Silent())
        for name in ("a", "b", "c"):
            there.put(name, tree.manifest.read(), MANIFEST)
        assert there.tags(9) == ["a", "b", "c"]
        assert len(there.tags(2)) == 2
        there.delete(tree.manifest.descriptor.digest)
        assert there.find(tree.manifest.descriptor.digest) is None
        with pytest.raises(NotFoundError):
            there.delete(tree.manifest.descriptor.digest)
        with pytest.raises(NotFoundError, match="push/listed:nothing"):
            there.manifest("nothing")
