"""The audience: a bake tells what is not for everybody, and what went with it."""

from pathlib import Path
from typing import Any

import apsw
import pytest
from baking import baked_of
from line import program
from secrets_of_an_office import DATA, METADATA, VAULT

from baked_publish import verify
from baked_publish.audience import unseen


def lines(folder: Path, metadata: dict[str, Any], **databases: Any) -> list[str]:
    baked = baked_of(folder, metadata=metadata, settings={}, **databases)
    return list(unseen(baked.manifest, baked.paths))


def test_it_names_what_was_closed_and_what_follows(tmp_path: Path) -> None:
    told = lines(tmp_path, METADATA, data=DATA, vault_zq=VAULT)
    follow = "staff_search_zq, team_zq_search, terms_zq, all_zq, joined_zq, mailing_zq, mails_zq, names_zq, nested_zq"
    chosen, queries = "pay_zq, team_zq, staff.mail_zq, query theirs_zq", "query likely_zq, query paid_zq"
    assert told == [
        f"data: not for everybody: {chosen}; with them {follow}, {queries}; the file",
        "vault_zq: not for everybody: all of it",
    ]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({}, []),
        ({"tokens": {"alice": {"sha256": "0" * 64}}}, []),
        ({"allow_sql": False}, ["d: not for everybody: SQL"]),
        ({"permissions": {"view-database-download": False}}, ["d: not for everybody: the file"]),
        ({"allow": {"id": "x"}}, ["d: not for everybody: all of it"]),
        ({"databases": {"d": {"tables": {"t": {"allow": {"unauthenticated": True}}}}}}, []),
    ],
)
def test_it_says_no_more_than_is_so(tmp_path: Path, metadata: dict[str, Any], told: list[str]) -> None:
    assert lines(tmp_path, metadata, d="create table t(a)") == told


def test_a_bake_tells_it(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "d.db")).execute("create table t(a); create view v as select a from t")
    (tmp_path / "m.yaml").write_text("databases: {d: {tables: {t: {allow: false}}}}")
    done = program("bake", tmp_path / "d.db", "-m", tmp_path / "m.yaml", "-o", tmp_path / "out")
    assert done.returncode == 0
    assert "d: not for everybody: t; with them v; the file" in " ".join(done.stderr.split())


def test_a_permission_that_protects_nothing_stops_a_bake(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / "d.db")).execute("create table people(a)")
    (tmp_path / "m.yaml").write_text("databases: {d: {tables: {peeple: {allow: false}}}}")
    done = program("bake", tmp_path / "d.db", "-m", tmp_path / "m.yaml", "-o", tmp_path / "out")
    assert done.returncode != 0
    assert "d.peeple that is not there, did you mean 'people'?" in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_deployment_is_verified_by_pages_that_everybody_may_see(tmp_path: Path) -> None:
    manifest = baked_of(tmp_path / "some", metadata=METADATA, data=DATA, vault_zq=VAULT).manifest
    assert list(verify._pages(manifest)) == ["/-/healthz", "/", "/data", "/data/staff.json?_size=1"]
    closed = baked_of(tmp_path / "none", metadata={"allow": {"id": "x"}}, data="create table t(a)").manifest
    assert list(verify._pages(closed)) == ["/-/healthz"]
