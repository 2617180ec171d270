"""A Trace: the statements of one answer and how long each took, for ``_trace=1`` where ``trace_debug`` is set."""

import time
from contextvars import ContextVar
from typing import Any, Final

from msgspec import Struct, field


class Trace(Struct, frozen=True):
    """What one request asked of SQLite."""

    began: float = field(default_factory=time.perf_counter)
    statements: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def note(self, database: str, sql: str, params: object, began: float) -> None:
        """Add a statement that began at ``began`` and has ended now."""
        ended = time.perf_counter()
        self.statements.append(
            {
                "type": "sql",
                "start": began,
                "end": ended,
                "duration_ms": (ended - began) * 1000,
                "database": database,
                "sql": sql,
                "params": params,
            }
        )

    def body(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "request_duration_ms": (time.perf_counter() - self.began) * 1000,
            "sum_trace_duration_ms": sum(each["duration_ms"] for each in self.statements),
            "num_traces": len(self.statements),
            "traces": self.statements,
        }


CURRENT: Final[ContextVar[Trace | None]] = ContextVar("trace", default=None)
"""The Trace of the request that is being answered."""
