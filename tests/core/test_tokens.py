"""Tokens: where they are kept, and that none is taken that could be guessed or was written down in clear."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from baked_core.errors import ManifestError
from baked_core.permissions.tokens import Tokens, bearer

LONG = "a-long-token-of-somebody"


def digest(text: str) -> dict[str, str]:
    return {"sha256": sha256(text.encode()).hexdigest()}


def test_a_secret_is_read_where_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERS", f" {LONG}1\n")
    (tmp_path / "his").write_text(f"{LONG}2\n")
    told: dict[str, Any] = {
        "alice": {"$env": "HERS"},
        "bob": {"token": {"$file": str(tmp_path / "his")}, "actor": {"roles": ["a"]}},
        "carol": [digest(f"{LONG}3"), {"sha256": digest(f"{LONG}4")["sha256"].upper()}],
        "dora": {"token": digest(f"{LONG}5"), "actor": {"id": "dorothea"}},
    }
    tokens = Tokens.of({"tokens": told})
    found = [tokens.actor(f"{LONG}{number}") for number in (1, 2, 3, 4, 5, 6)]
    carol = {"id": "carol"}
    assert found == [{"id": "alice"}, {"id": "bob", "roles": ["a"]}, carol, carol, {"id": "dorothea"}, None]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (
            {"$env": "NOT_THERE_AT_ALL"},
            "of 'alice' needs the environment variable 'NOT_THERE_AT_ALL': set it",
        ),
        ({"$file": "/nowhere/at/all"}, "the token of 'alice' needs the file '/nowhere/at/all'"),
        ({"sha256": "abc"}, "is not 64 hex digits"),
        ({"$env": "SHORT"}, "fewer than 16 characters: make one with: python -c"),
        (LONG, "is not {$env: NAME}"),
        (7, "is not {$env: NAME}"),
        ({"clear": LONG}, "is not {$env: NAME}"),
    ],
)
def test_what_is_no_secret_stops_the_app(monkeypatch: pytest.MonkeyPatch, secret: Any, said: str) -> None:
    monkeypatch.setenv("SHORT", "fifteen-letters")
    with pytest.raises(ManifestError) as caught:
        Tokens.of({"tokens": {"alice": secret}})
    assert said in str(caught.value)
    assert LONG not in str(caught.value)
    assert "fifteen-letters" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", ""),
        ("Bearer a b", "a b"),
        ("Basic abc", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_a_bearer_is_read(header: str, token: str) -> None:
    assert bearer(header) == token


def test_every_token_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the time tells nothing of who comes first."""
    compared: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr("baked_core.permissions.tokens.compare_digest", compare)
    tokens = Tokens.of({"tokens": {f"n{number}": digest(f"{LONG}{number}") for number in range(5)}})
    assert tokens.actor(f"{LONG}0") == {"id": "n0"}
    assert len(compared) == 5
