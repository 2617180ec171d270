"""SQL of somebody who may not see everything: every way to a private table or a hidden column is closed."""

from collections.abc import Iterator
from typing import Any

import pytest
from baking import baked_of
from secrets_of_an_office import ALICE, DATA, METADATA, VALUES, VAULT
from starlette.testclient import TestClient

from baked_core.app import create_app
from baked_core.strangers import choose

TABLES = """
select * from team_{}
select * from "team_{}"
select * from [team_{}] as public
select * from main.team_{}
select * from MAIN.TEAM_{}
select count(*) from team_{}
select count(*) from team_{} as x
select count(*) from (select * from team_{})
select count(*) from (team_{} as x)
select count(*) as n, 1 from team_{} as staff
select count(*) from staff, team_{} as x
select 1 from team_{}
select 1 from team_{} as x limit 1
select exists(select 1 from team_{})
select exists(select * from team_{} as visit)
select rowid from team_{}
select max(rowid) from team_{}
select (select name from team_{} limit 1)
select name from staff order by (select count(*) from team_{} as x)
select name from staff where team in (select id from team_{})
select name from staff where team in team_{}
select id from staff limit (select count(*) from pay_{})
select id from staff limit 1 offset (select count(*) from pay_{})
select likelihood((select count(*) from pay_{}), 0.5)
select 1 where exists (values(1) intersect select amount_zq from pay_{})
with x as not materialized (select * from pay_{}) select 1 from x where 0
select 1 from pay_{} where 0
select count(*) from staff cross join pay_{}
select name from staff union all values((select count(*) from pay_{}))
select case when (select 1 from team_{}) then 1 end
select * from staff join team_{} on team_{}.id = staff.team
select staff.name from staff left join team_{} using(id)
select staff.name from staff natural join team_{}
select name from staff union select name from team_{}
select name from staff except select name from team_{}
values((select name from team_{}))
with t as (select * from team_{}) select * from t
with staff as (select * from team_{}) select * from staff
with sizes as (select boss_{} from team_{}) select * from sizes
with recursive t(n) as (select name from team_{} union all select n from t limit 3) select * from t
with t as materialized (select * from team_{}) select count(*) from t
select json_group_array(name) from team_{}
select name, row_number() over (order by name) from team_{}
select sum(amount_{}) filter (where 1) from pay_{}
select * from all_{}
select count(*) from all_{} as x
select * from names_{}
select * from mails_{}
select * from team_{}_search where team_{}_search match 'red'
select count(*) from team_{}_search('red')
select * from team_{}_search('red')
select rank from team_{}_search where team_{}_search match 'red'
select highlight(team_{}_search, 0, '<', '>') from team_{}_search('red')
select * from team_{}_search_data
select count(*) from team_{}_search_docsize
select * from team_{}_search_idx
select * from team_{}_search_config
select * from terms_{}
select * from staff_search_{}
select * from staff_search_{}_content
select * from staff_search_{}_segments
select * from staff_search_{}_segdir
select * from pragma_table_info('team_{}')
select * from pragma_table_xinfo('team_{}')
select * from pragma_index_list('team_{}')
select * from pragma_index_xinfo('by_mail_{}')
select * from pragma_index_info('by_mail_{}')
select * from pragma_foreign_key_list('pay_{}')
pragma table_info(team_{})
pragma main.table_xinfo("team_{}")
pragma index_info(by_mail_{})
explain select * from team_{}
explain query plan select * from team_{}
/* first */ explain query plan select * from all_{}
"""
"""Statements over tables that may not be read; the same with a name that nobody has must answer alike."""

COLUMNS = """
select mail_{} from staff
select "mail_{}" as x, id from staff
select staff.mail_{} from staff
select s.mail_{} from staff as s
select MAIL_{} from staff
select id from staff where mail_{} like 'a%'
select id from staff order by mail_{}
select count(*) from staff group by mail_{}
select id from staff group by id having max(mail_{}) > 'b'
select max(mail_{}) from staff
select count(mail_{}) from staff
select count(distinct mail_{}) from staff
select json_object('a', mail_{}) from staff
select upper_{} from staff
select twice_{} from staff
select id from staff where (id, mail_{}) in (values(1, 'ann@zq'))
select x.id from staff x join staff y using(mail_{})
with s as (select mail_{} as name from staff) select name from s
select (select mail_{} from staff limit 1)
select first_value(mail_{}) over (order by id) from staff
select id from staff where mail_{} is not null
select id from staff indexed by by_mail_{}
select id from staff where lower(mail_{}) = 'ann@zq'
select id from staff order by lower(mail_{})
select id from staff order by (select mail_{})
select iif(0, mail_{}, 1) from staff
select max(id, mail_{}) from staff
select coalesce(id, mail_{}) from staff
select nullif(1, mail_{}) from staff
select json_group_object(id, mail_{}) from staff
select printf('%s', (select mail_{} from staff))
select row_number() over (partition by mail_{}) from staff
select id, lag(id) over w from staff window w as (order by mail_{})
select * from json_each((select json_group_array(mail_{}) from staff))
select id from staff where mail_{} is name
select id from staff where mail_{} > 'a' or 1
select 1 from staff join visit v on (staff.mail_{}, 1) = (v.text, 1)
select (select v.text from visit v where v.text = s.mail_{}) from staff s
with recursive r(x) as (select mail_{} from staff union select x from r) select x from r
"""

OTHERS = """
select * from staff
select staff.* from staff
select * from (select * from staff)
with s(a, b, c, d, e, f, g, h) as (select * from staff) select d from s
select count(*) from staff x natural join staff y
select * from staff union all select * from staff
select * from sizes
select teams from sizes
select count(*) from sizes
select * from sqlite_master
select sql from sqlite_schema
select count(*) from sqlite_master
select count(*) from sqlite_schema as x
select * from main.sqlite_master
select name from "sqlite_master"
select * from sqlite_temp_master
select * from sqlite_sequence
select * from sqlite_stat1
select * from sqlite_stat4
select * from dbstat
select * from pragma_table_list
select * from pragma_database_list
select * from pragma_table_xinfo('staff')
select * from pragma_table_info('staff')
select * from pragma_index_list('staff')
select * from pragma_foreign_key_list('staff')
select * from pragma_foreign_key_list('visit') where 0 or "table" <> ''
select p.name from staff, pragma_table_info('staff') as p
pragma table_list
pragma table_xinfo(staff)
pragma foreign_key_list(staff)
pragma database_list
pragma foreign_key_check
pragma integrity_check
explain select id from staff
explain query plan select count(*) from staff
;; explain query plan select count(*) from staff
-- why
explain query plan select id from staff where name = 'x'
attach 'databases/vault_zq.db' as v
select * from vault_zq.inside_zq
"""

OPEN = """
select id, name from staff
select count(*) from staff
select s.name, v.text from staff s join visit v on v.staff = s.id
select * from visit
select * from names
select * from visit_search where visit_search match 'morning'
select highlight(visit_search, 0, '<', '>') from visit_search('evening')
with t as (select name from staff) select count(*) from t
select short, day from staff order by name
select (select count(*) from visit as x where x.staff = staff.id) as n from staff
select 'team_zq' as word
"""


def lines(text: str) -> list[str]:
    return [line.replace("-- why", "-- why\n") for line in text.strip().splitlines()]


@pytest.fixture(name="client", scope="module", params=["processes", "threads"])
def _client(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[TestClient]:
    """Serve with what runs the SQL of strangers: processes, or threads where there can be no processes."""
    baked = baked_of(tmp_path_factory.mktemp("served"), metadata=METADATA, data=DATA, vault_zq=VAULT)
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "threads":
            patch.setattr(choose, "possible", lambda: False)
        app = create_app(baked)
    with TestClient(app, follow_redirects=False) as client:
        assert client.get("/-/versions.json").json()["strangers_sql"]["mode"] == request.param
        yield client


def asked(client: TestClient, sql: str, **more: Any) -> Any:
    return client.get("/data/-/query.json", params={"sql": sql, **more})


def nothing_told(content: bytes) -> None:
    assert [value for value in VALUES if value in content] == []


@pytest.mark.parametrize("sql", lines(TABLES) + lines(COLUMNS))
def test_what_is_private_answers_as_what_is_not_there(client: TestClient, sql: str) -> None:
    private, absent = (asked(client, sql.replace("{}", name)) for name in ("zq", "jq"))
    assert private.status_code == absent.status_code == 400
    assert private.json() == absent.json()
    assert b"zq" not in private.content
    assert b"by_mail" not in private.content


@pytest.mark.parametrize("sql", lines(OTHERS))
def test_nothing_else_tells_of_it(client: TestClient, sql: str) -> None:
    answer = asked(client, sql)
    assert answer.status_code == 400, answer.text
    assert b"zq" not in answer.content
    for kind in ("", ".csv"):
        nothing_told(client.get(f"/data/-/query{kind}", params={"sql": sql}).content)


@pytest.mark.parametrize("sql", lines(OPEN))
def test_what_is_public_can_still_be_asked(client: TestClient, sql: str) -> None:
    answer = asked(client, sql)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"]


@pytest.mark.parametrize(
    "condition",
    [
        *("mail_{} like 'a%'", "id in (select id from team_{})", "exists(select 1 from pay_{} where staff = staff.id)"),
        *("(select count(*) from team_{} as x) > 1", "team in team_{}", "staff.upper_{} > ''", "id in all_{}"),
        *("(select name from pragma_table_info('team_{}')) > ''", "(select max(mail_{}) from staff) > 'a'"),
    ],
)
@pytest.mark.parametrize("kind", ["", ".json", ".csv", ".csv?_stream=on"])
def test_a_condition_reads_no_more(client: TestClient, condition: str, kind: str) -> None:
    kind, _, more = kind.partition("?")
    params = {"_where": condition, **dict(pair.split("=") for pair in [more] if pair)}
    answers = [
        client.get(f"/data/staff{kind}", params={**params, "_where": condition.replace("{}", name)})
        for name in ("zq", "jq")
    ]
    assert [each.status_code for each in answers] == [400, 400]
    assert answers[0].content.replace(b"zq", b"jq") == answers[1].content.replace(b"zq", b"jq")
    nothing_told(answers[0].content)


@pytest.mark.parametrize("extra", ["count", "facet_results&_facet=name", "suggested_facets", "count_sql"])
def test_a_condition_reads_no_more_in_counts_and_facets(client: TestClient, extra: str) -> None:
    answer = client.get(f"/data/visit.json?_extra={extra}&_where=(select+count(*)+from+team_zq+as+x)>1")
    assert answer.status_code == 400
    nothing_told(answer.content)


def test_parameters_tell_nothing_of_it(client: TestClient) -> None:
    found = [
        client.get("/data/-/query/parameters.json", params={"sql": f"select :a from team_{name}"}).json()
        for name in ("zq", "jq")
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "sql",
    ["select * from team_zq", "select count(*) from pay_zq as x", "select * from names_zq", "select * from sizes"],
)
def test_who_may_see_the_table_may_ask(client: TestClient, sql: str) -> None:
    answer = client.get("/data/-/query.json", params={"sql": sql}, headers=ALICE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"]


@pytest.mark.parametrize(
    "sql",
    [
        "select mail_zq from staff",
        "select * from mails_zq",
        "select * from staff_search_zq",
        "select upper_zq from staff",
    ],
)
def test_hidden_columns_are_hidden_from_all(client: TestClient, sql: str) -> None:
    answer = client.get("/data/-/query.json", params={"sql": sql}, headers=ALICE)
    assert answer.status_code == 400
    nothing_told(answer.content)


def test_readers_take_turns_and_get_their_own(client: TestClient) -> None:
    """A prepared statement of one reader must not serve another."""
    for _ in range(5):
        for headers, status in (({}, 400), (ALICE, 200)):
            for sql in ("select name from team_zq", "select count(*) from team_zq"):
                assert client.get("/data/-/query.json", params={"sql": sql}, headers=headers).status_code == status


def test_the_message_says_what_may_help(client: TestClient) -> None:
    assert "name the columns" in asked(client, "select * from staff").json()["error"]
