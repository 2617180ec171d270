"""The login at Fly: where it is looked for, in which order, and how it is told to the API."""

# ruff: noqa: S105, S106 - none of these is a secret

from pathlib import Path

import pytest

from baked_publish.errors import PreflightError
from baked_publish.redaction import hidden
from baked_publish.vendors.fly_login import Login


def login(tmp_path: Path, **environment: str) -> Login:
    found = Login.find(environment, tmp_path)
    assert found is not None
    return found


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yml").write_text(text)
    return folder


def test_the_access_token_counts_before_the_api_token(tmp_path: Path) -> None:
    found = login(tmp_path, FLY_ACCESS_TOKEN="fo1_a", FLY_API_TOKEN="fo1_b")
    assert (found.token, found.source) == ("fo1_a", "FLY_ACCESS_TOKEN")


def test_the_environment_counts_before_the_file(tmp_path: Path) -> None:
    write(tmp_path / ".fly", "access_token: fo1_file\n")
    assert login(tmp_path, FLY_API_TOKEN="fo1_b").token == "fo1_b"
    assert login(tmp_path).token == "fo1_file"


def test_the_folder_of_the_file_can_be_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "elsewhere", "access_token: fo1_file\n")
    found = login(tmp_path, FLY_CONFIG_DIR=str(folder))
    assert found.source == str(folder / "config.yml")


@pytest.mark.parametrize("text", ["", "wire_guard_state: {}\n", "access_token:\n", "- a list\n"])
def test_a_file_without_a_token_is_no_login(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".fly", text)
    assert Login.find({}, tmp_path) is None


def test_nothing_anywhere_is_no_login(tmp_path: Path) -> None:
    assert Login.find({"FLY_API_TOKEN": " "}, tmp_path) is None


def test_a_file_that_is_no_yaml_is_told_with_what_to_do(tmp_path: Path) -> None:
    write(tmp_path / ".fly", "access_token: [secret\n")
    with pytest.raises(PreflightError, match="fly auth login") as caught:
        Login.find({}, tmp_path)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "header"),
    [
        ("fm2_one", "FlyV1 fm2_one"),
        ("FlyV1 fm2_one,fm2_two", "FlyV1 fm2_one,fm2_two"),
        ("fm1r_one,fm1a_two", "FlyV1 fm1r_one,fm1a_two"),
        ("Bearer personal", "Bearer personal"),
        ("personal", "Bearer personal"),
        ("fm2_one,fo1_oauth", "FlyV1 fm2_one"),
    ],
)
def test_macaroons_have_a_scheme_of_their_own(tmp_path: Path, said: str, header: str) -> None:
    assert login(tmp_path, FLY_API_TOKEN=said).header == header


def test_no_token_shows(tmp_path: Path) -> None:
    found = login(tmp_path, FLY_API_TOKEN="fm2_one,fm2_two")
    assert "fm2" not in repr(found)
    assert hidden("it was fm2_two, not fm2_one") == "it was [secret], not [secret]"
