"""The SBOM: valid by its own schema, complete, and the same bytes each time."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from line import LIMIT

from baked_core.manifest import Database, Manifest
from baked_publish.images.sbom import CYCLONEDX, attach, sbom
from baked_publish.images.wheels import Distribution
from baked_publish.registry.descriptor import MANIFEST, Descriptor

BASE = "sha256:" + "a" * 64


def database(name: str, digest: str = "c" * 64) -> Database:
    return Database(name, f"databases/{name}.db", 4096, 4096, digest, 10)


def document(*databases: Database, packages: tuple[Distribution, ...] = (Distribution("apsw", "3.54.1.0"),)) -> bytes:
    manifest = Manifest(f"baked-data {version('baked-data')}", {each.name: each for each in databases})
    return sbom(manifest, packages, "registry.example.org/python:3.14", BASE)


def test_it_is_valid_and_names_everything_in_the_image() -> None:
    said = document(database("airports"), database("we\"ird 'n' <name>", "d" * 64))
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(said.decode()) is None
    raw = json.loads(said)
    components = {each["name"]: each for each in raw["components"]}
    assert components["apsw"]["purl"] == "pkg:pypi/apsw@3.54.1.0"
    assert components["baked-data"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert components["airports"]["type"] == "data"
    assert components["registry.example.org/python:3.14"]["version"] == BASE
    assert len(components) == 5


def test_it_tells_no_time_and_is_the_same_whatever_the_hash_seed() -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from test_images_sbom import database, document\n"
        "sys.stdout.buffer.write(document(database('airports'), database('b')))\n"
    )
    said = {document(database("airports"), database("b"))}
    for seed in ("1", "2"):
        words = [sys.executable, "-W", "ignore", "-c", code, *sys.path]
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Tokyo", "PYTHONPATH": str(Path(__file__).parent)}
        said.add(subprocess.run(words, env=env, capture_output=True, timeout=LIMIT, check=True).stdout)
    assert len(said) == 1
    assert "timestamp" not in json.loads(said.pop())["metadata"]


def test_a_nights_new_data_needs_no_new_document() -> None:
    assert document(database("a", "c" * 64)) == document(database("a", "d" * 64))


def test_other_contents_have_another_serial_number() -> None:
    def serial(raw: bytes) -> Any:
        return json.loads(raw)["serialNumber"]

    assert serial(document(database("a"))) == serial(document(database("a")))
    assert serial(document(database("a"))) != serial(document(database("a"), packages=(Distribution("apsw", "1"),)))


def test_it_is_attached_by_its_subject() -> None:
    subject = Descriptor(MANIFEST, BASE, 7)
    tree = attach(subject, b"{}")
    raw = json.loads(tree.manifest.read())
    assert raw["subject"] == {"mediaType": MANIFEST, "digest": BASE, "size": 7}
    assert raw["artifactType"] == tree.manifest.descriptor.artifact_type == CYCLONEDX
    assert [each["digest"] for each in raw["layers"]] == [tree.blobs[1].descriptor.digest]
    assert tree.blobs[0].read() == b"{}"
