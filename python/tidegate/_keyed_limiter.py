"""KeyedLimiter: how often each of many may start something."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ._duration import seconds
from ._limiter import MOST_TIME, Rate, Turn, limits_of, whole_number
from ._native import core
from ._page import deadline_of

if TYPE_CHECKING:
    from ._operation import Operation


class KeyedLimiterStats(NamedTuple):
    """What all keyed limiters of one name in this process did and do, for all keys together.

    Attributes:
        granted: Starts let through.
        refused: Starts refused at once, or at their deadline.
        lost: Slots that nobody could have.
        penalties: Calls of ``penalize()``.
        waiting: Starts that wait for their turn, now.
        keys: Keys that are kept, now.
        forgotten: Idle keys that were forgotten for others.
        crowded: Starts asked for by keys without a place, which had to count with others.
    """

    granted: int
    refused: int
    lost: int
    penalties: int
    waiting: int
    keys: int
    forgotten: int
    crowded: int


class KeyedLimiter(core.KeyedLimiter):
    """Lets each of many keys start something so often: users, tokens, hosts.

    All have the same limits and each counts by itself, in this process. Memory is bounded: a key
    that is idle is forgotten, which nobody can tell; where ``max_keys`` are busy a new one counts
    with others, and never starts more often than it may.

    Args:
        name: For ``stats()["gate"]`` and metrics, which have no label for a key.
        rate: Of each key: ``"10/s"``, ``"100/60s"``, a ``Rate``, or several of them.
        pace: Of each key: each start at least so long after the one before.
        jitter: Of a pace: up to so much more.
        max_keys: So many are kept.
        queue: Starts that may wait at once; the next is refused with ``Overloaded``.
        key_queue: The same of one key.

    Raises:
        ConfigError: It promises nothing, or what cannot be.

    Example:
        >>> users = tidegate.KeyedLimiter("users", rate=tidegate.Rate(10, 1, burst=20))
        >>> if not users.try_acquire(user):       # now or not at all
        ...     ...
        >>> async with hosts(host, timeout=10):   # waits, or raises RateLimited at once
        ...     ...
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str = "keyed",
        *,
        rate: str | Rate | Iterable[str | Rate] = (),
        pace: float | str | None = None,
        jitter: float | str = 0.0,
        max_keys: int = 100_000,
        queue: int = 1024,
        key_queue: int = 64,
    ) -> KeyedLimiter:
        rates, paced = limits_of(rate, pace, jitter, None)
        return super().__new__(
            cls,
            str(name),
            rates,
            paced,
            whole_number("queue", queue, 0),
            whole_number("key_queue", key_queue, 0),
            whole_number("max_keys", max_keys, 0),
        )

    def acquire(
        self, key: str | bytes, weight: int = 1, *, timeout: float | str | None = None
    ) -> Operation[float]:
        """Waits for the turn of a start of ``weight`` permits; its value is how long that took.

        Args:
            key: Who starts; a text counts as its UTF-8. At most 1,024 bytes.
            weight: Permits that it takes together; at most the burst.
            timeout: How long it may wait; 0 is now or not at all, with ``retry_after`` on the
                error. Where its turn would come later it is refused at once. Inside a page its
                deadline counts too.

        Returns:
            An operation: ``await`` it, or ``.result()``. It fails with ``RateLimited``.
        """
        if (started := self._now(key, weight)) is not None:
            return started
        return self._start(key, weight, deadline_of(timeout))

    def penalize(self, key: str | bytes, time: float | str) -> None:
        """Nothing starts for ``key`` for so long, an hour at the most, and then one at a time."""
        self._penalize(key, seconds("time", time, MOST_TIME))

    def stats(self) -> KeyedLimiterStats:
        """What it and all others of its name did and do."""
        return KeyedLimiterStats(*self._counts)

    def __call__(
        self, key: str | bytes, weight: int = 1, *, timeout: float | str | None = None
    ) -> Turn:
        """The same as a block: ``async with limiter(key, timeout=10):`` or ``with``."""
        return Turn(partial(self.acquire, key, weight, timeout=timeout))
