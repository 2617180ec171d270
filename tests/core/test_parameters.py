"""The names of parameters are those that SQLite finds."""

from contextlib import closing, suppress

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baked_core.parameters import parameters

PIECES = st.sampled_from(
    (
        *("select ", "1", ",", " ", "\n", "a", "a$b", "x9", ":a", "@b", "$c", "?", "?12", ":é", "#", "':a'", '":b"'),
        *("[:c]", "`:d`", "--:e\n", "/*:f*/", "'", "$x::y", "$x(1)", "::", "(", ")", "1:g", "+", ".5", "x'00'"),
    )
)


def by_sqlite(sql: str) -> tuple[str, ...] | None:
    """Return what SQLite says of ``sql``; None if it refuses it."""
    found: tuple[str, ...] | None = None

    def look(cursor: apsw.Cursor, _sql: str, _params: object) -> bool:
        nonlocal found
        found = tuple(dict.fromkeys(name for name in cursor.bindings_names if name))
        return False

    with closing(apsw.Connection(":memory:")) as connection:
        cursor = connection.cursor()
        cursor.exec_trace = look
        with suppress(apsw.Error, ValueError, KeyError, TypeError):
            cursor.execute(sql, dict.fromkeys(parameters(sql)))
    return found


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=8).map(lambda pieces: "select " + "".join(pieces)))
def test_they_are_those_that_sqlite_finds(sql: str) -> None:
    found = by_sqlite(sql)
    if found is not None:
        assert set(found) <= set(parameters(sql))


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("select :a, @b, $c, :a", ("a", "b", "c")),
        ("select ?5, ?", ("5",)),
        ("select ':a', \":b\", [:c], `:d` -- :e\n /* :f */, :g", ("g",)),
        ("select a$b, $x::y(z)", ("x::y(z)",)),
        ("", ()),
    ],
)
def test_names_in_quotes_and_comments_are_none(sql: str, names: tuple[str, ...]) -> None:
    assert parameters(sql) == names


def test_a_long_text_takes_no_time() -> None:
    assert parameters("'" * 100_001 + "[" * 100_000 + "/*" * 50_000) == ()
