"""What strangers should not see is found, told by place and number only, and stops a publish until it is accepted."""

import json
import math
import os
import pty
import random
import re
import string
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import apsw
import pytest
from house import CHECKOUT
from hypothesis import given
from hypothesis import strategies as st
from line import LIMIT, PROGRAM, make_database, program, result
from stdnum import iban, luhn
from stdnum.fi import hetu
from stdnum.pl import pesel

from baked_publish.bake import BakeOptions, bake
from baked_publish.cachedir import cache_home
from baked_publish.config import Config
from baked_publish.exposure.chance import by_chance
from baked_publish.exposure.consent import judge
from baked_publish.exposure.contacts import international_numbers, mail_addresses
from baked_publish.exposure.credentials import secrets_in
from baked_publish.exposure.exposure import Exposure
from baked_publish.exposure.leftovers import leftovers
from baked_publish.exposure.look import look
from baked_publish.exposure.looked import _recall
from baked_publish.exposure.names import internal, kind_of_column
from baked_publish.exposure.numbers import NUMBERS, Number, Value, _checker, recognise
from baked_publish.report import Silent
from baked_publish.site import Site
from baked_publish.sources import Source

RANDOM = random.Random(7)  # noqa: S311 - the same values in every run
ROWS = 300


def chars(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(RANDOM.choice(alphabet) for _ in range(count))


def pesel_number() -> str:
    begin = f"{RANDOM.randint(50, 99)}{RANDOM.randint(1, 12):02}{RANDOM.randint(1, 28):02}{chars(4, string.digits)}"
    return begin + str(pesel.calc_check_digit(begin))


def with_luhn(begin: str) -> str:
    return begin + str(luhn.calc_check_digit(begin))


def card_number() -> str:
    return with_luhn("4" + chars(14, string.digits))


def hetu_number() -> str:
    born, number = (
        f"{RANDOM.randint(1, 28):02}{RANDOM.randint(1, 12):02}{RANDOM.randint(40, 99)}",
        chars(3, "123456789"),
    )
    return f"{born}-{number}{hetu._calc_checksum(born + number)}"


PLANTED: dict[str, Callable[[], str]] = {
    "contact": lambda: f"{chars(8)}@{chars(6, string.ascii_lowercase)}.org",
    "called": lambda: f"+49 30 {RANDOM.randint(2000000, 9999999)}",
    "homePhone": lambda: f"030 {RANDOM.randint(2000000, 9999999)}",
    "reached": lambda: f"(212) 555-{RANDOM.randint(100, 199):04}",
    "p": pesel_number,
    "f": hetu_number,
    "s": lambda: f"{RANDOM.randint(1, 665):03}-{RANDOM.randint(1, 99):02}-{RANDOM.randint(1, 9999):04}",
    "paid_with": card_number,
    "konto": lambda: iban.format("DE" + iban.calc_check_digits(f"DE00{(bban := chars(18, string.digits))}") + bban),
    "k": lambda: f"ghp_{chars(36)}",
    "password": lambda: chars(9),
}
KINDS = {
    "contact": "email",
    "called": "phone",
    "homePhone": "phone",
    "reached": "phone",
    "p": "national-id",
    "f": "national-id",
    "s": "national-id",
    "paid_with": "card",
    "konto": "account",
    "k": "secret",
    "password": "secret",
}
SECRETS = {
    "aws-access-key-id": f"AKIA{chars(16, string.ascii_uppercase + '234567')}",
    "github-pat": f"ghp_{chars(36)}",
    "slack-bot-token": f"xoxb-{chars(12, string.digits)}-{chars(12, string.digits)}-{chars(24)}",
    "stripe-access-token": f"sk_live_{chars(24)}",
    "gcp-api-key": f"AIza{chars(35)}",
    "private-key": "\n".join(
        ["-----BEGIN RSA PRIVATE KEY-----", *(chars(64) for _ in range(12)), "-----END RSA PRIVATE KEY-----"]
    ),
    "password-in-url": f"postgres://admin:{chars(12)}@db.example.org/prod",
    "password-hash": f"$2b$12${chars(53)}",
    "telegram-bot-token": f"{chars(10, '123456789')}:AA{chars(33)}",
    "azure-account-key": f"AccountName=x;AccountKey={chars(86)}==;EndpointSuffix=core.windows.net",
}  # fmt: skip


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Make a database with a column of each kind."""
    return make(tmp_path / "planted.db", "people", PLANTED)


def make(path: Path, table: str, columns: dict[str, Callable[[], str]], rows: int = ROWS) -> Path:
    with apsw.Connection(str(path)) as connection:
        connection.execute(f"create table {table}(id integer primary key, {', '.join(columns)})")
        places = ", ".join("?" * (len(columns) + 1))
        values = ([number, *(made() for made in columns.values())] for number in range(rows))
        connection.executemany(f"insert into {table} values ({places})", values)
    connection.close()
    return path


def looked_at(path: Path, *, every_row: bool = False) -> Sequence[Exposure]:
    with bake([Source(path.stem, path, path)], Site(), Config(), BakeOptions(), Silent()) as bundle:
        (database,) = bundle.manifest.databases.values()
        return look(database, path, Silent(), every_row=every_row).exposures


def test_each_kind_is_found_in_its_column_and_nowhere_else(planted: Path) -> None:
    found = {each.column: each.kind for each in looked_at(planted) if each.stops}
    assert found == KINDS


def test_real_data_without_secrets_stops_nothing(tmp_path: Path) -> None:
    """The airports: text in many scripts, codes, elevations, coordinates, time zones."""
    built = tmp_path / "airports.db"
    subprocess.run([sys.executable, CHECKOUT / "examples/airports/build.py", built], check=True, timeout=60)
    assert not looked_at(built, every_row=True)


def numbers_of_anything() -> Iterator[tuple[str, list[int | float | str]]]:
    """Yield columns that are no numbers of persons, though some of their values pass check digits."""
    yield "id", list(range(10_000_000_000, 10_000_000_000 + 1000))
    yield "unix", [1_700_000_000 + 61 * number for number in range(1000)]
    yield "milliseconds", [1_700_000_000_000 + 61_007 * number for number in range(1000)]
    yield "snowflake", [1_500_000_000_000_000_000 + RANDOM.getrandbits(40) for _ in range(1000)]
    yield "isbn", [f"978{chars(10, string.digits)}" for _ in range(1000)]
    yield "siren", [with_luhn(chars(8, string.digits)) for _ in range(1000)]
    yield "imei", [with_luhn("35" + chars(12, string.digits)) for _ in range(999)]
    yield "sixteen", [RANDOM.randint(4 * 10**15, 5 * 10**15) for _ in range(1000)]
    yield "hash", [chars(40, string.hexdigits.lower()) for _ in range(1000)]
    yield (
        "uuid",
        [
            f"{chars(8, '0123456789abcdef')}-{chars(4, '0123456789abcdef')}-4abc-9abc-{chars(12, '0123456789abcdef')}"
            for _ in range(999)
        ],
    )
    yield (
        "day",
        [f"{RANDOM.randint(1900, 2026)}-{RANDOM.randint(1, 12):02}-{RANDOM.randint(1, 28):02}" for _ in range(999)],
    )
    yield "yyyymmdd", [20_000_101 + number for number in range(1000)]
    yield "price", [number / 7 for number in range(1000)]
    yield "coordinates", [f"{RANDOM.uniform(-90, 90):.6f}, {RANDOM.uniform(-180, 180):.6f}" for _ in range(1000)]
    yield "picture", [f"images/{chars(6)}@2x.png" for _ in range(1000)]
    yield "link", [f"https://example.org/{chars(12)}?id={number}&page=2" for number in range(1000)]
    yield "handle", [f"@{chars(10)}" for _ in range(1000)]
    yield "zip_plus_4", [f"{RANDOM.randint(10000, 99999)}-{RANDOM.randint(1000, 9999)}" for _ in range(1000)]
    yield (
        "docket",
        [f"{RANDOM.randint(1, 99):03}-{RANDOM.randint(1, 9)}-{RANDOM.randint(1, 9999):04}" for _ in range(1000)],
    )
    yield "password_changed_at", ["2024-01-01T00:00:00"] * 1000


@pytest.mark.parametrize(
    ("name", "values"), list(numbers_of_anything()), ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_only_looks_alike_stops_nothing(tmp_path: Path, name: str, values: list[int | float | str]) -> None:
    path = tmp_path / "alike.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute(f"create table t(k integer primary key, {name})")
        connection.executemany("insert into t values (?, ?)", list(enumerate(values)))
    connection.close()
    assert not [each for each in looked_at(path) if each.stops]


@pytest.mark.parametrize("rule", SECRETS)
def test_secrets_are_found_within_text(rule: str) -> None:
    assert secrets_in(["nothing here", f"see {SECRETS[rule]} for it", "x" * 30]) == {rule: 1}


DIGITS_ONLY = [each for each in NUMBERS if each.module and not each.written and not re.search(r"[A-Z]|w", each.shape)]


RANDOM_DIGITS = [
    Value(digits, digits)
    for _ in range(60_000)
    for digits in [
        f"{RANDOM.choice(('', '', '', '756'))}{chars(RANDOM.choice((8, 9, 10, 10, 11, 12, 13, 16)), string.digits)}"
    ]
]


@pytest.mark.parametrize("number", DIGITS_ONLY, ids=lambda each: f"{each.module} {each.shape}")
def test_chance_is_not_larger_than_it_is_said_to_be(number: Number) -> None:
    """Of random digits in each shape about as many pass as its entry says; else chance alone could stop a publish."""
    values = list(islice(filter(number.shaped, RANDOM_DIGITS), 400))
    assert len(values) > 40, "this shape is too rare for the test"
    passed = sum(map(number.passes, values))
    assert by_chance(passed, len(values), number.chance) > 1e-6, f"{passed} of {len(values)} passed"


@pytest.mark.parametrize("number", NUMBERS, ids=lambda each: f"{each.about} {each.shape}")
def test_every_check_can_be_loaded(number: Number) -> None:
    assert number.passes(Value("no number", "no number")) is False
    assert not number.module or not _checker(number.module)("no number")


def test_a_check_digit_alone_is_no_proof_where_few_values_stand() -> None:
    values = [card_number() for _ in range(3)]
    assert not list(recognise("n", values))
    assert [each.number.kind for each in recognise("credit_card", values)] == ["card"]
    assert [each.number.kind for each in recognise("n", [card_number() for _ in range(40)])] == ["card"]


@given(st.integers(1, 400), st.floats(0.001, 0.5), st.data())
def test_the_bound_on_chance_is_a_bound(tried: int, probability: float, data: st.DataObject) -> None:
    passed = data.draw(st.integers(0, tried))
    exact = sum(
        math.comb(tried, k) * probability**k * (1 - probability) ** (tried - k) for k in range(passed, tried + 1)
    )
    assert by_chance(passed, tried, probability) >= exact * 0.999


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("write to a.b+c@example.org or D@EXAMPLE.co.uk.", 2),
        ("logo@2x.png and icon@3x.svg", 0),
        ("@handle, a@b, a@b.c, @ home @x.org", 0),
        ("x@example.org" * 1, 1),
        ("@" * 100_000, 0),
        (("a" * 64 + "@") * 20_000, 0),
        ("a." * 50_000 + "@" + "b." * 50_000, 0),
    ],
)
def test_addresses_in_text(text: str, count: int) -> None:
    assert len(list(mail_addresses(text))) == count


def test_numbers_in_text_are_those_that_are_given_out() -> None:
    text = "call +49 30 2345678 or +1 (212) 555-0123, not +999 1234567, +1.5 or 3+4 12345678"
    assert list(international_numbers(text)) == ["49302345678", "12125550123"]
    assert not list(international_numbers("+" * 100_000))


@pytest.mark.parametrize("name", ["password", "user_password", "API-Key", "accessToken", "passportNumber"])
def test_names_that_tell(name: str) -> None:
    assert kind_of_column(name)


@pytest.mark.parametrize(
    "name", ["password_changed_at", "token", "key", "secretary", "compassport", "passenger_number"]
)
def test_names_that_do_not(name: str) -> None:
    assert kind_of_column(name) is None


@pytest.mark.parametrize(
    "table", ["auth_user", "users", "django_session", "votes_backup", "api_keys", "tmp_load", "internal_notes"]
)
def test_tables_that_look_internal(table: str) -> None:
    assert internal(table)


@pytest.mark.parametrize(
    "table",
    [
        "airports",
        "votes",
        "user_agents",
        "members",
        "old_age_pensions_2020s",
        "templates",
        "sessions",
        "private_schools",
        "internal_migration",
        "nfl_draft",
        "daily_temp",
        "federal_audit",
    ],
)
def test_tables_that_do_not(table: str) -> None:
    assert internal(table) is None


# Leftovers


def with_deleted(path: Path, how: str) -> Path:
    with apsw.Connection(str(path)) as connection:
        connection.execute("pragma secure_delete = off; create table t(id integer primary key, who text)").fetchall()
        rows = [(number, f"the person of number {number} {chars(30)}") for number in range(2000)]
        connection.executemany("insert into t values (?, ?)", rows)
    with connection:  # a transaction of its own: a page that was never written holds nothing
        connection.execute(how).fetchall()
    connection.close()
    return path


@pytest.mark.parametrize("how", ["delete from t", "delete from t where id < 1000", "delete from t where id % 3 = 0"])
def test_deleted_rows_are_found(tmp_path: Path, how: str) -> None:
    (found,) = looked_at(with_deleted(tmp_path / "d.db", how))
    assert (found.kind, found.name) == ("deleted", "free-pages")


def test_a_vacuum_leaves_nothing(tmp_path: Path) -> None:
    path = with_deleted(tmp_path / "d.db", "delete from t where id % 3 = 0")
    with bake([Source("d", path, path)], Site(), Config(), BakeOptions(vacuum=True), Silent()) as bundle:
        assert not judge(bundle, (), Silent()).found


@pytest.mark.parametrize("how", ["select 1", "create index i on t(who)", "pragma secure_delete = on; delete from t"])
def test_where_nothing_was_deleted_nothing_is_found(tmp_path: Path, how: str) -> None:
    assert not looked_at(with_deleted(tmp_path / "d.db", how))


@pytest.mark.parametrize("seed", range(12))
def test_rows_that_moved_are_not_taken_for_deleted_ones(tmp_path: Path, seed: int) -> None:
    """Rows inserted in any order make pages split, which leaves copies of rows that are there."""
    path = tmp_path / "moved.db"
    numbers = list(range(4000))
    random.Random(seed).shuffle(numbers)  # noqa: S311
    with apsw.Connection(str(path)) as connection:
        connection.execute("create table t(id integer primary key, who text); create index i on t(who)")
        connection.executemany(
            "insert into t values (?, ?)", [(each, f"person {each} {chars(20)}") for each in numbers]
        )
    connection.close()
    assert not looked_at(path)


def test_a_damaged_free_list_ends(tmp_path: Path) -> None:
    """A trunk that leads to itself, and a count of leaves beyond the page."""
    path = with_deleted(tmp_path / "d.db", "delete from t")
    data = bytearray(path.read_bytes())
    trunk = int.from_bytes(data[32:36], "big")
    data[(trunk - 1) * 4096 : (trunk - 1) * 4096 + 8] = trunk.to_bytes(4, "big") + b"\xff" * 4
    path.write_bytes(data)
    assert leftovers("d", path)


# Large and odd tables


def test_a_large_table_is_looked_at_in_part_and_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "large.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("create table t(id integer primary key, note text)")
        connection.execute(
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 250000)"
            " insert into t select i, case when i > 200000 then 'u' || i || '@example.org' else 'nothing' end from n"
        )
    connection.close()
    done = result("check", path, code=14)
    assert done["looked"]["large"]["tables"] == {"t": {"rows": 250_000, "looked": 100_000}}
    (found,) = done["exposures"]
    assert 15_000 < found["found"] < 25_000
    (found,) = result("check", path, "--every-row", code=14)["exposures"]
    assert (found["found"], found["looked"]) == (50_000, 250_000)


def test_odd_databases_are_looked_at(tmp_path: Path) -> None:
    """UTF-16, names that need quotes, no rowid, broken UTF-8, full-text tables, blobs."""
    path = tmp_path / "odd.db"
    with apsw.Connection(str(path)) as connection:
        connection.execute("pragma encoding = 'UTF-16be'")
        connection.execute('create table "a ""b"".c"(k text primary key, "e\'m[ail]" text) without rowid')
        connection.executemany(
            'insert into "a ""b"".c" values (?, ?)', [(str(i), f"ü{i}@example.org") for i in range(9)]
        )
        connection.execute("create virtual table full_text using fts5(body)")
        connection.executemany("insert into full_text values (?)", [(f"from {i}x@example.org",) for i in range(9)])
        connection.execute("create table blobs(b)")
        connection.execute(
            "insert into blobs values (x'ff40'), (cast(x'd800' as text)), (1e300), (-9223372036854775808)"
        )
    connection.close()
    found = {(each.table, each.column) for each in looked_at(path) if each.stops}
    assert found == {('a "b".c', "e'm[ail]"), ("full_text", "body")}


# The program


def test_values_are_never_told(planted: Path, tmp_path: Path) -> None:
    """Not on the terminal, not as JSON, not in the cache."""
    env = {"BAKED_STATE_HOME": str(tmp_path / "state")}
    said = "".join(
        done.stdout + done.stderr
        for done in (
            program("check", planted, "-v"),
            program("check", planted, "--json", "-v"),
            program("local", planted, "-v", env=env),
        )
    ).encode()
    said += b"".join(path.read_bytes() for path in (cache_home() / "checked").rglob("*") if path.is_file())
    with apsw.Connection(str(planted)) as connection:
        values = [str(value) for row in connection.execute("select * from people") for value in row[1:]]
    connection.close()
    assert len(values) == ROWS * len(PLANTED)
    assert not [value for value in values if value.encode() in said]


def test_a_publish_stops_and_what_was_live_stays_live(planted: Path, tmp_path: Path) -> None:
    env = {"BAKED_STATE_HOME": str(tmp_path / "state")}
    clean = make_database(tmp_path / "clean.db", 1)
    live = result("local", clean, "--name", "site", env=env)
    try:
        done = result("local", planted, "--name", "site", "--force", env=env, code=14)
        assert done["error"]["kind"] == "ExposedError"
        assert {each["name"] for each in done["exposures"]} >= {"people.contact", "people.k:secret"}
        assert result("status", "local", "site", env=env)["live"]["revision"] == live["deployment"]["revision"]
        names = [f"--accept={each['name']}" for each in done["exposures"]]
        assert result("local", planted, "--name", "site", "--force", *names, env=env)["action"] == "published"
    finally:
        result("unpublish", "local", "site", "--yes", env=env)


def test_accepting_a_column_accepts_no_secret_in_it(planted: Path) -> None:
    done = program("check", planted, "--accept", "people.k", "--accept", "people.contact")
    assert "accepted  planted.people.contact" in done.stdout
    assert "found     planted.people.k:" in done.stdout
    assert "--accept people.k:secret" in done.stdout


def test_a_name_of_nothing_is_told(planted: Path) -> None:
    done = program("check", planted, "--accept", "people.contakt")
    assert "'people.contakt'" in done.stderr
    assert "'people.contact'" in done.stderr


def test_a_file_of_a_digest_is_looked_at_once(tmp_path: Path) -> None:
    columns = {"email": PLANTED["contact"]}
    path, folder = make(tmp_path / "once.db", "people", columns), cache_home() / "checked"
    before = set(folder.glob("*"))
    first, second = (program("check", path, "-v") for _ in range(2))
    assert "looking at once.people" in first.stderr
    assert "looking at" not in second.stderr
    assert first.stdout == second.stdout
    (kept,) = set(folder.iterdir()) - before
    assert folder.stat().st_mode & 0o777 == 0o700
    assert kept.stat().st_mode & 0o777 == 0o600
    whole = kept.read_bytes()
    for cut in range(len(whole)):
        kept.write_bytes(whole[:cut])
        assert _recall(kept.name) is None
    assert program("check", path).stdout == first.stdout
    assert kept.read_bytes() == whole


def test_nothing_found_is_zero(tmp_path: Path) -> None:
    done = json.loads(program("check", make_database(tmp_path / "clean.db", 1), "--json").stdout)
    assert (done["ok"], done["exposures"]) == (True, [])


def at_a_terminal(answer: bytes, env: dict[str, str], *words: object) -> tuple[int, str, str]:
    """Run ``publish`` with a person at a terminal who says ``answer`` when asked; return code, output and the rest."""
    ours, theirs = pty.openpty()
    command, seen = [*PROGRAM, *map(str, words)], b""
    surroundings = {**os.environ, "TERM": "dumb", "COLUMNS": "200", **env}
    with subprocess.Popen(
        command, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, env=surroundings, text=True
    ) as person:
        os.close(theirs)
        while True:
            try:
                seen += os.read(ours, 1 << 16)
            except OSError:  # it has ended, and with it its side of the terminal
                break
            if answer and seen.rstrip().endswith(b"[y/N]:"):
                os.write(ours, answer)
                answer = b""
        out = person.communicate(timeout=LIMIT)[0]
    os.close(ours)
    return person.returncode, out, seen.decode()


def test_a_person_is_asked_and_says_no_or_yes(planted: Path, tmp_path: Path) -> None:
    """``--yes`` answers other questions, not this one."""
    env = {"BAKED_STATE_HOME": str(tmp_path / "state")}
    words = ("local", planted, "--name", "asked", "--yes")
    try:
        code, out, seen = at_a_terminal(b"n\n", env, *words)
        assert (code, out) == (14, "")
        assert "Accept it all, and publish? [y/N]:" in seen
        assert "--accept people.k:secret" in seen
        result("status", "local", "asked", env=env, code=11)
        code, out, seen = at_a_terminal(b"y\n", env, *words)
        assert (code, seen.count("[y/N]")) == (0, 1)
        assert out.startswith("http://")
        assert result("status", "local", "asked", env=env)["live"]["url"] == out.strip()
    finally:
        program("unpublish", "local", "asked", "--yes", env=env)


def test_a_check_asks_nobody(planted: Path) -> None:
    code, out, seen = at_a_terminal(b"y\n", {}, "check", planted)
    assert code == 14
    assert "[y/N]" not in seen
    assert "found     planted.people.k:" in out
