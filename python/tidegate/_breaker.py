"""A service that fails is left alone for a while."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NoReturn, ParamSpec, TypeVar, cast

from ._errors import CircuitOpen, HTTPStatusError, InvalidArgument
from ._native import core
from ._settings import Config
from ._work import FAILED, cause_of, is_coroutine_function

P = ParamSpec("P")
T = TypeVar("T")

State = Literal["closed", "open", "half_open"]
Share = Literal["process", "host", "redis"]
Mode = Literal["automatic", "forced_open", "forced_closed", "disabled"]

_MODES: tuple[Mode, ...] = ("automatic", "forced_open", "forced_closed", "disabled")


@dataclass(frozen=True, slots=True)
class BreakerStats:
    """How a breaker is now.

    Attributes:
        state: ``"closed"``, ``"open"`` or ``"half_open"``.
        mode: ``"automatic"``, or what ``force()`` was called with.
        retry_after: What a refusal would say now, in seconds; 0.0 where a call would enter.
        calls: Those of the window, since the last change of state.
        failures: Of them.
        slow: Of them.
        probing: Calls that try a half-open one.
        redis_answers: Through Redis, of all breakers of its name in this process: questions that it
            has answered …
        redis_failures: … and those that it has not.
    """

    state: State
    mode: Mode
    retry_after: float
    calls: int
    failures: int
    slow: int
    probing: int
    redis_answers: int = 0
    redis_failures: int = 0


def stats_of(counts: tuple[Any, ...]) -> BreakerStats:
    state, mode, *rest = counts
    return BreakerStats(state, _MODES[mode], *rest)


class BreakerPermit(core.BreakerPermit):
    """The right to make one call. It is told once what came of it; later words change nothing."""

    __slots__ = ()

    def failure(self, error: BaseException | None = None) -> None:
        """The call failed. What is no fault of the service does not count: see ``Breaker``."""
        if isinstance(error, HTTPStatusError) and error.status:
            self.http_status(error.status)
        else:
            self._ended(FAILED if error is None else cause_of(error))

    def timed(self, timeout: float, took: float = 0.0) -> None:
        """Said before what came of it: the call had a timeout of its own.

        Where no ``slow_after`` is set, a call is slow past four fifths of its timeout.

        Args:
            timeout: What the call was given, in seconds.
            took: How long its answer took; 0.0: until now.
        """
        self._timed(timeout, took)


class Breaker(core.Breaker):
    """A service that fails is left alone for a while, and asked again a little before it is asked
    as before.

    Closed, everything enters. It opens where, of at least 20 calls in 60 s, half failed; with
    ``slow_after``, where 80 % took longer; with ``consecutive``, after so many failures in a row.
    Open, every call raises ``CircuitOpen`` at once, for 5 s, and twice as long each time that
    follows, up to 300 s. Then three calls enter to try: two failures, and it is open again.

    With ``share="redis"`` each counts its own calls. Where one opens, all of its name that use the
    Redis are open when they hear of it: while calls come they ask four times a second, and no call
    waits for the answer. The first whose probes succeed closes it for all. While Redis is down each
    goes on by itself.

    An exception is a failure, but for those that say nothing about the service: an ``Error`` whose
    cause is local, an ``HTTPStatusError`` with 429, what is cancelled, ``KeyboardInterrupt`` and
    other exceptions that are no ``Exception``, and those of ``ignore``. An ``HTTPStatusError``
    below 500 is a success: the service has answered.

    A block that is left in another ``contextvars`` context than it was entered in, as a dependency
    of FastAPI's that yields may be, says nothing either: use ``enter()`` there.

    With ``share="host"`` all breakers of its name on this host, in all processes of this user, are
    one: what fails in one worker counts in all. They have to have the same settings.

    For any thread and any event loop. A child made by ``fork()`` has a breaker of its own, or goes
    on with the host's.

    Args:
        name: By which it is known in figures and messages.
        failure_rate: The share of failures that opens it; 0: they do not count. 0.5.
        slow_rate: The share of slow calls that opens it. 0.8.
        slow_after: What a call may take; one that takes longer is slow. 0: none is, but of the
            attempts of a client past four fifths of their timeout.
        min_calls: So many calls before a share counts. 20.
        window: How far back calls count. 60 s.
        consecutive: Failures in a row that open it, however few calls there were. 0: they do not.
        probes: Calls that try a half-open one, 1 to 64. 3.
        probe_timeout: How long such a call may say nothing before its place is another's. 10 s.
        open_for: How long it is open the first time. 5 s.
        max_open_for: The longest that it is open at a time. 300 s.
        share: ``"host"``: with all of its name on this host; ``"redis"``: it counts for itself, and
            opens and closes with all of its name that use one Redis, on any host; ``"process"``:
            with nobody.
        state_dir: The directory of what is shared, by its absolute path; the setting
            ``gate.state_dir``.
        redis: ``"redis://:password@host:6379/0"`` or ``"unix:///path"``; the setting
            ``gate.redis``.
        redis_timeout: How long Redis may take to answer, which no call waits for; the setting
            ``gate.redis_timeout``. 50 ms.
        ignore: Exceptions that say nothing about the service.
        config: The settings that count where nothing is given.
        service: The service of the configuration whose settings count.

    Raises:
        ConfigError: A value is of the wrong type or out of its range; or with ``share="host"`` it
            has no name of its own, others run under its name with different settings, or the
            directory is not to be trusted; with ``share="redis"`` it has no name of its own, or
            there is no URL.

    Example:
        >>> breaker = tidegate.Breaker("encar", consecutive=5)
        >>> async with breaker:
        ...     listing = await fetch(car)
        >>> @breaker
        ... def ask(): ...
    """

    __slots__ = ("_ignore", "_name")

    def __init__(
        self,
        name: str = "default",
        *,
        failure_rate: float | None = None,
        slow_rate: float | None = None,
        slow_after: float | str | None = None,
        min_calls: int | None = None,
        window: float | str | None = None,
        consecutive: int | None = None,
        probes: int | None = None,
        probe_timeout: float | str | None = None,
        open_for: float | str | None = None,
        max_open_for: float | str | None = None,
        share: Share | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        redis: str | None = None,
        redis_timeout: float | str | None = None,
        ignore: type[BaseException] | tuple[type[BaseException], ...] = (),
        config: Config | None = None,
        service: str = "",
    ) -> None:
        merged = (
            (Config() if config is None else config)
            .with_settings(
                "breaker",
                {
                    "failure_rate": failure_rate,
                    "slow_rate": slow_rate,
                    "slow_after": slow_after,
                    "min_calls": min_calls,
                    "window": window,
                    "consecutive": consecutive,
                    "probes": probes,
                    "probe_timeout": probe_timeout,
                    "open_for": open_for,
                    "max_open_for": max_open_for,
                    "share": share,
                },
                service,
            )
            .with_settings(
                "gate", {"state_dir": None if state_dir is None else os.fspath(state_dir)}
            )
            .with_settings("gate", {"redis": redis, "redis_timeout": redis_timeout}, service)
        )
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"a breaker needs a name, not {name!r}")
        kinds = ignore if isinstance(ignore, tuple) else (ignore,)
        for kind in kinds:
            if not isinstance(kind, type) or not issubclass(kind, BaseException):
                raise InvalidArgument(f"ignore must be classes of exceptions, not {kind!r}")
        self._ignore = kinds
        self._name = name
        self._make(merged._native, service, name)

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    @property
    def state(self) -> State:
        """``"closed"``, ``"open"`` or ``"half_open"``."""
        return self.stats().state

    def stats(self) -> BreakerStats:
        """How it is now."""
        return stats_of(self._counts())

    def force(self, mode: Mode) -> None:
        """Orders it to be ``"forced_open"``, ``"forced_closed"`` or ``"disabled"``, which counts
        nothing, until it is ``"automatic"`` again.
        """
        if mode not in _MODES:
            raise InvalidArgument(f"mode must be one of {', '.join(_MODES)}, not {mode!r}")
        self._force(_MODES.index(mode))

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """Decorates a function or a coroutine function."""
        if not callable(fn) or isinstance(fn, type):
            raise InvalidArgument(f"a breaker decorates a function, not {fn!r}")
        decorated: Any = fn
        enter = self.enter
        if is_coroutine_function(fn):

            @functools.wraps(fn)
            async def guarded_coroutine(*args: Any, **kwargs: Any) -> Any:
                permit = enter()
                try:
                    value = await decorated(*args, **kwargs)
                except BaseException as error:
                    self._failed(permit, error)
                    raise
                permit.success()
                return value

            return cast("Callable[P, T]", guarded_coroutine)

        @functools.wraps(fn)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            permit = enter()
            try:
                value = decorated(*args, **kwargs)
            except BaseException as error:
                self._failed(permit, error)
                raise
            permit.success()
            return value

        return cast("Callable[P, T]", guarded)

    async def __aenter__(self) -> BreakerPermit:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _refused(self, retry_after: float) -> NoReturn:
        raise CircuitOpen(self._refusal(retry_after), retry_after=retry_after)

    def _leave(self) -> BreakerPermit | None:
        """Leaves a block that is not the innermost."""
        return cast("BreakerPermit | None", _leave(self))

    def _failed(self, permit: BreakerPermit, error: BaseException) -> None:
        if isinstance(error, self._ignore):
            permit.cancel()
        else:
            permit.failure(error)

    def __repr__(self) -> str:
        return f"<tidegate.Breaker {self._name!r}, {self.state}>"


# The blocks that this thread or task is inside of, the innermost first.
_Inside = tuple[object, Any, Any] | None
_inside: ContextVar[_Inside] = ContextVar("tidegate_breakers", default=None)


core.install_breaker(BreakerPermit, _inside)


def _enter(block: object, permit: object) -> None:
    _inside.set((block, permit, _inside.get()))


def _leave(left: object) -> Any:
    """The permit of a block, which is left; None where it was entered in another context."""
    passed: list[tuple[object, Any]] = []
    block = _inside.get()
    while block is not None:
        of, permit, outer = block
        if of is left:
            for skipped in reversed(passed):  # a generator's, that goes on inside of it
                outer = (*skipped, outer)
            _inside.set(outer)
            return permit
        passed.append((of, permit))
        block = outer
    return None
