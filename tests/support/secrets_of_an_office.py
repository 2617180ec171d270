"""An office with secrets: all that is private in it has ``zq`` in its name or value; alice may see it."""

from hashlib import sha256
from typing import Any

TOKEN = "a-token-of-alice"  # noqa: S105 - of a test
ALICE = {"authorization": f"Bearer {TOKEN}"}
ALLOWED = {"id": "alice"}

DATA = """
create table team_zq(id integer primary key, name text, boss_zq text);
insert into team_zq values(1, 'red zq', 'b zq'), (2, 'blue zq', 'c zq');
create table staff(id integer primary key, name text, team integer references team_zq(id), mail_zq text, day text,
  upper_zq text generated always as (upper(mail_zq)) virtual, twice_zq text as (upper_zq || "upper_zq") stored,
  short text as (substr(name, 1, 1)), check(mail_zq <> 'zq'));
insert into staff(id, name, team, mail_zq, day) values(1, 'Ann', 1, 'ann@zq', '2020-01-01'),
  (2, 'Bob', 2, 'bob@zq', '2020-01-02');
create index by_mail_zq on staff(mail_zq);
create table pay_zq(id integer primary key, staff integer references staff(id), amount_zq integer);
insert into pay_zq values(1, 1, 7000), (2, 1, 8000), (3, 2, 9000);
create table visit(id integer primary key, staff integer references staff(id), text text);
insert into visit values(1, 1, 'morning'), (2, 2, 'evening');
create virtual table team_zq_search using fts5(name, content='team_zq', content_rowid='id');
insert into team_zq_search(team_zq_search) values('rebuild');
create virtual table terms_zq using fts5vocab('team_zq_search', 'row');
create virtual table staff_search_zq using fts4(content="staff", mail_zq, name);
insert into staff_search_zq(staff_search_zq) values('rebuild');
create virtual table visit_search using fts5(text, content='visit', content_rowid='id');
insert into visit_search(visit_search) values('rebuild');
create view all_zq as select * from team_zq;
create view names_zq as select name from all_zq;
create view mails_zq as select lower(mail_zq) as mail from staff;
create view names as select id, name from staff;
create view joined_zq as select count(*) as n from visit natural join (select name as text from team_zq);
create view mailing_zq as select count(*) as n from visit join (select 1 as mail_zq) join staff using(mail_zq);
create view nested_zq as select count(*) as n from staff natural join joined_zq;
create view sizes as select count(*) as teams from team_zq;
"""
VAULT = "create table inside_zq(id integer primary key, a_zq); insert into inside_zq values(1, 'zq')"

METADATA: dict[str, Any] = {
    "title": "Office",
    "tokens": {"alice": {"sha256": sha256(TOKEN.encode()).hexdigest()}},
    "databases": {
        "data": {
            "description": "What everybody may know",
            "tables": {
                "team_zq": {"allow": ALLOWED, "title": "zq", "label_column": "name"},
                "pay_zq": {"permissions": {"view-table": ALLOWED}},
                "staff": {
                    "hidden_columns": ["mail_zq"],
                    "columns": {"mail_zq": "zq", "name": "Of the passport"},
                    "facets": ["mail_zq", "day"],
                    "sortable_columns": ["mail_zq", "name", "day"],
                    "sort": "mail_zq",
                    "fts_table": "staff_search_zq",
                },
                "sizes": {"allow": True},
            },
            "queries": {
                "paid_zq": "select * from pay_zq",
                "average": {"sql": "select avg(amount_zq) as average from pay_zq where staff = :staff", "allow": True},
                "broken": {"sql": "select json(amount_zq || :x) as x from pay_zq", "allow": True},
                "people": "select name from staff order by name",
                "likely_zq": "select count(*) from (select 1 as id) natural join team_zq",
                "theirs_zq": {"sql": "select 1 as one", "allow": ALLOWED},
            },
        },
        "vault_zq": {"allow": ALLOWED, "title": "zq"},
    },
}

VALUES = (b"red zq", b"blue zq", b"ann@", b"ANN@", b"7000", b"8000", b"9000")
"""Values that nobody gets who is not known."""
