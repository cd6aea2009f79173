"""KeyedLimiter: how often each of many may start something."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ._duration import seconds
from ._limiter import MOST_TIME, Rate, limits_of, whole_number
from ._native import core
from ._page import current_page

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
        until = math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
        page = current_page()
        return self._start(key, weight, until if page is None else min(until, page.deadline))

    def penalize(self, key: str | bytes, time: float | str) -> None:
        """Nothing starts for ``key`` for so long, an hour at the most, and then one at a time."""
        self._penalize(key, seconds("time", time, MOST_TIME))

    def stats(self) -> KeyedLimiterStats:
        """What it and all others of its name did and do."""
        return KeyedLimiterStats(*self._counts)

    def __call__(
        self, key: str | bytes, weight: int = 1, *, timeout: float | str | None = None
    ) -> KeyTurn:
        """The same as a block: ``async with limiter(key, timeout=10):`` or ``with``."""
        return KeyTurn(self, key, weight, timeout)


class KeyTurn:
    """A block that begins when the turn of its key has come."""

    __slots__ = ("_key", "_limiter", "_timeout", "_weight")

    def __init__(
        self, limiter: KeyedLimiter, key: str | bytes, weight: int, timeout: float | str | None
    ) -> None:
        self._limiter = limiter
        self._key = key
        self._weight = weight
        self._timeout = timeout

    async def __aenter__(self) -> None:
        await self._limiter.acquire(self._key, self._weight, timeout=self._timeout)

    async def __aexit__(self, *_: object) -> None:
        pass

    def __enter__(self) -> None:
        self._limiter.acquire(self._key, self._weight, timeout=self._timeout).result()

    def __exit__(self, *_: object) -> None:
        pass
