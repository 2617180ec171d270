"""The processes that run SQL live and die with their app."""

import os
import signal
import time
from pathlib import Path

from attacked import Attacked, attacked, family

SQL = b"/attacked/-/query.json?sql="
ENDLESS = SQL + b"with+recursive+n(i)+as+(select+1+union+all+select+i%2B1+from+n)+select+count(*)+from+n"


def gone(processes: list[int], within: float = 10.0) -> bool:
    """Wait until none of the processes is left."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{each}/stat").exists() for each in processes):
            return True
        time.sleep(0.02)
    return False


def dead(process: int) -> bool:
    """Tell whether the kernel has ended a process; its zygote may not have taken leave of it yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


def children(server: Attacked, count: int) -> list[int]:
    """Wait until the app has ``count`` descendants; return them."""
    deadline = time.monotonic() + 10
    while len(found := family(server.process.pid)[1:]) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(found) >= count
    return found


def test_nothing_is_left_of_an_app_that_is_killed(tmp_path: Path) -> None:
    with attacked(tmp_path) as server:
        below = children(server, 2)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        assert gone(below)


def test_nothing_is_left_of_an_app_that_is_told_to_end(tmp_path: Path) -> None:
    with attacked(tmp_path) as server:
        below = children(server, 2)
        server.process.terminate()
        assert server.process.wait(10) == 0
        assert gone(below)


def test_a_runner_that_dies_is_replaced(tmp_path: Path) -> None:
    with attacked(tmp_path) as server:
        zygote, *runners = children(server, 2)
        for each in runners:
            os.kill(each, signal.SIGKILL)
        while not all(map(dead, runners)):
            time.sleep(0.01)
        answers = [server.ask(SQL + b"select+1").status for _ in range(3)]
        assert answers == [200, 200, 200], "nobody hears of it"
        assert zygote in family(server.process.pid)


def test_a_zygote_that_dies_is_replaced(tmp_path: Path) -> None:
    with attacked(tmp_path) as server:
        below = children(server, 2)
        os.kill(below[0], signal.SIGKILL)
        assert gone(below[1:]), "runners end with their zygote"
        answers = [server.ask(SQL + b"select+1").status for _ in range(4)]
        assert answers[-1] == 200, answers


def test_processes_are_not_more_than_they_should_be(tmp_path: Path) -> None:
    with attacked(tmp_path, num_sql_processes=2, num_spare_processes=1) as server:
        for _ in range(4):
            assert server.ask(ENDLESS).status == 400
        time.sleep(0.5)
        assert len(family(server.process.pid)) <= 2 + 2 + 1 + 1


def test_no_secret_of_the_environment_is_in_a_runner(tmp_path: Path) -> None:
    os.environ["BAKED_VERIFY_TOKEN"] = "a-secret-of-the-publisher"  # noqa: S105 - what is looked for
    try:
        with attacked(tmp_path) as server:
            for each in children(server, 2):
                assert b"a-secret-of" not in Path(f"/proc/{each}/environ").read_bytes()
    finally:
        del os.environ["BAKED_VERIFY_TOKEN"]
