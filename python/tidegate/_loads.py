"""How a cache's loaders run: plain functions on threads, coroutine functions as tasks.

The library decides when a load begins, once for all who want its key. A plain function then runs on
a thread of a lane that is the cache's own; of its threads one always waits, because the library can
start none. A coroutine function runs as a task of the loop that asked for it first.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from inspect import Parameter, signature
from sys import getsizeof
from time import monotonic
from typing import Any
from weakref import WeakSet

from ._codec import decode, encode
from ._duration import MOST_LIFE, seconds
from ._errors import Cancelled, Error, InvalidArgument
from ._failures import Failure
from ._native import core
from ._operation import Operation
from ._page import Page, start_page
from ._settings import Config
from ._tasks import TaskCall, Tasks
from ._work import (
    CANCELLED,
    FAILED,
    NUMBERS,
    Call,
    Threads,
    describe,
    is_coroutine_function,
)

_QUEUE = 1_000_000  # a load waits for its turn as long as its own deadline allows
MOST_LOADERS = 1_000

_alive: WeakSet[Loads] = WeakSet()
_load: ContextVar[Page | None] = ContextVar("tidegate_load", default=None)


def is_inside() -> bool:
    """In a loader. What is asked for there must not wait for a permit that the asker holds."""
    page = _load.get()
    return page is not None and page._open


def _enter(load: core.Load) -> Page:
    """What a loader starts ends by its load's deadline, not by that of the page it was asked in."""
    page = start_page(load.left())
    _load.set(page)
    return page


def _restore(load: core.Load) -> bool:
    """Takes what Redis has of the key in place of loading it; whether that ended the load."""
    stored = load.stored()
    if stored is None:
        return False
    try:
        value = decode(*stored)
    except (ValueError, RecursionError):
        load.unreadable()
        return False
    return load.restored(value, getsizeof(value))


def _fail(load: core.Load, error: BaseException) -> None:
    failure = Failure(error)
    load.fail(FAILED, describe(error), failure, failure.remembered())


def _succeed(load: core.Load, value: Any) -> None:
    try:
        size = getsizeof(value)
        encoded = encode(value) if load.wants_encoded() else None
    except (
        Exception
    ) as error:  # the value's own __sizeof__() and what JSON asks of it may raise any
        _fail(load, error)
        return
    load.succeed(value, size, encoded)


class LoadContext:
    """What a loader learns of its load, and may say about the value. Given to a loader that takes
    one argument.

    Example:
        >>> def load(context):
        ...     response = fetch(context.key)
        ...     context.ttl(response.max_age)
        ...     return response.json()
    """

    __slots__ = ("_load", "key")

    def __init__(self, load: core.Load, key: Any) -> None:
        self._load = load
        self.key = key

    @property
    def stopped(self) -> bool:
        """The load was given up: nobody waits any more, although a value would still be kept."""
        return self._load.stopped()

    @property
    def deadline(self) -> float:
        """By when the value is wanted, on the clock of ``time.monotonic()``."""
        return monotonic() + self._load.left()

    def ttl(self, ttl: float | str) -> None:
        """How long this value is fresh."""
        self._load.ttl(seconds("ttl", ttl, MOST_LIFE))

    def stale_for(self, stale_for: float | str) -> None:
        """How long it may then be served where there is no better one."""
        self._load.stale_for(seconds("stale_for", stale_for, MOST_LIFE))

    def negative(self) -> None:
        """The value says that there is none: it is kept for ``negative_ttl``, and never stale."""
        self._load.negative()

    def uncached(self) -> None:
        """The value answers those who wait for it, and is not kept."""
        self._load.uncached()

    def degraded(self, why: BaseException | str = "the loader came with a fallback") -> None:
        """The value is a fallback, good enough to show and not good enough to keep.

        Those who wait for it have it as ``source == "default"``, and where a stale value is there
        they have that. For the cache the load has failed: ``why`` is the ``reason`` of the answers.
        """
        cause = NUMBERS[why.cause] if isinstance(why, Error) else FAILED
        self._load.degraded(cause, why if isinstance(why, str) else describe(why))

    def weight(self, size: int) -> None:
        """Its size in bytes, for ``max_bytes``; the object's own size if it is not said."""
        self._load.weight(size)


class LoadCall(Call):
    """One call of a plain function as a loader."""

    __slots__ = ("key", "load", "takes_context")
    key: Any
    load: core.Load | None
    takes_context: bool

    def run(self) -> bool:
        """Runs it and ends its load."""
        load, self.load = self.load, None
        if load is None or self.context is None:
            return False
        if _restore(load):
            return True
        if self.takes_context:
            self.args = (LoadContext(load, self.key),)
        page = self.context.run(_enter, load)
        succeeded = super().run()
        page._open = False
        if succeeded:
            _succeed(load, self.value)
            self.value = None
            return True
        assert self.error is not None
        _fail(load, self.error)
        return False


class Loads:
    """The loader side of one cache."""

    __slots__ = ("__weakref__", "_executor", "_lane", "_loaders", "_name", "_tasks", "_threads")

    def __init__(self, name: str, loaders: int, load_timeout: float) -> None:
        config = Config().with_settings(
            "executor",
            {
                "max_running": 2 * loaders,
                "queue": _QUEUE,
                "query_timeout": max(load_timeout, 0.001),
            },
        )
        self._name = f"{name}.loads"
        self._loaders = loaders
        self._executor = core.Executor(config._native, None)
        self._lane = self._executor.external(self._name, loaders, None)
        self._threads = Threads(self._lane, self._name, _call_of)
        self._tasks: Tasks | None = None
        _alive.add(self)

    def prepare(
        self,
        key: Any,
        fn: Callable[..., Any],
        is_async: bool | None = None,
        takes_context: bool | None = None,
    ) -> Operation[Any] | tuple[core.External, LoadCall]:
        """The loader as the extension takes it. What it is, is looked at where it is not said."""
        if not callable(fn):
            raise InvalidArgument(f"loader must be callable, not a {type(fn).__name__}")
        if takes_context is None:
            takes_context = _takes_context(fn)
        if is_coroutine_function(fn) if is_async is None else is_async:
            return self._prepare_task(key, fn, takes_context)
        self.keep_one()
        return self._lane, _load_call(key, fn, takes_context)

    def prepare_many(self, key: Any, fn: Callable[..., Any]) -> tuple[core.External, Source]:
        """The same for as many loads as a schedule wants."""
        if not callable(fn):
            raise InvalidArgument(f"loader must be callable, not a {type(fn).__name__}")
        loop = None
        if is_coroutine_function(fn):
            loop = asyncio._get_running_loop()
            if loop is None:
                raise InvalidArgument("a coroutine function loads inside a running event loop only")
        self.keep_one()
        return self._lane, Source(self, key, fn, loop)

    def keep_one(self) -> None:
        """One thread has to wait before a load begins: the library can start none."""
        self._threads.keep_one()

    def _prepare_task(
        self, key: Any, fn: Callable[..., Any], takes_context: bool
    ) -> Operation[Any]:
        loop = asyncio._get_running_loop()
        if loop is None:
            raise InvalidArgument("a coroutine function loads inside a running event loop only")
        begin = core.begin_load()
        context = copy_context()
        start = functools.partial(self._start_task, key, fn, takes_context, loop, context)
        core.bridge_of(loop).watch(begin, start)
        return begin

    def _start_task(
        self,
        key: Any,
        fn: Callable[..., Any],
        takes_context: bool,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        begin: Operation[Any],
    ) -> None:
        """On the loop, when the load has begun, or will not."""
        load = core.begun(begin)
        if load is not None:
            self.run_task(key, fn, takes_context, loop, context, load)

    def run_task(
        self,
        key: Any,
        fn: Callable[..., Any],
        takes_context: bool,
        loop: asyncio.AbstractEventLoop,
        context: Context,
        load: core.Load,
    ) -> None:
        """On the loop: loads by a task of it."""
        if _restore(load):
            return
        if self._tasks is None:
            self._tasks = Tasks(self._executor, f"{self._name}.tasks", self._loaders, None)
        args = (LoadContext(load, key),) if takes_context else ()
        left = max(0.0, load.left())
        call = context.run(TaskCall, _run, (fn, args, load), monotonic() + left)
        call.loop = loop
        try:
            operation = self._tasks.submit(call, left, None, "", None)
        except Error as error:  # the interpreter ends
            load.fail(NUMBERS[error.cause], str(error), None, None)
            return
        core.bridge_of(loop).watch(operation, _WithLoop(load))


class _WithLoop:
    """Held by the loop's bridge alone. Where the call or its loop ends before the load, that fails;
    what comes second does nothing.
    """

    __slots__ = ("_load",)

    def __init__(self, load: core.Load) -> None:
        self._load = load

    def __call__(self, operation: Operation[Any]) -> None:
        error = operation.error or Cancelled("the coroutine ended without a value")
        self._load.fail(NUMBERS[error.cause], str(error), error.__cause__, None)

    def __del__(self) -> None:
        self._load.fail(CANCELLED, "the event loop of the loader was closed", None, None)


async def _run(fn: Callable[..., Any], args: tuple[Any, ...], load: core.Load) -> None:
    page = _enter(load)
    try:
        value = await fn(*args)
    except (asyncio.CancelledError, GeneratorExit) as error:
        load.fail(CANCELLED, "the coroutine was cancelled", Failure(error), None)
        raise
    except BaseException as error:
        _fail(load, error)
        raise
    finally:
        page._open = False
    _succeed(load, value)


class Source:
    """Where the loads of a schedule come from: a call of the function for each."""

    __slots__ = ("_context", "_fn", "_key", "_loads", "_loop", "_takes_context")

    def __init__(
        self,
        loads: Loads,
        key: Any,
        fn: Callable[..., Any],
        loop: asyncio.AbstractEventLoop | None,
    ) -> None:
        self._loads = loads
        self._key = key
        self._fn = fn
        self._takes_context = _takes_context(fn)
        self._loop = loop
        self._context = copy_context()

    def call_for(self, load: core.Load, ticket: core.Ticket) -> LoadCall | None:
        """The call of this load, for this thread; None where the loop has it."""
        context = self._context.copy()
        if self._loop is None:
            call = _load_call(self._key, self._fn, self._takes_context)
            call.context = context
            return call
        ticket.finish(0, "")  # the lane's part is done; the load goes on
        run = functools.partial(
            self._loads.run_task, self._key, self._fn, self._takes_context, self._loop, context
        )
        try:
            self._loop.call_soon_threadsafe(run, load, context=Context())
        except RuntimeError:
            load.fail(CANCELLED, "the event loop of the schedule was closed", None, None)
        return None


def _load_call(key: Any, fn: Callable[..., Any], takes_context: bool) -> LoadCall:
    call = LoadCall(fn, (), 0.0)
    call.key = key
    call.load = None
    call.takes_context = takes_context
    return call


def _call_of(ticket: core.Ticket) -> LoadCall | None:
    load = ticket.load()
    if load is None:
        return None
    made = load.take_call()
    call: LoadCall | None = made.call_for(load, ticket) if isinstance(made, Source) else made
    if call is not None:
        call.load = load
    return call


def _takes_context(fn: Callable[..., Any]) -> bool:
    """It wants to be called with the load's context: it has a parameter without a default."""
    code = getattr(fn, "__code__", None)
    if code is not None and getattr(fn, "__self__", None) is None:
        given = code.co_argcount - len(getattr(fn, "__defaults__", None) or ())
        return bool(given > 0)
    try:
        parameters = signature(fn).parameters.values()
    except (TypeError, ValueError):
        return False
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    return any(p.kind in kinds and p.default is Parameter.empty for p in parameters)


def after_fork_in_parent() -> None:
    """Loads were on their way to a lane whose threads have ended before it."""
    for loads in list(_alive):
        loads.keep_one()
