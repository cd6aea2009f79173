"""What runs outside the library: calls of Python functions, and the threads for them."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import threading
import weakref
from collections.abc import Callable
from contextvars import Context, copy_context
from inspect import iscoroutinefunction
from time import monotonic
from types import CoroutineType
from typing import Any, TypeVar

from ._answer import Timings
from ._errors import CAUSES, Error, HTTPStatusError
from ._native import core

_SWEEP_EVERY = 256
NUMBERS = {cause.name: cause.number for cause in CAUSES}
CANCELLED = NUMBERS["cancelled"]
FAILED = NUMBERS["callable_failed"]
NO_THREAD = NUMBERS["local_resource"]
_DEADLINE = NUMBERS["deadline"]
_MARK = getattr(asyncio.coroutines, "_is_coroutine", object())  # of what only looks like one

log = logging.getLogger("tidegate")
tags = itertools.count(1)
_threads: set[threading.Thread] = set()
_births = threading.Condition()
_starting = 0  # guarded by _births, as _ended is
_ended = False
_process = 0


class Call:
    """One call of a function: what is to be run, and then what came of it."""

    __slots__ = ("args", "context", "deadline", "error", "fn", "started", "submitted", "value")
    fn: Callable[..., Any] | None
    args: tuple[Any, ...]
    context: Context | None

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], deadline: float) -> None:
        self.fn = fn
        self.args = args
        self.context = copy_context()
        self.deadline = deadline
        self.submitted = monotonic()
        self.started = 0.0
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> bool:
        """Runs the function; False if it raised, or was given up before."""
        fn, args, context = self.fn, self.args, self.context
        if fn is None or context is None:
            return False
        self.forget()
        self.started = monotonic()
        try:
            value = context.run(fn, *args)
            if isinstance(value, CoroutineType):
                value.close()
                raise TypeError("the function made a coroutine; give the coroutine function itself")
            self.value = value
        except BaseException as error:
            here = error.__traceback__  # this frame, which would keep the call
            self.error = error.with_traceback(here.tb_next if here else None)
            return False
        return True

    def forget(self) -> None:
        """Drops what is to be run."""
        self.fn = self.context = None
        self.args = ()

    def failed(self, error: Error) -> Timings:
        """The operation failed: completes its error, and says where the time went."""
        self.forget()
        if error.cause == "callable_failed" and error.__cause__ is None:
            error.__cause__ = self.error
        settled = self.submitted + error.elapsed
        ran = settled - self.started if 0 < self.started < settled else 0.0
        return Timings(self.submitted, error.elapsed - ran, ran, settled)

    def describe(self) -> str:
        """What the function raised, in one line."""
        return describe(self.error)


def is_coroutine_function(fn: Callable[..., Any]) -> bool:
    """Calling it makes something to await."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return (
        iscoroutinefunction(fn)
        or getattr(fn, "_is_coroutine", None) is _MARK
        or iscoroutinefunction(type(fn).__call__)
    )


def describe(error: BaseException | None) -> str:
    """An exception in one line."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:
        text = "its text cannot be made"
    line = f"{kind}: {text}" if text else kind
    return line.encode(errors="backslashreplace").decode()


def cause_of(error: BaseException) -> int:
    """The number of what an exception says of a service."""
    if isinstance(error, Error):
        return NUMBERS.get(error.cause, FAILED)
    if not isinstance(error, Exception):  # asyncio.CancelledError, KeyboardInterrupt, SystemExit …
        return CANCELLED
    if isinstance(error, MemoryError):
        return NUMBERS["no_memory"]
    if isinstance(error, (TimeoutError, asyncio.TimeoutError)):
        return _DEADLINE
    return FAILED


def lesson_of(error: BaseException | None) -> tuple[int, int, float]:
    """What the gate of a lane learns of an exception: cause, HTTP status, when to come again."""
    if error is None:
        return FAILED, 0, -1.0
    if isinstance(error, HTTPStatusError) and error.status:
        return FAILED, error.status, -1.0 if error.retry_after is None else error.retry_after
    return cause_of(error), 0, -1.0


AnyCall = TypeVar("AnyCall", bound=Call)


def put(calls: dict[int, AnyCall], call: AnyCall) -> int:
    """Keeps a call until it is pulled; returns its tag. Forgets those that nobody will pull."""
    tag = next(tags)
    if tag % _SWEEP_EVERY == 0:
        now = monotonic()
        for old, other in list(calls.items()):
            if other.deadline < now:
                calls.pop(old, None)
    calls[tag] = call
    return tag


class Threads:
    """The threads of a lane of plain functions. Each pulls from it, and runs what it gets.

    Args:
        native: The lane.
        name: Of the threads.
        take: Gives the call of a ticket; None where nobody wants it any more.
    """

    __slots__ = ("__weakref__", "_name", "_native", "_take")

    def __init__(
        self, native: core.External, name: str, take: Callable[[core.Ticket], Call | None]
    ) -> None:
        self._native = native
        self._name = name
        self._take = take

    def keep_one(self) -> None:
        """Starts a thread where there is none."""
        *_, threads = self._native.stats()
        if threads == 0:
            self.start()

    def start(self) -> None:
        """Starts a thread."""
        # It must not keep the lane: with the executor gone, pull() ends it.
        start_one = weakref.WeakMethod(self.start)
        worker = self._native.enter()
        if not start_thread(self._name, _work, worker, self._take, start_one):
            self._give_up(worker)

    def _give_up(self, worker: core.Worker) -> None:
        """There can be no thread: without another, calls fail now, not at their deadline."""
        *_, threads = self._native.stats()
        if threads > 1:
            return
        while (ticket := worker.try_pull()) is not None:
            self._take(ticket)
            ticket.finish(NO_THREAD, "no thread could be started to run the call")


def _work(
    worker: core.Worker,
    take: Callable[[core.Ticket], Call | None],
    start_one: weakref.WeakMethod[Callable[[], None]],
) -> None:
    """A thread's life."""
    while (ticket := worker.pull()) is not None:
        if ticket.spare_wanted and (start := start_one()) is not None:
            start()
            del start
        call = take(ticket)
        if call is not None:
            _run(call, ticket)
        del call, ticket  # while it waits, a thread keeps nothing of the last call


def _run(call: Call, ticket: core.Ticket) -> None:
    if call.run():
        in_time = ticket.finish(0, "")
    else:
        in_time = ticket.finish(FAILED, call.describe(), *lesson_of(call.error))
    if not in_time:
        call.value = call.error = None


def start_thread(name: str, target: Callable[..., None], *args: object) -> bool:
    """Starts a daemon thread; False, with a line in the log, where there can be no more."""
    global _starting

    def run() -> None:
        try:
            target(*args)
        finally:
            _threads.discard(threading.current_thread())

    thread = threading.Thread(target=run, name=f"tidegate-{name}", daemon=True)
    with _births:
        if _ended:
            return False
        _starting += 1
    try:
        _threads.add(thread)
        thread.start()  # returns when it runs
    except RuntimeError as error:
        _threads.discard(thread)
        # CPython 3.12 refuses when the main thread has ended: then there is nobody to tell.
        level = logging.DEBUG if "shutdown" in str(error) else logging.ERROR
        log.log(level, "no thread for %r could be started: %s", name, str(error))
        return False
    finally:
        with _births:
            _starting -= 1
            _births.notify_all()
    return True


def end_threads(timeout: float) -> bool:
    """Starts no more, and joins those that are about to end; False if some still run."""
    global _ended
    with _births:
        _ended = True
    return join_threads(timeout)


def join_threads(timeout: float) -> bool:
    """Waits for threads that are about to end; False if some still run.

    Also for one that another thread is just starting: CPython 3.11 crashes where the interpreter
    ends between the birth of a daemon thread and its first step.
    """
    until = monotonic() + timeout
    with _births:
        born = _births.wait_for(lambda: _starting == 0, timeout)
    me = threading.current_thread()
    others = [thread for thread in list(_threads) if thread is not me and thread.ident]
    for thread in others:
        thread.join(max(0.0, until - monotonic()))
    return born and not any(thread.is_alive() for thread in others)


def process() -> int:
    """Another number in a forked child than in its parent."""
    return _process


def forget_process() -> None:
    """In a forked child, which has none of the threads."""
    global _process, _births, _starting, _ended
    _process += 1
    _threads.clear()
    _births = threading.Condition()
    _starting = 0
    _ended = False
