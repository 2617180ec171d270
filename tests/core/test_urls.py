"""Names and keys come back from URLs as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baked_core.urls import Urls, decode_key, encode_key, is_canonical, tilde_decode, tilde_encode
from baked_core.values import BrokenText


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("plain_1-x", "plain_1-x"),
        ("a b", "a+b"),
        ("a/b.c", "a~2Fb~2Ec"),
        ("é", "~C3~A9"),
        ("~+%", "~7E~2B~25"),
        ("", "~"),
        ("-", "~2D"),
        ("--", "--"),
    ],
)
def test_tilde_encoding(name: str, segment: str) -> None:
    assert tilde_encode(name) == segment
    assert tilde_decode(segment) == name


@given(st.text())
def test_every_name_comes_back(name: str) -> None:
    assert tilde_decode(tilde_encode(name)) == name
    assert is_canonical(tilde_encode(name))


@given(st.binary())
def test_every_byte_of_broken_text_comes_back(raw: bytes) -> None:
    found = tilde_decode(tilde_encode(BrokenText(raw)))
    assert (found.raw if isinstance(found, BrokenText) else found.encode()) == raw


@given(st.lists(st.one_of(st.text(), st.binary()), min_size=1))
def test_every_key_comes_back(values: list[str | bytes]) -> None:
    assert decode_key(encode_key(values)) == tuple(values)


def test_numbers_in_keys() -> None:
    assert encode_key([1, -0.5, float("-inf"), None]) == "1,-0~2E5,-9e999,:n"


def test_an_empty_part_of_a_key_is_empty_text() -> None:
    assert decode_key(":n,:t5") == (None, "5")
    assert decode_key(",z") == decode_key("~,z") == ("", "z")


def test_urls_are_under_the_root() -> None:
    urls = Urls("/root", "https://example.org")
    assert urls.path("a b", "c", format="json", query=[("x", "1&2")]) == "/root/a+b/c.json?x=1%262"
    assert urls.path("") == "/root/"
    assert urls.path("d", "") == "/root/d/~"
    assert urls.row("d", "t", ("x", 1)) == "/root/d/t/x,1"
    assert urls.query("d", "csv") == "/root/d/-/query.csv"
    assert urls.absolute("/root/") == "https://example.org/root/"
