"""Whether and when what has failed is tried again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Literal

from ._errors import InvalidArgument
from ._native import core


class RetryBudget(core.RetryBudget):
    """How many further attempts several callers may make together.

    For those who ask one service: clients with one policy, functions with ``retry``, or code that
    repeats something by itself. Without it a service that is down gets every call as often as each
    may be tried. Each call adds a share of an attempt, and time some more; it begins full. For any
    thread; in a child made by ``fork()`` it begins anew.

    Args:
        share: Further attempts that each call adds.
        per_second: Those that each second adds.
        holds: Those that are saved up at most.

    Attributes:
        left: How many further attempts there may be at once.

    Raises:
        InvalidArgument: A number is out of its range.

    Example:
        >>> budget = tidegate.RetryBudget(0.1)
        >>> http = tidegate.AsyncClient(retry=tidegate.RetryPolicy(budget=budget))
        >>> @tidegate.retry(budget=budget)
        ... async def ask(): ...
        >>> budget.call()               # or by hand: a call begins
        >>> if budget.try_take(): ...   # it may be made once more
    """

    __slots__ = ()

    def __new__(
        cls, share: float = 0.2, per_second: float = 3.0, holds: float = 100.0
    ) -> RetryBudget:
        return super().__new__(
            cls,
            _number("share", share, 100),
            _number("per_second", per_second, 1_000_000),
            _number("holds", holds, 1_000_000),
        )

    def __repr__(self) -> str:
        return f"<tidegate.RetryBudget, {self.left:.1f} left>"


def _number(name: str, value: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise InvalidArgument(f"{name} must be a number from 0 to {most:,}, not {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Whether and when what has failed is tried again; what is not given is the settings'.

    No connection, a lost one, an attempt that took too long, and a 429, 500, 502, 503 or 504 are
    tried again, after a pause drawn from zero to a bound that begins at ``backoff`` and doubles.
    What a server may have acted on goes again only where it may be done twice. Never past the
    deadline.

    Attributes:
        attempts: How often at most, the first time included. 4.
        backoff: The longest pause before the second attempt; it doubles with each. 0.1 s.
        max_backoff: The longest before any, but for what a server asks for. 10 s.
        max_retry_after: The longest that a server may ask for; one that asks for more is not tried
            again. 60 s.
        statuses: The answers that are tried again. 429, 500, 502, 503 and 504.
        methods: What may be tried again after it was sent: ``"idempotent"``, or ``"every"``.
        budget: Further attempts that each request adds to the budget of its client. 0.2. Or a
            ``RetryBudget`` that others have as well; the next two then say nothing.
        budget_per_second: Those that each second adds. 3.
        budget_most: Those that are saved up at most. 100.

    Example:
        >>> http = tidegate.AsyncClient(retry=tidegate.RetryPolicy(attempts=3, backoff=1))
    """

    attempts: int | None = None
    backoff: float | str | None = None
    max_backoff: float | str | None = None
    max_retry_after: float | str | None = None
    statuses: Collection[int] | None = None
    methods: Literal["idempotent", "every"] | None = None
    budget: float | RetryBudget | None = None
    budget_per_second: float | None = None
    budget_most: float | None = None

    def settings(self) -> dict[str, Any]:
        """Those that are settings too, under their names: all but ``statuses`` and a
        ``RetryBudget``.
        """
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "statuses"}
        return given | {"budget": None} if self.shared_budget() is not None else given

    def shared_budget(self) -> RetryBudget | None:
        """The budget that others have as well."""
        return self.budget if isinstance(self.budget, RetryBudget) else None


def checked_statuses(policy: RetryPolicy | None) -> list[int] | None:
    """As the extension takes them."""
    if policy is None or policy.statuses is None:
        return None
    given: Any = policy.statuses
    if isinstance(given, (str, bytes)) or not isinstance(given, Collection):
        raise InvalidArgument(f"statuses must be a collection of integers, not {given!r}")
    for status in given:
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            raise InvalidArgument(f"statuses must be integers from 100 to 599, not {status!r}")
    return sorted(given)
