"""Gate: whether, when and how many at once something may start."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, cast

from ._breaker import _MODES, BreakerStats, Mode, _enter, _leave, stats_of
from ._duration import seconds
from ._errors import InvalidArgument
from ._gate_permit import GatePermit
from ._gate_settings import GateSettings
from ._limiter import Rate, Share, ShareDown, limits_of, shared_by, whole_number
from ._native import core
from ._page import deadline_of
from ._settings import Config
from ._work import is_coroutine_function

if TYPE_CHECKING:
    from ._operation import Operation

P = ParamSpec("P")
T = TypeVar("T")

Priority = Literal["high", "normal", "low"]
_PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")


@dataclass(frozen=True, slots=True)
class GateStats:
    """What a gate did and does. The counters are of all gates of its name in this process.

    Attributes:
        granted: Calls let through.
        refused: At once, or at their deadline.
        circuit_open: Of them, by the breaker.
        penalties: Times that all starts were put off.
        waiting: For their turn, now.
        inside: Calls that have started and not ended.
        concurrency: How many may be inside; 0: any number.
        breaker: How the breaker is; None where there is none.
        rate: Starts in a second, where ``adaptive_rate`` holds them back; else 0.0.
    """

    granted: int
    refused: int
    circuit_open: int
    penalties: int
    waiting: int
    inside: int
    concurrency: int
    breaker: BreakerStats | None
    rate: float


class Gate:
    """Breaker, slots, starts and one line before them: who may call a service now.

    What is not given lets everything through. A call enters where the breaker is not open, a slot
    is free, and its start has come; who has to wait stands in one line, in the order of
    priorities, first come, first served. Whoever cannot start before its deadline is refused at
    once with ``RateLimited``; whoever got no slot until then, with ``PoolTimeout``. Where the
    breaker opens, all that wait raise ``CircuitOpen`` at once; where another process has opened
    it, with the next call of this one, or when their turn comes.

    What counts as a failure is what does for a ``Breaker``; a call that is cancelled counts as
    nothing, and its slot is the next one's.

    A block keeps its slot until it is left, in whatever thread or context that is: a dependency of
    FastAPI's that yields may be left in another one than it was entered in.

    For any thread and any event loop. A child made by ``fork()`` has a gate of its own.

    Args:
        name: For ``stats()["gate"]``, metrics and messages. What is not given below is what the
            settings ``gate.*`` of ``config`` say for the service of this name, or for all; without
            them a limit is none, and the rest has the defaults.
        rate: ``"10/s"``, ``"100/60s"``, a ``Rate``, or several of them: all of them then hold.
        pace: Each start at least so long after the one before.
        jitter: Of a pace: up to so much more.
        pause: Of a pace: ``(20, 1, 3)`` is a pause from 1 to 3 s after each 20 starts.
        concurrency: So many inside at once; None: any number. ``(1, 20, 100)`` adapts it: 20 to
            begin with, one more for each second in which calls went well and half of the slots
            were in use, a tenth less where one ends with 429, 503, a timeout or without a
            connection.
        queue: Calls that may wait at once; the next is refused with ``Overloaded``.
        breaker: True for a breaker with the settings ``breaker.*``, or a mapping of such settings:
            ``{"consecutive": 5, "open_for": "10s"}``.
        max_penalty: The longest time for which an answer can put off all starts.
        adaptive_rate: After an answer of 429, or of 503 that says when to come again, starts are
            evenly apart, at seven tenths of the rate at which they were made, and more as time goes
            by (a cubic curve, as in botocore). In addition to the limits. Each process learns by
            itself; with ``share`` all together start no more often than the one that has learned.
        rate_limit_fields: An answer of any status that says in the fields of the RateLimit family
            that nothing is left of a limit puts off all starts until it is renewed.
        share: ``"host"``: all gates of its name on this host, in all processes of this user, have
            one rate, pace and breaker, and one penalty holds for all; slots and lines stay each
            process's own. ``"redis"``: the same of all that use one Redis, on any host; but each
            breaker counts for itself, and all open and close together. ``try_enter()`` and
            ``enter()`` then wait for its answer.
        state_dir: The directory of what is shared, by its absolute path; the setting
            ``gate.state_dir``.
        redis: ``"redis://:password@host:6379/0"`` or ``"unix:///path"``; the setting
            ``gate.redis``, as the next three.
        redis_timeout: How long Redis may take to answer. 50 ms.
        share_down: While it does not: ``"local"`` goes on with limits of this process, ``"open"``
            lets everything start, ``"refuse"`` nothing: ``EngineUnavailable``.
        share_workers: Among how many processes the limits are divided then. 1.
        ignore: Exceptions that say nothing about the service.
        config: The settings that count where nothing is given.
        service: The service of the configuration whose settings count, if it is not the one that
            has the gate's name.

    Raises:
        ConfigError: It cannot work: a rate of nothing, a setting out of its range.

    Example:
        >>> gate = tidegate.Gate("encar", pace=0.5, concurrency=8, breaker=True)
        >>> async with gate(timeout=10):
        ...     listing = await fetch(car)
        >>> @gate.limit
        ... def ask(): ...
    """

    __slots__ = ("_held", "_ignore", "_name", "_native")
    _held: set[GatePermit]  # of the blocks that were entered and are not left

    def __init__(
        self,
        name: str = "gate",
        *,
        rate: str | Rate | Iterable[str | Rate] | None = None,
        pace: float | str | None = None,
        jitter: float | str | None = None,
        pause: tuple[int, float | str, float | str] | None = None,
        concurrency: int | tuple[int, int, int] | None = None,
        queue: int | None = None,
        breaker: bool | Mapping[str, Any] | None = None,
        max_penalty: float | str | None = None,
        adaptive_rate: bool | None = None,
        rate_limit_fields: bool | None = None,
        share: Share | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        redis: str | None = None,
        redis_timeout: float | str | None = None,
        share_down: ShareDown | None = None,
        share_workers: int | None = None,
        ignore: type[BaseException] | tuple[type[BaseException], ...] = (),
        config: Config | None = None,
        service: str = "",
    ) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidArgument(f"a gate needs a name, not {name!r}")
        # What is not given is what the settings say, or their defaults.
        known = Config() if config is None else config
        if not service and _SERVICE.fullmatch(name):
            service = name
        said = GateSettings(known, service)
        if pace is None:
            pace = said.pace()
        if pause is None and pace is not None:
            pause = said.pause()
        rates, paced = limits_of(
            said.rate() if rate is None else rate,
            pace,
            said.get("jitter") if jitter is None else jitter,
            pause,
        )
        share = cast("Share", said.get("share")) if share is None else share
        shared = shared_by(share, state_dir, redis, redis_timeout, share_down, share_workers)
        if concurrency is None:
            concurrency = said.get("concurrency") or None
        if breaker is None:
            breaker = bool(said.get("breaker"))
        settings = None
        if breaker is not False:
            own = {} if breaker is True else dict(breaker)
            settings = known.with_settings("breaker", own, service)._native
        kinds = ignore if isinstance(ignore, tuple) else (ignore,)
        for kind in kinds:
            if not isinstance(kind, type) or not issubclass(kind, BaseException):
                raise InvalidArgument(f"ignore must be classes of exceptions, not {kind!r}")
        self._held = set()
        self._ignore = kinds
        self._name = name
        self._native = core.make_gate(
            name,
            rates,
            paced,
            _slots(concurrency),
            whole_number("queue", said.get("queue") if queue is None else queue, 0),
            seconds("max_penalty", said.get("max_penalty") if max_penalty is None else max_penalty),
            (
                bool(said.get("adaptive_rate") if adaptive_rate is None else adaptive_rate),
                bool(
                    said.get("rate_limit_fields")
                    if rate_limit_fields is None
                    else rate_limit_fields
                ),
            ),
            (*shared, known._native, service),
            settings,
            service,
        )

    @classmethod
    def of(cls, service: str, config: Config | None = None) -> Gate | None:
        """The gate of a service, by its settings: one in a process, which its clients use too.

        Args:
            service: Its name.
            config: The settings. Who asks with other ones has another gate.

        Returns:
            The gate; None where none of ``gate.rate``, ``gate.pace``, ``gate.concurrency``,
            ``gate.breaker``, ``gate.adaptive_rate`` and ``gate.rate_limit_fields`` is set for the
            service, or for all.

        Raises:
            ConfigError: It cannot work.
            InvalidArgument: The name is not 1 to 64 of a-z, 0-9 and _.
        """
        if not isinstance(service, str) or not _SERVICE.fullmatch(service):
            raise InvalidArgument(f"a service is called by 1 to 64 of a-z, 0-9, _: {service!r}")
        native = core.gate_of_service((config or Config())._native, service)
        if native is None:
            return None
        made = object.__new__(Gate)
        made._held = set()
        made._ignore = ()
        made._name = service
        made._native = native
        return _of_services.setdefault(native.key, made)

    @property
    def name(self) -> str:
        """As it was given."""
        return self._name

    def try_enter(self) -> GatePermit:
        """A permit now, or its refusal, which is false and says why. Never waits, but for the
        answer of Redis where the limits are shared through it.
        """
        entered = self._native.try_enter()
        if isinstance(entered, tuple):
            return GatePermit(None, entered)
        return GatePermit(entered)

    def enter(self) -> GatePermit:
        """A permit now. Waits as little as ``try_enter()``.

        Raises:
            CircuitOpen: The breaker is open.
            PoolTimeout: No slot is free.
            RateLimited: It may not start yet.
            EngineUnavailable: Redis could not be asked.
        """
        permit = self.try_enter()
        permit._raise()
        return permit

    def acquire(
        self, *, timeout: float | str | None = None, priority: Priority = "normal"
    ) -> Operation[GatePermit]:
        """Waits for its turn; the value is the permit.

        Args:
            timeout: How long it may wait. Inside a page its deadline counts too.
            priority: Who goes first: ``"high"``, ``"normal"``, ``"low"``.

        Returns:
            An operation: ``await`` it, or ``.result()``. One that is dropped with its permit
            unsaid gives the slot back.
        """
        deadline = deadline_of(timeout)
        if priority not in _PRIORITIES:
            raise InvalidArgument(
                f"priority must be one of {', '.join(_PRIORITIES)}, not {priority!r}"
            )
        return self._native.acquire(_PRIORITIES.index(priority), deadline, self)

    def __call__(
        self, *, timeout: float | str | None = None, priority: Priority = "normal"
    ) -> GateBlock:
        """The same as a block: ``async with gate(timeout=10) as permit:`` or ``with``."""
        return GateBlock(self, timeout, priority)

    def limit(self, fn: Callable[P, T], /) -> Callable[P, T]:
        """Decorates a function or a coroutine function: each call waits for its turn."""
        if not callable(fn) or isinstance(fn, type):
            raise InvalidArgument(f"a gate decorates a function, not {fn!r}")
        decorated: Any = fn
        if is_coroutine_function(fn):

            @functools.wraps(fn)
            async def limited_coroutine(*args: Any, **kwargs: Any) -> Any:
                async with self():
                    return await decorated(*args, **kwargs)

            return cast("Callable[P, T]", limited_coroutine)

        @functools.wraps(fn)
        def limited(*args: Any, **kwargs: Any) -> Any:
            with self():
                return decorated(*args, **kwargs)

        return cast("Callable[P, T]", limited)

    def penalize(self, time: float | str) -> None:
        """Nothing starts for so long, at most ``max_penalty``."""
        self._native.penalize(seconds("time", time))

    def force(self, mode: Mode) -> None:
        """Gives an order to the breaker, if there is one; see ``Breaker.force()``."""
        if mode not in _MODES:
            raise InvalidArgument(f"mode must be one of {', '.join(_MODES)}, not {mode!r}")
        self._native.force(_MODES.index(mode))

    def stats(self) -> GateStats:
        """How it is now."""
        granted, refused, opened, penalties, waiting, inside, most, inner, rate = (
            self._native.stats()
        )
        breaker = None if inner is None else stats_of(inner)
        return GateStats(granted, refused, opened, penalties, waiting, inside, most, breaker, rate)

    async def __aenter__(self) -> GatePermit:
        return self._hold((await self.acquire()).value)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def __enter__(self) -> GatePermit:
        return self._hold(self.acquire().result().value)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        permit: GatePermit = _leave(self)
        try:
            self._held.remove(permit)
        except KeyError:  # it was entered in another context, or one that was has taken this one's
            if not self._held:
                return
            permit = self._held.pop()
        self._ended(permit, error)

    def _hold(self, permit: GatePermit) -> GatePermit:
        self._held.add(permit)
        _enter(self, permit)
        return permit

    def _permit(self, native: core.GatePermit) -> GatePermit:
        return GatePermit(native)

    def _ended(self, permit: GatePermit, error: BaseException | None) -> None:
        if error is None:
            permit.success()
        else:
            self._failed(permit, error)

    def _failed(self, permit: GatePermit, error: BaseException) -> None:
        if isinstance(error, self._ignore):
            permit.cancel()
        else:
            permit.failure(error)

    def __repr__(self) -> str:
        stats = self.stats()
        return f"<tidegate.Gate {self._name!r}, {stats.inside} inside, {stats.waiting} waiting>"


def gate_of(gate: Gate | str | None, config: Config) -> core.Gate | None:
    """What is native of a gate, or of that of the service of this name.

    Raises:
        ConfigError: No setting makes a gate for the service.
        InvalidArgument: It is neither a gate nor a name.
    """
    if gate is None or isinstance(gate, Gate):
        return None if gate is None else gate._native
    if not isinstance(gate, str):
        raise InvalidArgument(f"gate must be a tidegate.Gate or a service's name, not {gate!r}")
    return core.named_gate(config._native, gate)


class GateBlock:
    """A block that is entered when its turn has come. Once."""

    __slots__ = ("_gate", "_permit", "_priority", "_timeout")
    _permit: GatePermit

    def __init__(self, gate: Gate, timeout: float | str | None, priority: Priority) -> None:
        self._gate = gate
        self._timeout = timeout
        self._priority = priority

    async def __aenter__(self) -> GatePermit:
        acquired = self._gate.acquire(timeout=self._timeout, priority=self._priority)
        self._permit = (await acquired).value
        return self._permit

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gate._ended(self._permit, error)

    def __enter__(self) -> GatePermit:
        acquired = self._gate.acquire(timeout=self._timeout, priority=self._priority)
        self._permit = acquired.result().value
        return self._permit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gate._ended(self._permit, error)


def _slots(concurrency: int | tuple[int, int, int] | None) -> tuple[int] | tuple[int, int, int]:
    if concurrency is None:
        return (0,)
    if not isinstance(concurrency, tuple):
        return (whole_number("concurrency", concurrency, 1),)
    if len(concurrency) != 3:
        raise InvalidArgument(f"concurrency is a number, or least, first and most: {concurrency!r}")
    least, first, most = (whole_number("concurrency", each, 1) for each in concurrency)
    return (least, first, most)


_SERVICE = re.compile("[a-z0-9_]{1,64}")
# The gates of services; in a child of a fork, its parent's too.
_of_services: dict[int, Gate] = {}
