"""Limiter: how often something may start."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from ._duration import seconds
from ._errors import InvalidArgument, RateLimited
from ._native import core
from ._page import current_page

if TYPE_CHECKING:
    from ._operation import Operation
    from ._settings import Config

MOST_TIME = 366 * 86_400.0

Rates = tuple[tuple[int, float, int, bool], ...]
Paced = tuple[float, float, int, float, float]
_UNITS = ("ns", "us", "ms", "s", "m", "h", "d")


class Rate(NamedTuple):
    """One promise of a limiter.

    Attributes:
        permits: How many may start …
        per: … in so many seconds.
        burst: So many of them at the same moment.
        strict: Never more than ``permits`` in any window of ``per``; otherwise on the long run.
    """

    permits: int
    per: float | str = 1.0
    burst: int = 1
    strict: bool = False


class LimiterStats(NamedTuple):
    """What all limiters of one name in this process did and do.

    Attributes:
        granted: Starts let through.
        refused: Starts refused at once, or at their deadline.
        lost: Slots of cancelled reservations that nobody else could have.
        penalties: Calls of ``penalize()``.
        waiting: Starts that wait for their turn, now.
    """

    granted: int
    refused: int
    lost: int
    penalties: int
    waiting: int


class Limiter(core.Limiter):
    """Lets something start so often, first come, first served.

    Args:
        name: For ``stats()["gate"]`` and metrics; limiters of one name count together.
        rate: ``"10/s"``, ``"100/60s"``, a ``Rate``, or several of them: all of them then hold.
        pace: Each start at least so long after the one before.
        jitter: Of a pace: up to so much more.
        pause: Of a pace: ``(20, 1, 3)`` is a pause from 1 to 3 s after each 20 starts.
        queue: Starts that may wait at once; the next is refused with ``Overloaded``.
        share: ``"host"``: all limiters of its name count together, in all processes of this user
            on this host; otherwise those of a process do not, and a child of ``fork()`` begins
            anew.
        state_dir: Of a host: the directory of what they share, by its absolute path.
            ``/dev/shm/tidegate-<uid>``.
        config: Its ``gate.state_dir`` counts where no ``state_dir`` is given.

    Raises:
        ConfigError: It promises nothing, or what cannot be. Of a host also: it has no name of its
            own, others that run promise something else under it, or the directory is not to be
            trusted.

    Example:
        >>> limiter = tidegate.Limiter("encar", pace=0.5, pause=(20, 1, 3))
        >>> if limiter.try_acquire():       # now or not at all
        ...     ...
        >>> async with limiter(timeout=10):  # waits for its turn, or raises RateLimited at once
        ...     ...
    """

    __slots__ = ()

    def __new__(
        cls,
        name: str = "limiter",
        *,
        rate: str | Rate | Iterable[str | Rate] = (),
        pace: float | str | None = None,
        jitter: float | str = 0.0,
        pause: tuple[int, float | str, float | str] | None = None,
        queue: int = 1024,
        share: Literal["process", "host"] = "process",
        state_dir: str | os.PathLike[str] | None = None,
        config: Config | None = None,
    ) -> Limiter:
        rates, paced = limits_of(rate, pace, jitter, pause)
        check_share(share)
        if state_dir is None:
            state_dir = str(config.get("gate.state_dir")) if config else ""
        return super().__new__(
            cls,
            str(name),
            rates,
            paced,
            whole_number("queue", queue, 0),
            share == "host",
            os.fspath(state_dir),
        )

    def reserve(self, weight: int = 1, *, timeout: float | str | None = None) -> Reservation:
        """Books a start of ``weight`` permits in the future, for who waits by itself.

        Args:
            weight: Permits that it takes together; at most the burst.
            timeout: How far away it may be.

        Raises:
            RateLimited: It would be later, or somebody waits for a turn.
            InvalidArgument: The weight is beyond the burst.
        """
        most = MOST_TIME if timeout is None else seconds("timeout", timeout)
        booked = self._reserve(weight, most)
        if isinstance(booked, float):
            refused = RateLimited(f"the next start is {booked:.3f} s away, later than it may be")
            refused.retry_after = booked
            raise refused
        return Reservation(booked)

    def stats(self) -> LimiterStats:
        """What it and all others of its name did and do."""
        return LimiterStats(*self._counts)

    def __call__(self, weight: int = 1, *, timeout: float | str | None = None) -> Turn:
        """The same as a block: ``async with limiter(timeout=10):`` or ``with``."""
        return Turn(self, weight, timeout)

    def _acquire(self, weight: int = 1, *, timeout: float | str | None = None) -> Operation[float]:
        """Of ``acquire()``, what is not granted at once. Called by the extension."""
        until = math.inf if timeout is None else time.monotonic() + seconds("timeout", timeout)
        page = current_page()
        return self.start(weight, until if page is None else min(until, page.deadline))

    def _enter(self) -> None:
        self._acquire().result()

    async def _enter_async(self) -> None:
        await self._acquire()


class Turn:
    """A block that begins when its turn has come."""

    __slots__ = ("_limiter", "_timeout", "_weight")

    def __init__(self, limiter: Limiter, weight: int, timeout: float | str | None) -> None:
        self._limiter = limiter
        self._weight = weight
        self._timeout = timeout

    async def __aenter__(self) -> None:
        await self._limiter.acquire(self._weight, timeout=self._timeout)

    async def __aexit__(self, *_: object) -> None:
        pass

    def __enter__(self) -> None:
        self._limiter.acquire(self._weight, timeout=self._timeout).result()

    def __exit__(self, *_: object) -> None:
        pass


class Reservation:
    """A start that is booked. Dropping it keeps the slot.

    Attributes:
        start: When it may be, on the clock of ``time.monotonic()``.
    """

    __slots__ = ("_native", "start")

    def __init__(self, native: core.Reservation) -> None:
        self._native = native
        self.start = native.start

    @property
    def delay(self) -> float:
        """How long it is until then, in seconds; 0.0 once it has come."""
        return max(0.0, self.start - time.monotonic())

    def cancel(self) -> None:
        """It does not start: whoever comes next has its slot, unless somebody has booked behind it
        or its time has passed. More than once does nothing.
        """
        self._native.cancel()


def limits_of(
    rate: str | Rate | Iterable[str | Rate],
    pace: float | str | None,
    jitter: float | str,
    pause: tuple[int, float | str, float | str] | None,
) -> tuple[Rates, Paced | None]:
    """Rates and pace as the extension takes them."""
    given = [rate] if isinstance(rate, (str, Rate)) else rate
    rates = tuple(_checked(each) for each in given)
    if pace is None:
        if pause:
            raise InvalidArgument("a pause is of a pace, and there is none")
        return rates, None
    every, least, most = pause or (0, 0.0, 0.0)
    return rates, (
        seconds("pace", pace, MOST_TIME),
        seconds("jitter", jitter, MOST_TIME),
        whole_number("pause", every, 0),
        seconds("pause", least, MOST_TIME),
        seconds("pause", most, MOST_TIME),
    )


def check_share(share: str) -> None:
    """It is one that there is."""
    if share not in ("process", "host"):
        raise InvalidArgument(f"share must be 'process' or 'host', not {share!r}")


def _checked(rate: str | Rate) -> tuple[int, float, int, bool]:
    given = _parsed(rate) if isinstance(rate, str) else rate
    if not isinstance(given, Rate):
        raise InvalidArgument(f"a rate is a text like '10/s' or a Rate, not {given!r}")
    return (
        whole_number("permits", given.permits, 0, 2**63),
        seconds("per", given.per, MOST_TIME),
        whole_number("burst", given.burst, 0),
        bool(given.strict),
    )


def _parsed(text: str) -> Rate:
    permits, slash, per = text.partition("/")
    if not slash or not permits.strip().isdecimal():
        raise InvalidArgument(f"rate must be like '10/s' or '100/60s', not {text!r}")
    unit = per.strip()
    return Rate(int(permits), f"1{unit}" if unit in _UNITS else unit)


def whole_number(name: str, value: int, least: int, most: int = 2**31) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < most:
        raise InvalidArgument(f"{name} must be a whole number from {least} on, not {value!r}")
    return value
