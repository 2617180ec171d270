"""A handle on a database works wherever a server may stand."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from baked_core import handle

ALONE = """
import sys
import apsw
from baked_core import limits
from baked_core.connection import Connection
from baked_core.errors import OutOfMemory
from baked_core.handle import can_spill
from baked_core.source import Source
connection = Connection(Source("data", sys.argv[1], True), guarded=False)
rows = connection.fetch("select a from t order by a", (), seconds=60, max_rows=1).rows
print(can_spill(), len(rows))
print(apsw.hard_heap_limit(-1) == limits.share(limits.SORTED))
apsw.hard_heap_limit(4_000_000)
try:
    Connection(Source("data", sys.argv[1], True), guarded=False).fetch("select a from t order by a", (), seconds=60)
except OutOfMemory as exc:
    print("bounded")
"""
SEALED = """
for folder in /tmp /var/tmp; do mount --rbind $folder $folder; mount -o remount,bind,ro $folder; done
cd /tmp
exec "$@"
"""


def test_a_page_is_sorted_where_nothing_can_be_written(tmp_path: Path) -> None:
    """In a container that is read-only SQLite could not open a file for what did not fit into its cache."""
    database = tmp_path / "data.db"
    with closing(apsw.Connection(str(database))) as connection:
        numbers = "with recursive n(n) as (select 1 union all select n + 1 from n limit 200000)"
        connection.execute(f"create table t(a); {numbers} insert into t select hex(randomblob(20)) from n")
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", SEALED, "sh"]
    surroundings = {name: value for name, value in os.environ.items() if name not in {"TMPDIR", "SQLITE_TMPDIR"}}
    done = subprocess.run(
        [*words, sys.executable, "-c", ALONE, str(database)],
        env={**surroundings, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["False", "1", "True", "bounded"], done.stderr


def test_a_folder_that_the_surroundings_name_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "_SPILL", (str(tmp_path / "nothing"),))
    for name, folder, found in (("TMPDIR", tmp_path / "nothing", False), ("SQLITE_TMPDIR", tmp_path, True)):
        monkeypatch.setenv(name, str(folder))
        handle.can_spill.cache_clear()
        assert handle.can_spill() == found
    monkeypatch.undo()
    handle.can_spill.cache_clear()
