"""aiolimiter's ``AsyncLimiter``, decided by tidegate's limiter.

What it replaces::

    from tidegate.adapters.aiolimiter import AsyncLimiter  # was: from aiolimiter import …

    limiter = AsyncLimiter(100, 60)
    async with limiter: ...

It keeps aiolimiter's promise, which is a leaky bucket's: ``max_rate`` at once, and that much again
in each ``time_period`` on the long run, so nearly twice as many in some window of that length. Who
comes while there is capacity has it, also where others wait. ``tidegate.Limiter`` is stricter where
it is asked to be, and lets nobody overtake.

Known differences:

- Those that wait have their turn in the order in which they came, not the lightest first.
- One that is cancelled is forgotten at once.
- ``max_rate`` and ``time_period`` are above zero, and may not be set later.
- Another event loop that runs is warned of too, not only one after another is closed; those that
  wait in the first one have their turn there.
- Time is counted in whole nanoseconds, an ``amount`` in hundredths or finer, rounded up where
  ``max_rate`` is above some thousands.

The module needs no aiolimiter.
"""

from __future__ import annotations

import asyncio
import math
import warnings
from asyncio import _get_running_loop
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any

from .._errors import InvalidArgument
from .._native import core

_STEPS = 2**31
_PARTS = 100  # of an amount of 1, that are exact
_LOST = 1e-3  # of a step, to the rounding of floats
_NAME = "aiolimiter"  # in stats and metrics


class AsyncLimiter(AbstractAsyncContextManager[None]):
    """Lets ``max_rate`` through at once, and as much again in each ``time_period``.

    Args:
        max_rate: How much may be acquired at once.
        time_period: In how many seconds that comes back.

    Raises:
        InvalidArgument: One of them is not above zero. It is a ``ValueError``.
    """

    __slots__ = ("_burst", "_line", "_native", "_one", "_step", "_unit", "max_rate", "time_period")

    max_rate: float
    time_period: float

    def __init__(self, max_rate: float, time_period: float = 60) -> None:
        if not 0 < max_rate < _STEPS or not 0 < time_period < math.inf:
            raise InvalidArgument(
                f"max_rate must be above 0 and below 2**31 and time_period above 0, "
                f"not {max_rate!r} and {time_period!r}"
            )
        self.max_rate = max_rate
        self.time_period = time_period
        period = time_period * 1e9
        self._step = math.ceil(period / _STEPS)  # nanoseconds
        unit = math.ceil(period / max_rate / self._step)  # steps of an amount of 1
        self._unit = unit if unit < _PARTS**3 else math.ceil(unit / _PARTS) * _PARTS
        self._burst = max(1, math.floor(max_rate * self._unit + _LOST))
        self._native = core.TimedLimiter(_NAME, self._step, self._burst)
        self._one = self._weight(1)
        self._line: _Line | None = None

    def has_capacity(self, amount: float = 1) -> bool:
        """Whether so much could be acquired now."""
        loop = self._here().loop
        if not 0 < amount <= self.max_rate:
            return amount <= 0
        return self._native(loop.time(), self._weight(amount), False) <= 0

    async def acquire(self, amount: float = 1) -> None:
        """Waits until there is so much capacity, and takes it.

        Raises:
            ValueError: ``amount`` is not from 0 to ``max_rate``.
        """
        if not 0 <= amount <= self.max_rate:
            raise InvalidArgument(
                f"Amount must be a number between 0 and the maximum capacity, not {amount!r}"
            )
        line = self._line
        if line is None or line.loop is not _get_running_loop():
            line = self._here()
        weight = self._one if amount == 1 else self._weight(amount)
        if weight > 0 and self._native(line.loop.time(), weight, True) > 0:
            await line.wait(weight)
        elif line.waiting:
            line.look()  # the first one's turn is later now

    def _weight(self, amount: float) -> int:
        return min(self._burst, math.ceil(amount * self._unit - _LOST))

    def _here(self) -> _Line:
        """Those that wait in the running loop; without one, in the last that there was."""
        line = self._line
        loop = _get_running_loop()
        if line is not None and (line.loop is loop or (loop is None and not line.loop.is_closed())):
            return line
        made = _Line(self._native, asyncio.get_running_loop())
        if line is not None:
            warnings.warn(
                "This AsyncLimiter instance is being re-used across loops. Please create a new "
                "limiter per event loop: one that waits in one loop knows nothing of the other.",
                RuntimeWarning,
                stacklevel=3,
            )
        self._line = made
        return made

    def __aenter__(self) -> Coroutine[Any, Any, None]:
        return self.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def __repr__(self) -> str:
        args = f"max_rate={self.max_rate!r}, time_period={self.time_period!r}"
        state = "level: 0.000000, waiters: 0"
        if self._line is not None:
            until_empty = self._native(self._line.loop.time(), self._burst, False)
            level = until_empty * 1e9 / self._step / self._unit
            state = f"level: {level:f}, waiters: {len(self._line.waiting)}"
        return f"<AsyncLimiter({args}) at {id(self):#x} [{state}]>"


class _Waiter:
    __slots__ = ("turn", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.turn: asyncio.Future[None] | None = None


class _Line:
    """Those that wait in one loop, the first one first, and one timer for that one's turn.

    Nobody has capacity before its task runs again: one that is cancelled meanwhile has taken none.
    """

    __slots__ = ("_native", "_timer", "loop", "waiting")

    def __init__(self, native: core.TimedLimiter, loop: asyncio.AbstractEventLoop) -> None:
        self._native = native
        self._timer: asyncio.TimerHandle | None = None
        self.loop = loop
        self.waiting: OrderedDict[_Waiter, None] = OrderedDict()

    async def wait(self, weight: int) -> None:
        waiter = _Waiter(weight)
        self.waiting[waiter] = None
        try:
            while True:
                waiter.turn = self.loop.create_future()
                self.look()
                await waiter.turn
                if self._native(self.loop.time(), weight, True) <= 0:
                    return
        finally:
            del self.waiting[waiter]
            self.look()

    def look(self) -> None:
        """Lets the first one try again where there is capacity, else when there will be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.waiting:
            return
        first = next(iter(self.waiting))
        if first.turn is None or first.turn.done():
            return
        now = self.loop.time()
        wait = self._native(now, first.weight, False)
        if wait <= 0:
            first.turn.set_result(None)
        else:
            self._timer = self.loop.call_at(now + wait, self.look)
