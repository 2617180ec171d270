"""Who is next: clients take turns, the slow share all places but one, people go before machines."""

from collections import Counter
from collections.abc import Callable

import pytest

from baked_core.errors import Busy, TooMany
from baked_core.strangers.lanes import Lanes, Ticket


class Clock:
    """A time that a test moves on."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


Enter = Callable[..., Ticket]


def queue(lanes: Lanes, client: str, *, person: bool = False) -> Ticket:
    ticket = lanes.enter(client, person=person, wake=lambda: None)
    lanes.call()
    return ticket


def test_clients_take_turns_whoever_asked_for_more(clock: Clock) -> None:
    lanes = Lanes(2, 64, now=clock)
    many = [queue(lanes, "many") for _ in range(5)]
    assert lanes.running == {many[0]}, "one place is kept from a client that has all others"
    few = queue(lanes, "few")
    assert lanes.running == {many[0], few}
    other = queue(lanes, "other")
    lanes.leave(many[0])
    assert lanes.running == {few, other}, "it had its turn"
    more = queue(lanes, "few")
    lanes.leave(few)
    assert lanes.running == {other, many[1]}
    lanes.leave(many[1])
    assert lanes.running == {other, more}


def test_of_lasting_places_nobody_gets_more_than_are_free(clock: Clock) -> None:
    """One that reads slowly holds its place for hours: the last ones are kept for whoever has none yet."""
    lanes = Lanes(16, 64, lasting=True, now=clock)
    for number in range(5):
        for _ in range(12):
            queue(lanes, f"client {number}")
    held = Counter(ticket.client for ticket in lanes.running)
    assert [held[f"client {number}"] for number in range(5)] == [8, 4, 2, 1, 1]
    for ticket in [each for each in lanes.running if each.client == "client 0"]:
        lanes.leave(ticket)
    held = Counter(ticket.client for ticket in lanes.running)
    assert max(held.values()) < 8, "who had many before gets as many as others now"


@pytest.mark.parametrize("width", [2, 3, 4, 10])
def test_somebody_new_always_finds_a_lasting_place_beside_one_who_wants_all(clock: Clock, width: int) -> None:
    lanes = Lanes(width, 64, lasting=True, now=clock)
    for _ in range(width):
        queue(lanes, "hog")
    assert queue(lanes, "new") in lanes.running


def test_who_used_much_shares_all_places_but_one(clock: Clock) -> None:
    lanes = Lanes(3, 64, now=clock)
    for client in ("a", "b", "c"):
        ticket = queue(lanes, client)
        clock.time += 0.6
        lanes.leave(ticket)
    slow = [queue(lanes, client) for client in ("a", "b", "c")]
    assert lanes.running == set(slow[:2])
    fast = queue(lanes, "new")
    assert lanes.running == {*slow[:2], fast}
    clock.time += 61
    lanes.leave(fast)
    assert slow[2] in lanes.running, "a minute later it is forgotten"


def test_people_go_before_machines_and_the_slow_after_both(clock: Clock) -> None:
    lanes = Lanes(1, 64, now=clock)
    hog = queue(lanes, "hog", person=True)
    clock.time += 1.0
    again = queue(lanes, "hog", person=True)
    machine = queue(lanes, "machine")
    person = queue(lanes, "person", person=True)
    for before, after in ((hog, person), (person, machine), (machine, again)):
        lanes.leave(before)
        assert lanes.running == {after}


def test_a_full_queue_is_told_at_once_with_the_time_to_come_back(clock: Clock) -> None:
    lanes = Lanes(2, 8, typical=1.0, now=clock)
    for number in range(10):
        queue(lanes, f"client {number}")
    with pytest.raises(Busy) as told:
        queue(lanes, "late", person=True)
    assert told.value.after == 4


def test_a_program_over_its_share_is_told_so_and_a_person_may_wait_longer(clock: Clock) -> None:
    lanes = Lanes(1, 8, now=clock)
    for _ in range(3):
        queue(lanes, "program")
    with pytest.raises(TooMany):
        queue(lanes, "program")
    queue(lanes, "program", person=True)
    queue(lanes, "program", person=True)
    with pytest.raises(Busy):
        queue(lanes, "program", person=True)
    queue(lanes, "somebody else")


def test_who_leaves_the_queue_is_never_called(clock: Clock) -> None:
    lanes = Lanes(1, 8, now=clock)
    first, second, third = (queue(lanes, str(number)) for number in range(3))
    lanes.leave(second)
    lanes.leave(first)
    assert lanes.running == {third}
    lanes.leave(third)
    lanes.leave(third)
    assert not lanes.running
    assert not lanes.waiting


def test_it_does_not_remember_everybody(clock: Clock) -> None:
    lanes = Lanes(2, 8, now=clock)
    for number in range(5000):
        lanes.leave(queue(lanes, str(number)))
    assert len(lanes._used) <= 4096
