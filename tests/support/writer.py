"""A process that writes to a database: ``python writer.py DATABASE MODE STEP``.

Two tables always have equal sums; a reader that sees them differ has seen half a transaction. STEP is

``forever``  one transaction after the other, the number of the last committed one on standard output
``crash``    one committed transaction, then death in the middle of a second, its pages already in the file
``idle``     one committed transaction, then the connection stays open until standard input ends
``lock``     an exclusive lock until standard input ends
"""

import os
import signal
import sys

import apsw

SPILL = 400


def main(path: str, mode: str, step: str) -> None:
    """Write."""
    connection = apsw.Connection(path)
    connection.set_busy_timeout(20_000)
    connection.execute(f"pragma journal_mode={mode}").fetchall()
    connection.execute("create table if not exists a(n integer, filler); create table if not exists b(n integer)")
    if step == "lock":
        connection.execute("begin exclusive")
    number = 0
    while step == "forever":
        number += 1
        write(connection, number)
        print(number, flush=True)
    if step in {"crash", "idle"}:
        write(connection, 1)
    print("ready", flush=True)
    if step == "crash":
        connection.execute("pragma cache_size=5; begin; pragma cache_spill=1").fetchall()
        connection.executemany("insert into a values (?, ?)", [(7, "x" * 4000) for _ in range(SPILL)])
        os.kill(os.getpid(), signal.SIGKILL)
    sys.stdin.read()
    connection.close()


def write(connection: apsw.Connection, number: int) -> None:
    """Write one transaction into both tables."""
    connection.execute("begin immediate")
    connection.execute("insert into a values (?, ?)", (number, "x" * 500))
    connection.execute("insert into b values (?)", (number,))
    connection.execute("commit")


if __name__ == "__main__":
    main(*sys.argv[1:])
