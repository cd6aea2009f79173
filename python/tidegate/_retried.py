"""Functions that are tried again: the rules of ``RetryPolicy`` for what is no HTTP request."""

from __future__ import annotations

import asyncio
import functools
import inspect
from asyncio import _get_running_loop
from collections.abc import Callable
from dataclasses import replace
from types import CoroutineType
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from . import _clock, _stacked
from ._duration import MOST_LIFE, seconds
from ._errors import Cancelled, Closed, Error, InvalidArgument
from ._native import core
from ._page import current_page
from ._retry import RetryBudget, RetryPolicy
from ._settings import Config
from ._work import is_coroutine_function

P = ParamSpec("P")
T = TypeVar("T")

Wanted = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]


class Decorator(Protocol):
    """What ``retry(…)`` with arguments gives: it keeps the signature of a function."""

    def __call__(self, fn: Callable[P, T], /) -> Callable[P, T]: ...


@overload
def retry(fn: Callable[P, T], /) -> Callable[P, T]: ...
@overload
def retry(
    *,
    attempts: int | None = None,
    on: Wanted | None = None,
    timeout: float | str | None = None,
    backoff: float | str | None = None,
    max_backoff: float | str | None = None,
    max_retry_after: float | str | None = None,
    budget: float | RetryBudget | None = None,
    policy: RetryPolicy | None = None,
) -> Decorator: ...
def retry(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    attempts: int | None = None,
    on: Wanted | None = None,
    timeout: float | str | None = None,
    backoff: float | str | None = None,
    max_backoff: float | str | None = None,
    max_retry_after: float | str | None = None,
    budget: float | RetryBudget | None = None,
    policy: RetryPolicy | None = None,
) -> Any:
    """A function or a coroutine function that is tried again where it fails.

    With the pauses and the budget of ``RetryPolicy``: an exception's ``retry_after``, in seconds,
    comes on top of the pause, and no pause reaches the deadline of the page around the call. The
    last attempt's own exception is raised, with a note for each attempt. All calls of one decorated
    function share its budget in this process; ``tidegate.Client`` has retries of its own, and needs
    none of these.

    What ends a program or a task, ``KeyboardInterrupt`` or ``asyncio.CancelledError``, is never
    tried again, nor is ``Cancelled`` or ``Closed``.

    Args:
        fn: The function, where it is used without arguments.
        attempts: How often at most, the first time included. 4.
        on: Which exceptions: classes, or a function that says so of one. If it is not given:
            ``ConnectionError``, ``TimeoutError``, and an ``Error`` that is ``retryable``.
        timeout: No attempt begins later than this after the call. It does not stop one.
        backoff: The longest pause before the second attempt; it doubles with each. 0.1 s.
        max_backoff: The longest before any. 10 s.
        max_retry_after: The longest that an exception may ask for. 60 s.
        budget: Further attempts that each call adds to the budget. 0.2. Or a ``RetryBudget`` that
            other functions and clients have as well.
        policy: All of these at once; what is given beside it counts more.

    Raises:
        InvalidArgument: What is decorated is a class or makes a generator; an argument is wrong.
        ConfigError: A value is out of its range.
        RuntimeError: At a call: a plain function on the thread of a running event loop, which its
            pauses would block.

    Example:
        >>> @tidegate.retry(attempts=3, on=(ConnectionError,))
        ... async def fetch_rates() -> dict[str, float]: ...
    """
    given = {
        "attempts": attempts,
        "backoff": backoff,
        "max_backoff": max_backoff,
        "max_retry_after": max_retry_after,
        "budget": budget,
    }
    if policy is not None and not isinstance(policy, RetryPolicy):
        raise InvalidArgument(f"policy must be a RetryPolicy, not {policy!r}")
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    rules = replace(policy or RetryPolicy(), **changes)
    wanted = _is_passing if on is None else _predicate(on)
    longest = None if timeout is None else seconds("timeout", timeout)

    def decorate(decorated: Callable[..., Any]) -> Any:
        _check(decorated)
        config = Config().with_settings("retry", rules.settings())
        native = core.Retries(config._native, rules.shared_budget())
        most = int(config.get("retry.attempts"))
        return _Retried(decorated, native, most, wanted, longest).wrapper()

    return decorate if fn is None else decorate(fn)


def _check(fn: Any) -> None:
    if isinstance(fn, (classmethod, staticmethod)):
        kind = type(fn).__name__
        raise InvalidArgument(f"@{kind} is the outer decorator: write it above @retry")
    if inspect.isclass(fn) or not callable(fn):
        what = f"the class {fn.__name__}" if inspect.isclass(fn) else f"a {type(fn).__name__}"
        raise InvalidArgument(f"retry() decorates a function, not {what}")
    inner = fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    for made in (inner, type(inner).__call__):
        if inspect.isgeneratorfunction(made) or inspect.isasyncgenfunction(made):
            raise InvalidArgument(
                "retry() cannot try a generator again: what it gave already would come twice"
            )


def _predicate(on: Any) -> Callable[[Exception], bool]:
    kinds = on if isinstance(on, tuple) else (on,)
    if all(inspect.isclass(kind) for kind in kinds) and kinds:
        for kind in kinds:
            if not issubclass(kind, Exception):
                raise InvalidArgument(f"on: {kind.__name__} is no Exception, and never tried again")
        return lambda error: isinstance(error, kinds)
    if not callable(on):
        raise InvalidArgument(f"on must be classes of exceptions or a function, not {on!r}")
    return lambda error: bool(on(error))


def _is_passing(error: Exception) -> bool:
    if isinstance(error, Error):
        return error.retryable
    return isinstance(error, (ConnectionError, TimeoutError, asyncio.TimeoutError))


class _Retried:
    """One decorated function."""

    def __init__(
        self,
        fn: Callable[..., Any],
        native: core.Retries,
        most: int,
        wanted: Callable[[Exception], bool],
        longest: float | None,
    ) -> None:
        self.fn = fn
        self.native = native
        self.most = most
        self.wanted = wanted
        self.longest = longest

    def wrapper(self) -> Any:
        """The function that is called. What it costs where the first attempt is good is nearly
        nothing: all else is made after a failure.
        """
        fn, count, current = self.fn, self.native.budget.call, _clock.current.get
        if is_coroutine_function(fn):

            @functools.wraps(fn)
            async def retried_coroutine(*args: Any, **kwargs: Any) -> Any:
                count()
                clock = current()
                begun = clock.now()
                try:
                    return await fn(*args, **kwargs)
                except Exception as error:
                    tries = _Tries(self, clock, begun)
                    pause = tries.failed(error)
                    if pause is None:
                        raise
                while True:
                    await clock.sleep_async(pause)
                    tries.begin()
                    try:
                        return await fn(*args, **kwargs)
                    except Exception as error:
                        pause = tries.failed(error)
                        if pause is None:
                            raise

            return retried_coroutine

        @functools.wraps(fn)
        def retried(*args: Any, **kwargs: Any) -> Any:
            if _get_running_loop() is not None:
                raise RuntimeError(
                    "a pause would block the running event loop; decorate a coroutine function"
                )
            count()
            clock = current()
            begun = clock.now()
            try:
                value = fn(*args, **kwargs)
                return value if type(value) is not CoroutineType else _refused(value)
            except Exception as error:
                tries = _Tries(self, clock, begun)
                pause = tries.failed(error)
                if pause is None:
                    raise
            while True:
                clock.sleep(pause)
                tries.begin()
                try:
                    value = fn(*args, **kwargs)
                    return value if type(value) is not CoroutineType else _refused(value)
                except Exception as error:
                    pause = tries.failed(error)
                    if pause is None:
                        raise

        return retried


def _refused(coroutine: CoroutineType[Any, Any, Any]) -> Any:
    coroutine.close()
    raise TypeError("the function made a coroutine; decorate the coroutine function itself")


class _Tries:
    """The attempts of one call whose first has failed."""

    __slots__ = ("begun", "clock", "count", "history", "of", "started")

    def __init__(self, of: _Retried, clock: _clock.Clock, begun: float) -> None:
        self.of = of
        self.clock = clock
        self.count = 1
        self.history: list[str] = []
        self.begun = self.started = begun

    def begin(self) -> None:
        self.count += 1
        self.started = self.clock.now()

    def failed(self, error: Exception) -> float | None:
        """The pause before the next attempt; None where there is none, with notes that say why."""
        kind = type(error).__name__
        if isinstance(error, (Cancelled, Closed)) or not self.of.wanted(error):
            if self.history:
                _note(error, [*self.history, f"attempt {self.count}: {kind} is not tried again"])
            return None
        now = self.clock.now()
        pause, line = self.of.native.failed(
            self.count, kind, now - self.started, _asked(error), now, self._deadline()
        )
        self.history.append(line)
        if pause is None:
            _note(error, self.history)
            _stacked.mark(error, self.count, self.of.most)
        else:
            _stacked.tell(self.of.fn, self.of.most, error)
        return pause

    def _deadline(self) -> float:
        page = current_page()
        ends = [] if page is None else [page.deadline]
        if self.of.longest is not None:
            ends.append(self.begun + self.of.longest)
        return min(ends, default=-1.0)


def _asked(error: Exception) -> float:
    """When the other side wants to be asked again; below zero where it does not say."""
    asked = getattr(error, "retry_after", None)
    if isinstance(asked, bool) or not isinstance(asked, (int, float)) or not asked >= 0:
        return -1.0
    return min(float(asked), MOST_LIFE)


def _note(error: Exception, lines: list[str]) -> None:
    """What ``add_note()`` does from Python 3.11 on."""
    error.__dict__.setdefault("__notes__", []).extend(lines)
