"""Whether and when what has failed is tried again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, Literal

from ._errors import InvalidArgument


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
        budget: Further attempts that each request adds to the budget of its client. 0.2.
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
    budget: float | None = None
    budget_per_second: float | None = None
    budget_most: float | None = None

    def settings(self) -> dict[str, Any]:
        """Those that are settings too, under their names: all but ``statuses``."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "statuses"}


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
