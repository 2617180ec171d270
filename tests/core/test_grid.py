"""The body of an HTML table: what stands to the right, what leads to a row, what is escaped."""

import re
from collections.abc import Callable
from typing import Any

from starlette.testclient import TestClient

Serve = Callable[..., TestClient]


def table(client: TestClient, path: str) -> list[list[tuple[str, str]]]:
    """Return class and content of each cell of the table on a page."""
    body = client.get(path).text.partition("<tbody>")[2].partition("</tbody>")[0]
    rows: list[Any] = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [re.findall(r'<td class="([^"]*)">(.*?)</td>', row, re.DOTALL) for row in rows]


def test_numbers_stand_under_each_other_by_their_point(serve: Serve) -> None:
    client = serve(
        data="create table t(n, label); insert into t values (12.5, 'a'), (3, 'b'), (null, 'c'), (0.125, 'd')"
    )
    cells = [row[1] for row in table(client, "/data/t")]
    assert cells == [
        ("col-n num p2", "12.5"),
        ("col-n num w3", "3"),
        ("col-n num null", "null"),
        ("col-n num", "0.125"),
    ]


def test_numbers_with_many_digits_are_left_as_they_are(serve: Serve) -> None:
    client = serve(data="create table t(n real); insert into t values (0.1), (0.30000000000000004)")
    assert [row[1] for row in table(client, "/data/t")] == [
        ("col-n num", "0.1"),
        ("col-n num", "0.30000000000000004"),
    ]


def test_a_column_with_a_text_in_it_is_none_of_numbers(serve: Serve) -> None:
    client = serve(data="create table t(n integer); insert into t values (1), ('n/a'), (2.5)")
    assert [row[1][0] for row in table(client, "/data/t")] == ["col-n"] * 3


def test_the_key_leads_to_its_row(serve: Serve) -> None:
    client = serve(data="create table t(k text primary key, v); insert into t values ('a/b', 1), ('<i>', 2)")
    assert table(client, "/data/t")[0][0] == ("col-k", '<a href="/data/t/~3Ci~3E">&lt;i&gt;</a>')
    assert [len(row) for row in table(client, "/data/t")] == [2, 2]


def test_an_arrow_leads_to_rows_whose_key_cannot(serve: Serve) -> None:
    client = serve(
        data="""
        create table compound(a, b, primary key(a, b)); insert into compound values ('x', 'y"z');
        create table empty(k text primary key); insert into empty values (''), (null);
        create table parent(id integer primary key); insert into parent values (1);
        create table child(id integer primary key references parent(id)); insert into child values (1);
        create table bytes(k blob primary key); insert into bytes values (x'00');
        """
    )
    arrow = table(client, "/data/compound")[0][0]
    assert arrow == ("link", '<a href="/data/compound/x,y~22z" aria-label="Row x, y&quot;z">→</a>')
    assert [row[0] for row in table(client, "/data/empty")] == [
        ("link", ""),
        ("link", '<a href="/data/empty/~" aria-label="Row ">→</a>'),
    ]
    assert table(client, "/data/child")[0][0][0] == "link"
    assert table(client, "/data/bytes")[0][0][0] == "link"


def test_a_column_named_in_any_way_has_a_class_of_its_own(serve: Serve) -> None:
    client = serve(data='create table t("a b" text, "<x>" text); insert into t values (\'1\', null)')
    head = client.get("/data/t").text.partition("<thead>")[2].partition("</thead>")[0]
    classes = [name for name, _ in table(client, "/data/t")[0]][1:]
    assert len({each.split()[0] for each in classes}) == 2
    assert classes[1].endswith(" null")
    for each in classes:
        assert f'class="{each.split()[0]}"' in head


def test_answers_to_sql_are_tables_of_the_same_kind(serve: Serve) -> None:
    client = serve(data="create table t(a)")
    cells = table(client, "/data/-/query?sql=select+1.5+as+n,+'<b>'+as+t,+null+as+n")
    assert cells == [[("col-n num", "1.5"), ("col-t", "&lt;b&gt;"), ("col-n_2 null", "null")]]
