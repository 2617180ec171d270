"""A Policy compares names as SQLite does."""

from baked_core.permissions.policy import EVERYTHING, Policy


def test_names_are_compared_without_the_case_of_ascii_letters_only() -> None:
    policy = Policy.of(["Secret", "ÄRGER"], {"People": ["E-Mail"], "empty": []})
    assert policy.hides("SECRET")
    assert policy.hides("Ärger")
    assert not policy.hides("ärger")
    assert policy.hides("people", "e-mail")
    assert not policy.hides("people")
    assert not policy.hides("people", "name")
    assert "empty" not in policy.columns


def test_nothing_is_held_back_by_default() -> None:
    assert not EVERYTHING
    assert not Policy.of()
    assert Policy.of(["a"])
    assert not EVERYTHING.hides("anything", "at all")
