"""``publish image``: what it writes is taken by the tools of the field, run without an engine, and always the same."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from line import LIMIT, SOMEBODY, make_database, program, result
from runtime import need, running

from baked_publish.images.config import BUNDLE_DIGEST
from baked_publish.images.templates import engine
from baked_publish.images.wheels import SHIPPED, Requirements
from baked_publish.registry.descriptor import Platform

ROOT = Path(__file__).parents[2]
BOTH = ("--platform", "linux/amd64", "--platform", "linux/arm64")


@pytest.fixture
def words(tmp_path: Path, base_layout: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the beginning of a command; what it leaves behind, it leaves in the test's own folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAKED_CACHE_HOME", str(tmp_path / "cache"))
    make_database(tmp_path / "data.db", 1)
    return ["image", "data.db", "--base-image", f"oci:{base_layout}:3.11"]


def content(layout: Path) -> dict[str, bytes]:
    """Return every file of a layout by its path."""
    return {str(each.relative_to(layout)): each.read_bytes() for each in layout.rglob("*") if each.is_file()}


def manifest(layout: Path) -> Any:
    """Return the manifest or index that a layout's first entry names."""
    entry = json.loads((layout / "index.json").read_bytes())["manifests"][0]
    return json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())


def test_a_runtime_without_an_engine_runs_the_layout_locked_down(words: list[str], tmp_path: Path) -> None:
    done = result(*words, "-o", "out/")
    with running(tmp_path / "out", "latest", tmp_path, {"BAKED_VERIFY_TOKEN": "t"}) as url:
        seen = httpx.get(f"{url}/-/verify", headers={"Authorization": "Bearer t"}, timeout=LIMIT).json()
        assert seen["databases"]["data"]["tables"] == {"state": 1, "items": 500}
        assert httpx.get(f"{url}/-/baked.json").json()["digest"] == done["bundle"]
        assert "500 rows" in httpx.get(f"{url}/data/items").text


def test_a_container_compiles_nothing(words: list[str], tmp_path: Path) -> None:
    """Python says of each module and template where its code comes from: a source, if it had to be compiled."""
    result(*words, "-o", "out/")
    with running(tmp_path / "out", "latest", tmp_path, {"PYTHONVERBOSE": "1"}) as url:
        for page in ("", "/data/items", "/data/items.csv?_stream=1", "/data/-/query?sql=select+1", "/-/openapi.json"):
            assert httpx.get(f"{url}{page}", timeout=LIMIT).status_code == 200
    log = (tmp_path / "runtime.log").read_text()
    loaded = set(re.findall(r"# code object from '?(/[^'\n]+)'?$", log, re.MULTILINE))
    of_debian = {"/usr/lib/python3/dist-packages/_distutils_hack/__init__.py", "/usr/lib/python3.11/sitecustomize.py"}
    assert {each for each in loaded if each.endswith(".py")} <= of_debian
    assert sum(each.startswith("/usr/lib/python3.11/") for each in loaded) > 100
    assert sum(each.startswith("/opt/baked/") for each in loaded) > 100
    ships = engine(Requirements(SHIPPED.read_text("utf-8"), Platform("linux", "amd64"), "3.11"))
    assert (sum("/templates/compiled/" in each for each in loaded) > 4) is bool(ships)


@pytest.mark.parametrize(("file", "name"), [("My Data (2).db", "my-data-2"), ("Ü.db", "data"), ("a_b.c.db", "a-b-c")])
def test_any_file_name_makes_a_name_that_engines_take(words: list[str], tmp_path: Path, file: str, name: str) -> None:
    (tmp_path / "data.db").rename(tmp_path / file)
    done = result(words[0], file, *words[2:], "-o", "out.tar")
    assert done["name"] == f"{name}:latest"


def test_an_image_without_its_data_is_small(words: list[str]) -> None:
    layers = result(*words, "-o", "data.tar")["platforms"]["linux/amd64"]["layers"]
    ours = sum(each["size"] for each in layers if not each["base"] and not each["about"].startswith("database "))
    assert ours < 12_000_000


def test_skopeo_takes_the_layout_whole_both_platforms(words: list[str], tmp_path: Path) -> None:
    need("skopeo")
    done = result(*words, *BOTH, "-o", "out/")
    assert set(done["platforms"]) == {"linux/amd64", "linux/arm64"}
    copy = ["skopeo", "copy", "--all", "oci:out:latest", "oci:copy:latest"]
    subprocess.run(copy, cwd=tmp_path, check=True, timeout=LIMIT, capture_output=True)
    assert manifest(tmp_path / "copy") == manifest(tmp_path / "out")


def test_skopeo_takes_the_file_as_either_kind_of_archive(words: list[str], tmp_path: Path) -> None:
    need("skopeo")
    done = program(*words, "-o", "data.tar")
    assert (done.returncode, done.stdout) == (0, "data.tar\n"), done.stderr
    for kind in ("docker-archive:data.tar", "oci-archive:data.tar"):
        seen = subprocess.run(
            ["skopeo", "inspect", "--config", kind], cwd=tmp_path, check=True, timeout=LIMIT, capture_output=True
        )
        assert json.loads(seen.stdout)["config"]["User"] == "65532:65532"
        subprocess.run(
            ["skopeo", "copy", kind, f"oci:{kind[:3]}:x"], cwd=tmp_path, check=True, timeout=LIMIT, capture_output=True
        )


def test_the_configuration_says_who_runs_what_and_where_it_comes_from(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text(
        'title: "Names: \\"all\\""\nlicense: CC0-1.0\nsource_url: https://example.org/x\n'
    )
    done = result(*words, "-m", "metadata.yaml", "--label", "team", "data desk", "-o", "out/")
    described = manifest(tmp_path / "out")
    config = json.loads((tmp_path / "out/blobs" / described["config"]["digest"].replace(":", "/")).read_bytes())
    run = config["config"]
    assert (run["User"], run["StopSignal"], run["Entrypoint"]) == (
        "65532:65532",
        "SIGTERM",
        ["python3", "-m", "baked_core"],
    )
    assert run["Healthcheck"]["Test"][0] == "CMD"
    labels = run["Labels"]
    assert labels["org.opencontainers.image.title"] == 'Names: "all"'
    assert labels["org.opencontainers.image.licenses"] == "CC0-1.0"
    assert labels["org.opencontainers.image.source"] == "https://example.org/x"
    assert labels["org.opencontainers.image.revision"] == labels[BUNDLE_DIGEST] == done["bundle"]
    assert labels["team"] == "data desk"
    assert labels.items() <= described["annotations"].items()
    assert described["annotations"]["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert len(config["rootfs"]["diff_ids"]) == len(described["layers"])
    assert str(tmp_path) not in json.dumps([config, described])


def test_an_sbom_is_attached(words: list[str], tmp_path: Path) -> None:
    result(*words, "-o", "out/")
    image, document = json.loads((tmp_path / "out/index.json").read_bytes())["manifests"]
    attached = json.loads((tmp_path / "out/blobs" / document["digest"].replace(":", "/")).read_bytes())
    assert attached["subject"]["digest"] == image["digest"]
    (layer,) = attached["layers"]
    bill = json.loads((tmp_path / "out/blobs" / layer["digest"].replace(":", "/")).read_bytes())
    names = {each["name"] for each in bill["components"]}
    assert {"apsw", "starlette", "baked-data", "data"} <= names


SURROUNDINGS: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "with an empty cache": ({"BAKED_CACHE_HOME": "elsewhere"}, ()),
    "with a full cache": ({}, ()),
    "another time zone": ({"TZ": "Pacific/Kiritimati", "BAKED_CACHE_HOME": "elsewhere"}, ()),
    "another locale": ({"LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7", "BAKED_CACHE_HOME": "elsewhere"}, ()),
    "another umask": ({"BAKED_CACHE_HOME": "elsewhere"}, ("sh", "-c", 'umask 077; exec "$0" "$@"')),
    "another user": ({"BAKED_CACHE_HOME": "elsewhere", "HOME": "/nonexistent"}, SOMEBODY),
}


@pytest.mark.parametrize("what", SURROUNDINGS)
def test_the_same_input_gives_the_same_bytes(words: list[str], tmp_path: Path, what: str) -> None:
    result(*words, *BOTH, "-o", "here/")
    env, prefix = SURROUNDINGS[what]
    again([*prefix, sys.executable], words, env)
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_the_same_bytes_under_another_patch_release_of_python(words: list[str], tmp_path: Path) -> None:
    """Run with another interpreter of this minor over the same installed packages."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [Path(f"/usr/bin/python{minor}"), *Path("~/.pyenv/versions").expanduser().glob(f"{minor}.*/bin/python")]
    others = [str(each) for each in found if each.exists() and version(each) != sys.version]
    if not others:
        pytest.skip(f"there is one Python {minor} here")
    result(*words, *BOTH, "-o", "here/")
    ours = os.pathsep.join(each for each in sys.path if each.startswith(str(ROOT)))
    again([others[0]], words, {"BAKED_CACHE_HOME": "elsewhere", "PYTHONPATH": ours})
    assert content(tmp_path / "there") == content(tmp_path / "here")


def version(python: Path) -> str:
    """Return the whole version of an interpreter."""
    code = "import sys; sys.stdout.write(sys.version)"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=LIMIT, check=True).stdout


def again(python: list[str], words: list[str], env: dict[str, str]) -> None:
    """Build the image once more, elsewhere."""
    command = [*python, "-m", "baked_publish", *words, *BOTH, "-o", "there/"]
    done = subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_one_changed_row_changes_the_data_and_the_manifest_layer_alone(words: list[str], tmp_path: Path) -> None:
    make_database(tmp_path / "other.db", 7)
    first = result(*words, "other.db", "--name", "both", "-o", "one/")
    make_database(tmp_path / "data.db", 2)
    second = result(*words, "other.db", "--name", "both", "-o", "two/")
    before, after = (
        {layer["about"]: layer["digest"] for layer in done["platforms"]["linux/amd64"]["layers"]}
        for done in (first, second)
    )
    changed = {about for about in after if before.get(about) != after[about]}
    assert len(changed) == 2
    assert any("data" in about for about in changed)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("-o", "data.db"), "'data.db' is there already and is not an image file"),
        (("-o", "full/"), "'full' is not empty"),
        (("-o", "x.tar", "--platform", "amd64"), "'amd64' is not a platform"),
        (("-o", "x.tar", "--name", "Ä"), "'Ä' cannot name an image"),
        ((), "say one of"),
        (("-o", "x.tar", "--eject", "y"), "say one of"),
    ],
)
def test_bad_words_are_refused_before_any_work(
    words: list[str], tmp_path: Path, more: tuple[str, ...], what: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = program(*words, *more)
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.tar").exists()
    assert not (tmp_path / "cache").exists()
