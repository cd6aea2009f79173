"""Limiter: how often something may start."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from ._duration import seconds
from ._errors import InvalidArgument, RateLimited
from ._native import core
from ._page import deadline_of

if TYPE_CHECKING:
    from ._operation import Operation
    from ._settings import Config

MOST_TIME = 366 * 86_400.0

Share = Literal["process", "host", "redis"]
ShareDown = Literal["local", "open", "refuse"]
_SHARES = ("process", "host", "redis")
_SHARES_DOWN = ("local", "open", "refuse")

Shared = tuple[int, str | None, str | None, float | None, int | None, int | None]
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
        lost: Slots that nobody could have: their reservation was cancelled, or they came late.
        penalties: Calls of ``penalize()``.
        waiting: Starts that wait for their turn, now.
        redis_decisions: Starts that Redis has decided about …
        redis_failures: … and those that it could not be asked about.
    """

    granted: int
    refused: int
    lost: int
    penalties: int
    waiting: int
    redis_decisions: int = 0
    redis_failures: int = 0


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
            on this host; ``"redis"``: all that use one Redis, on any host; otherwise those of a
            process, and a child of ``fork()`` begins anew. Through Redis ``try_acquire()`` and
            ``reserve()`` wait for its answer: ``await acquire()`` on an event loop.
        state_dir: Of a host: the directory of what they share, by its absolute path.
            ``/dev/shm/tidegate-<uid>``.
        redis: ``"redis://:password@host:6379/0"`` or ``"unix:///path"``.
        redis_timeout: How long Redis may take to answer. 50 ms.
        share_down: While it does not: ``"local"`` goes on with limits of this process, ``"open"``
            lets everything start, ``"refuse"`` nothing: ``EngineUnavailable``.
        share_workers: Among how many processes the limits are divided then. 1.
        config: Its ``gate.*`` count for those of ``state_dir`` to ``share_workers`` that are not
            given.

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
        share: Share = "process",
        state_dir: str | os.PathLike[str] | None = None,
        redis: str | None = None,
        redis_timeout: float | str | None = None,
        share_down: ShareDown | None = None,
        share_workers: int | None = None,
        config: Config | None = None,
    ) -> Limiter:
        rates, paced = limits_of(rate, pace, jitter, pause)
        shared = shared_by(share, state_dir, redis, redis_timeout, share_down, share_workers)
        return super().__new__(
            cls,
            str(name),
            rates,
            paced,
            whole_number("queue", queue, 0),
            (*shared, config._native if config else None, ""),
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
        return Turn(partial(self.acquire, weight, timeout=timeout))

    def _acquire(self, weight: int = 1, *, timeout: float | str | None = None) -> Operation[float]:
        """Of ``acquire()``, what is not granted at once. Called by the extension."""
        return self._start(weight, deadline_of(timeout))

    def _enter(self) -> None:
        self._acquire().result()

    async def _enter_async(self) -> None:
        await self._acquire()


class Turn:
    """A block that begins when its turn has come."""

    __slots__ = ("_acquire",)

    def __init__(self, acquire: Callable[[], Operation[float]]) -> None:
        self._acquire = acquire

    async def __aenter__(self) -> None:
        await self._acquire()

    async def __aexit__(self, *_: object) -> None:
        pass

    def __enter__(self) -> None:
        self._acquire().result()

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


def shared_by(
    share: str,
    state_dir: str | os.PathLike[str] | None,
    redis: str | None,
    redis_timeout: float | str | None,
    share_down: str | None,
    share_workers: int | None,
) -> Shared:
    """With whom it counts together, as the extension takes it."""
    if redis is not None and not isinstance(redis, str):
        raise InvalidArgument("redis must be the URL of one, a text")
    return (
        _one_of("share", share, _SHARES),
        None if state_dir is None else os.fspath(state_dir),
        redis,
        None if redis_timeout is None else seconds("redis_timeout", redis_timeout),
        None if share_down is None else _one_of("share_down", share_down, _SHARES_DOWN),
        None if share_workers is None else whole_number("share_workers", share_workers, 1, 10_001),
    )


def _one_of(name: str, given: str, words: tuple[str, ...]) -> int:
    if given not in words:
        raise InvalidArgument(f"{name} must be one of {', '.join(words)}, not {given!r}")
    return words.index(given)


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
