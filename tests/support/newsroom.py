"""A newsroom's site with every kind of page and of value, served by a real server."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from line import LIMIT, PROGRAM

SCHEMA = """
create table desk(id integer primary key, name text);
insert into desk values (1, 'Investigations'), (2, 'Culture & Arts'), (3, '');
create table story(
    id integer primary key, headline text, desk_id integer references desk(id), published text, words integer,
    score real, url text, body text, tags text, photo blob, missing text);
create virtual table story_fts using fts5(headline, body, content='story', content_rowid='id');
create table "odd / name?"("a b" text, "c,d" integer, primary key ("a b", "c,d"));
insert into "odd / name?" values ('x y', 1), ('z/z', 2);
create table empty(a integer primary key, b text);
create view feed as select 'urn:story:' || id as atom_id, headline as atom_title, published as atom_updated from story;
"""
METADATA: Mapping[str, Any] = {
    "title": "The Daily Table",
    "description": "What we know of our own work.\n\nCounted every night.",
    "date": "2026-11-24",
    "source": "Our archive",
    "source_url": "https://example.org/archive",
    "license": "CC BY 4.0",
    "license_url": "https://creativecommons.org/licenses/by/4.0/",
    "databases": {
        "news": {
            "title": "Stories",
            "tables": {
                "story": {
                    "title": "Every story",
                    "label_column": "headline",
                    "facets": ["desk_id", {"array": "tags"}],
                    "columns": {"words": "Counted without the headline", "score": "What readers gave it"},
                    "units": {"words": "words"},
                    "size": 40,
                }
            },
            "queries": {
                "longest": {
                    "title": "Longest stories",
                    "sql": "select headline, words from story where words > cast(:least as integer) order by 2 desc",
                }
            },
        }
    },
}
PAGES = {
    "index": "/",
    "database": "/news",
    "table": "/news/story",
    "filtered": "/news/story?words__gt=5000&headline__contains=council&_search=harbour&_sort_desc=words&_nocol=url",
    "facets": "/news/story?_facet_date=published&desk_id=2",
    "compound": "/news/odd+~2F+name~3F",
    "no rows": "/news/empty",
    "nothing found": "/news/story?words__lt=0",
    "view": "/news/feed",
    "row": "/news/story/4",
    "referred row": "/news/desk/1",
    "canned": "/news/longest?least=20000",
    "sql": "/news/-/query?sql=select+id,+score+from+story+where+id+%3C+:most&most=20",
    "no sql": "/news/-/query",
    "bad sql": "/news/-/query?sql=selct",
    "queries": "/-/queries",
    "schema": "/news/-/schema",
    "settings": "/-/settings",
    "api": "/-/openapi",
    "not found": "/news/stroy",
    "bad argument": "/news/story?wrods__gt=5",
}
"""An address of every kind of page."""


def write(path: Path) -> None:
    """Write the database: 160 stories with numbers, dates, addresses, long texts, lists, pictures and NULLs."""
    with apsw.Connection(str(path)) as connection:
        connection.execute(SCHEMA)
        connection.executemany(
            f"insert into story values ({', '.join('?' * 11)})", [_story(number) for number in range(1, 161)]
        )
        connection.execute("insert into story_fts(story_fts) values ('rebuild')")
    connection.close()


def _story(number: int) -> tuple[object, ...]:
    url = f"https://example.org/2026/{number}/a-very-long-slug-that-goes-on-and-on-{number}" if number % 5 else None
    return (
        *(number, f"No. {number}: what the council did not say about the harbour", number % 3 + 1),
        *(f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}", number * 137),
        *((number * 7919 % 1000) / (1, 10, 100, 1000)[number % 4], url),
        ("The harbour is deep, and nobody measured it. " * (number % 20)).strip(),
        *('["harbour", "council"]' if number % 2 else '["arts"]', b"\x89PNG\r\n\x1a\n" if number % 4 == 0 else None),
        None,
    )


@contextmanager
def served(folder: Path, *options: object, metadata: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Serve the site with ``publish serve`` and yield its URL."""
    database, said = folder / "news.db", folder / "metadata.json"
    write(database)
    said.write_text(json.dumps(metadata or METADATA))
    words = [*PROGRAM, "serve", database, "--metadata", said, "--port", 0, *options]
    with (
        (folder / "log").open("w+") as log,
        subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), (folder / "log").read_text()
            yield url
        finally:
            process.terminate()
            process.wait(LIMIT)


def main() -> None:
    """Serve the site until Ctrl-C: ``python tests/support/newsroom.py FOLDER``, to look at it."""
    with served(Path(sys.argv[1])) as url:
        print(url, flush=True)
        time.sleep(3600)


if __name__ == "__main__":
    main()
