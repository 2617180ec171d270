"""The pace: no more requests than Fly takes, whoever asks for them."""

from dataclasses import dataclass, field

from baked_publish.vendors.fly_pace import LOOKING, Pace


@dataclass
class Clock:
    """A clock that only sleeping moves on."""

    now: float = 100.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def paced(rate: float = 1.0) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(rate, lambda: clock.now, clock.sleep), clock


def test_three_come_at_once_and_then_one_a_second() -> None:
    pace, clock = paced()
    for _ in range(6):
        pace.wait("create machine", "data")
    assert clock.slept == [1.0, 1.0, 1.0]


def test_a_pause_gives_the_burst_back_and_no_more() -> None:
    pace, clock = paced()
    for _ in range(4):
        pace.wait("stop machine", "one")
    clock.now += 60
    for _ in range(4):
        pace.wait("stop machine", "one")
    assert clock.slept == [1.0, 1.0]


def test_each_action_on_each_machine_is_counted_for_itself() -> None:
    pace, clock = paced()
    for action in ("stop machine", "start machine"):
        for machine in ("one", "two"):
            for _ in range(3):
                pace.wait(action, machine)
    assert clock.slept == []


def test_a_machine_may_be_looked_at_five_times_a_second() -> None:
    pace, clock = paced()
    for _ in range(12):
        pace.wait(LOOKING, "one")
    assert [round(each, 3) for each in clock.slept] == [0.2, 0.2]
