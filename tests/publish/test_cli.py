"""What a person types, and what the program answers, good case and bad."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from line import LIMIT, PROGRAM, make_database, program, result

from baked_publish import cli, commands, errors

HEAVY = {"docker", "google", "boto3", "uvicorn", "httpx", "sqlite_utils", "yaml", "rich", "baked_publish.targets.local"}


def test_help_lists_commands_targets_and_every_exit_code() -> None:
    done = program("--help")
    assert done.returncode == 0
    for word in ("serve", "bake", "status", "history", "rollback", "promote", "unpublish", "plugins", "local"):
        assert f"  {word} " in done.stdout
    listed = done.stdout.partition("Exit codes")[2]
    for kind in errors.PublishError.__subclasses__():
        assert f"  {kind.exit_code} " in listed


def test_exit_codes_are_distinct() -> None:
    codes = [code for code, _ in cli.exit_codes()]
    assert len(codes) == len(set(codes))


def test_help_imports_no_vendor_and_no_server() -> None:
    script = (
        "import sys\nfrom baked_publish.cli import make_program\n"
        "try:\n    make_program().main(['--help'], 'publish')\nexcept SystemExit:\n    pass\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("word", ["locl", "clourun"])
def test_an_unknown_target_is_told_with_the_nearest(word: str) -> None:
    done = program(word, "x.db")
    assert done.returncode == 2
    assert repr(word) in done.stderr
    assert "local" in done.stderr
    assert "Traceback" not in done.stderr


def test_bake_writes_a_folder_and_says_what_was_found(tmp_path: Path) -> None:
    done = program("bake", make_database(tmp_path / "data.db", 1), "-o", tmp_path / "baked")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'baked'}\n"
    assert "items: 500 rows" in done.stderr
    manifest = json.loads((tmp_path / "baked" / "manifest.json").read_bytes())
    assert manifest["format"] == 1
    assert (tmp_path / "baked" / "databases" / "data.db").stat().st_mode & 0o777 == 0o444


def test_bake_refuses_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine")
    done = program("bake", make_database(tmp_path / "data.db", 1), "-o", tmp_path)
    assert done.returncode == 2
    assert repr(str(tmp_path)) in done.stderr
    assert (tmp_path / "keep.txt").read_text() == "mine"


def test_json_is_one_object_of_a_versioned_shape(tmp_path: Path) -> None:
    value = result("bake", make_database(tmp_path / "data.db", 1), "-o", tmp_path / "baked")
    assert (value["format"], value["ok"], value["command"]) == (1, True, "bake")
    assert value["databases"]["data"]["tables"] == {"items": 500, "state": 1}


def test_json_tells_a_failure_as_well(tmp_path: Path) -> None:
    value = result("bake", tmp_path / "missing.db", "-o", tmp_path / "baked", code=3)
    assert value["ok"] is False
    assert value["error"]["kind"] == "SourceError"
    assert "missing.db" in value["error"]["message"]
    assert not (tmp_path / "baked").exists()


def test_json_tells_a_wrong_flag_as_well() -> None:
    assert result("bake", "--nonsense", code=2)["error"]["exit_code"] == 2


def test_progress_with_json_is_json_lines_on_standard_error(tmp_path: Path) -> None:
    done = program("bake", make_database(tmp_path / "data.db", 1), "-o", tmp_path / "baked", "--json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert {"step"} <= {event["event"] for event in events}


def test_quiet_says_nothing_but_the_result(tmp_path: Path) -> None:
    done = program("bake", make_database(tmp_path / "data.db", 1), "-o", tmp_path / "baked", "-q")
    assert done.stderr == ""
    assert done.stdout.strip() == str(tmp_path / "baked")


def test_unpublish_asks_nobody_without_a_terminal(tmp_path: Path) -> None:
    done = program("unpublish", "local", "nothing", env={"BAKED_STATE_HOME": str(tmp_path)})
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_several_files_want_a_name(tmp_path: Path) -> None:
    files = [make_database(tmp_path / f"{name}.db", 1) for name in ("a", "b")]
    done = program("local", *files, env={"BAKED_STATE_HOME": str(tmp_path / "state")})
    assert done.returncode == 2
    assert "--name" in done.stderr


def test_plugins_lists_targets_with_version_and_origin() -> None:
    listed = {each["target"]: each for each in result("plugins")["targets"]}
    assert listed["local"]["distribution"] == "baked-data"
    assert listed["local"]["origin"] == "baked_publish.targets.local:LocalPublisher"


def test_a_fault_of_ours_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something nobody thought of")

    monkeypatch.setattr(commands, "default_name", broken)
    with pytest.raises(SystemExit) as left:
        cli.main(["local", str(tmp_path / "data.db")])
    assert left.value.code == cli.BUG
    said = capsys.readouterr()
    assert "something nobody thought of" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_terminal_gets_colours_and_the_result_alone_on_standard_output(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    words = [*PROGRAM, "bake", str(make_database(tmp_path / "data.db", 1)), "-o", str(tmp_path / "baked")]
    surroundings = {**os.environ, "TERM": "xterm-256color"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=follower, env=surroundings, text=True) as child:
        os.close(follower)
        out, _ = child.communicate(timeout=LIMIT)
    said = os.read(leader, 1 << 16).decode()
    os.close(leader)
    assert out.strip() == str(tmp_path / "baked")
    assert "\x1b[" in said
    assert "500 rows" in said
