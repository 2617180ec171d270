"""The whole app over small databases: every page in every format."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

Serve = Callable[..., TestClient]

WORLD = """
create table country(code text primary key, name text, people integer, area real);
insert into country values('AT', 'Austria', 9000000, 83871.5);
insert into country values('CH', 'Switzerland', 8700000, 41285), ('LI', 'Liechtenstein', 39000, 160);
create table city(id integer primary key, name text, country text references country(code));
insert into city values(1, 'Vienna', 'AT'), (2, 'Graz', 'AT'), (3, 'Bern', 'CH'), (9223372036854775807, 'Vaduz', 'LI');
create table plain(a, b);
insert into plain values(x'00ff', 1e999), (null, 'text');
create view big as select name, people from country where people > 1000000;
"""


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/world",
        "/world/country",
        "/world/country?people__gt=50000&_sort_desc=people",
        "/world/city",
        "/world/plain",
        "/world/big",
        "/world/country/AT",
        "/world/plain/1",
        "/world/-/query",
        "/world/-/query?sql=select+1,+:x+as+x&x=5",
    ],
)
def test_every_page_renders_as_html(serve: Serve, path: str) -> None:
    response = serve(world=WORLD).get(path)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>" in response.text
    assert "<script" not in response.text
