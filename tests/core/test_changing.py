"""Files that somebody else writes to are read as they are, by runners that were there before."""

from contextlib import closing
from pathlib import Path

import apsw
import pytest
from strange import Asked, source_at, within


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_was_just_written_is_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "data.db"
    source = source_at(
        path, f"pragma journal_mode = {mode}; create table t(a); insert into t values(0)", immutable=False
    )

    async def work(asked: Asked) -> None:
        for number in range(1, 4):
            with closing(apsw.Connection(str(path))) as writer:
                writer.execute(f"pragma journal_mode = {mode}; insert into t values({number})").fetchall()
                found = await asked.answer("select max(a) from t", seconds=5)
                assert found.rows == [[number]]
            assert (await asked.answer("select max(a) from t", seconds=5)).rows == [[number]]

    within(source, work)
