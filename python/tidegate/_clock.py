"""What pauses of Python's own are measured and waited by, so that a test can stand in for time."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Protocol


class Clock(Protocol):
    """Points in time are those of ``time.monotonic()``."""

    def now(self) -> float: ...
    def sleep(self, seconds: float, /) -> None: ...
    async def sleep_async(self, seconds: float, /) -> None: ...


class _RealClock:
    now = staticmethod(time.monotonic)

    def sleep(self, seconds: float, /) -> None:
        time.sleep(seconds)

    async def sleep_async(self, seconds: float, /) -> None:
        await asyncio.sleep(seconds)


current: ContextVar[Clock] = ContextVar("tidegate_clock", default=_RealClock())  # noqa: B039 - it has no state
