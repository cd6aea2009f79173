"""What a call comes back with."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ._native import core

T_co = TypeVar("T_co", covariant=True)

Source = Literal["fresh", "cached", "stale", "default"]


class Rows(list[dict[str, Any]]):
    """The rows of a query: a list with a dict for each row, which JSON encoders take as it is.

    Attributes:
        columns: The names of the columns, also where there are no rows.
    """

    __slots__ = ("columns",)
    columns: tuple[str, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_rows, (list(self), self.columns)


def _make_rows(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> Rows:
    made = Rows(rows)
    made.columns = columns
    return made


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one operation went; points in time are those of ``time.monotonic()``.

    Attributes:
        submitted: When it was submitted.
        queued: Seconds from submission until it ran, or until its end if it never ran.
        ran: Seconds from then until its end; 0.0 if it never ran.
        settled_at: When its end was decided, whenever the caller came to see it.
    """

    submitted: float
    queued: float
    ran: float
    settled_at: float

    @property
    def elapsed(self) -> float:
        """Seconds from submission to the end."""
        return self.queued + self.ran


class Answer(core.Answer[T_co]):
    """A value, and how it came about.

    Attributes:
        value: The value. The rows of a query are made into dicts at the first look.
        source: ``"fresh"``: just computed; ``"cached"``: from a cache, within its time to live;
            ``"stale"``: from a cache, past it; ``"default"``: the fallback.
        degraded: True for a stale or default answer: good enough to show, not good enough to store.
        age: How old the value is, in seconds; 0.0 when fresh.
        reason: The ``Error`` that says why the answer is degraded; None otherwise.
        timings: Where the time went, or None where nobody measured.
        version: Which value of its key a cache gave; 0 where it came from none.

    Example:
        >>> answer = await db.query("SELECT model FROM listings LIMIT 4", default=[])
        >>> return {"cars": answer.value, "degraded": answer.degraded}
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Answer source={self.source!r} age={self.age:g} value={reprlib.repr(self.value)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Answer, (self.value, self.source, self.reason, self.age, self.timings, self.version)
