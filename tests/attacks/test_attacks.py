"""A stranger attacks: each query and URL of the corpus gets its answer in time, and does no harm to anybody else."""

import re
from collections.abc import Iterator

import pytest
from attacked import LIMIT_MS, Attacked, Told, attacked
from corpus import CORPUS, Attack, attacks

MARGIN: float = 1.0
"""Seconds beyond the time limit after which an answer is too late."""
HEALTHY: float = 0.25
"""Seconds in which the server says that it is well, whatever it is asked."""
GROWTH = 400 << 20
"""Bytes that an attack may take, for as long as it runs."""
REST = 150 << 20
"""Bytes that may be left of it."""
TRIES = 3
"""An attack that is too slow or too large is so each time; a machine that is busy with something else is not."""
SECRETS = re.compile(r"Traceback|File \"|site-packages|baked_core|/usr/lib|/proc/")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """One server for all attacks: what one breaks, the next one sees."""
    with attacked(tmp_path_factory.mktemp("attacked")) as server:
        yield server
        assert server.process.poll() is None, "it died"
        assert not server.changed()


def suffered(server: Attacked, attack: Attack) -> tuple[Told, list[str]]:
    """Let the server suffer one attack; return its answer, and what was wrong with it or meanwhile."""
    with server.watched() as watch:
        told = server.ask(attack.target(server.outside))
    broken = watch.broken(server.resting, healthy=HEALTHY, growth=GROWTH)
    if told.seconds > LIMIT_MS / 1000 + MARGIN:
        broken.append(f"it took {told.seconds:.2f} s")
    if (left := server.rests(REST)) > REST:
        broken.append(f"{left >> 20} MB are left of it")
    if wrong := attack.fits(told.status, told.body):
        broken.append(wrong)
    return told, broken


def secrets(server: Attacked, told: Told) -> str:
    """Return what an answer tells that is nobody's business."""
    if "attachment" in told.headers.get("content-disposition", ""):
        return ""
    text = told.body.decode(errors="replace")
    found = SECRETS.search(text) if told.status != 200 else None
    return str(server.root.parent) if str(server.root.parent) in text else found[0] if found else ""


@pytest.mark.parametrize("attack", list(attacks()), ids=str)
def test_an_attack_gets_its_answer_and_does_no_harm(server: Attacked, attack: Attack) -> None:
    for _ in range(TRIES):
        told, broken = suffered(server, attack)
        if not broken:
            break
    assert not broken
    assert told.status < 500 or told.status == 503
    assert told.headers.get("x-content-type-options") == "nosniff"
    assert told.headers.get("content-security-policy") or "html" not in told.headers.get("content-type", "")
    assert "set-cookie" not in told.headers
    assert not told.headers.get("location", "/").startswith(("//", "/\\", "http"))
    assert not secrets(server, told)


def test_the_corpus_is_large_and_names_every_wall() -> None:
    names = {file.stem.partition("_")[2] for file in CORPUS.glob("*.yaml")}
    assert names == {"writes", "statements", "pragmas", "time", "memory", "shapes", "long_calls", "names"}
    assert len({(each.how, each.short, each.format) for each in attacks()}) > 700
