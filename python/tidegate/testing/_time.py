"""Pauses without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from .. import _clock


class VirtualTime:
    """A clock that stands still but for the pauses of ``tidegate.retry``, which take no time.

    It begins at the time of its making, so that the deadline of a page counts on it too.

    Attributes:
        pauses: Each of them, in seconds, in their order.
    """

    __slots__ = ("_now", "pauses")

    def __init__(self) -> None:
        self._now = monotonic()
        self.pauses: list[float] = []

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Lets time pass, as a slow call would."""
        self._now += seconds

    def sleep(self, seconds: float, /) -> None:
        self.pauses.append(seconds)
        self._now += seconds

    async def sleep_async(self, seconds: float, /) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


@contextmanager
def virtual_time() -> Iterator[VirtualTime]:
    """The pauses of ``tidegate.retry`` take no time inside the block, in this context.

    It is Python's own pauses alone: a request of a real client has the real time.

    Example:
        >>> with tidegate.testing.virtual_time() as time:
        ...     fetch_rates()
        >>> assert len(time.pauses) == 2
    """
    made = VirtualTime()
    token = _clock.current.set(made)
    try:
        yield made
    finally:
        _clock.current.reset(token)
