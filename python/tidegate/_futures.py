"""``concurrent.futures`` over a lane of callables."""

from __future__ import annotations

import contextlib
import functools
import select
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, ParamSpec, TypeVar

from . import _work
from ._calls import Callables
from ._errors import CallableFailed, Closed, Error
from ._native import MISSING, core
from ._operation import Operation

P = ParamSpec("P")
T = TypeVar("T")

_LINGER_MS = 100


class LaneFuture(Future[T]):
    """A future whose ``cancel()`` also stops what can be stopped."""

    operation: Operation[T]

    def cancel(self) -> bool:
        """Gives the call up; a function that runs already is abandoned, its result dropped."""
        self.operation.cancel()
        return super().cancel()

    def settle(self, operation: Operation[T]) -> None:
        """Takes over what the operation came to."""
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(operation.value)
        except CallableFailed as failed:
            self.set_exception(failed.__cause__ or failed)
        except Error as error:
            self.set_exception(error)


class LaneExecutor(Executor):
    """What ``Executor.as_executor()`` returns."""

    def __init__(self, lane: Callables) -> None:
        self._lane = lane
        self._closed = False
        self._pending: set[Future[Any]] = set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Starts ``fn(*args, **kwargs)``.

        Raises:
            Closed: ``shutdown()`` was called.
        """
        if self._closed:
            raise Closed("the executor is shut down")
        future: LaneFuture[T] = LaneFuture()
        work = functools.partial(fn, *args, **kwargs)
        future.operation = self._lane._start(work, (), None, MISSING, "")
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        _watcher.watch(future)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuses later calls; cancels those in flight, or waits for them, if asked to."""
        self._closed = True
        for future in list(self._pending):
            if cancel_futures:
                future.cancel()
            if wait:
                with contextlib.suppress(CancelledError):
                    future.exception()


class _Watcher:
    """A thread that settles futures. It lives a moment longer than they do."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bridge: core.Bridge | None = None
        self._runs = False
        self._count = 0

    def watch(self, future: LaneFuture[Any]) -> None:
        """Settles the future when its operation has ended."""
        with self._lock:
            if self._bridge is None:
                self._bridge = core.Bridge()
            self._bridge.watch(future.operation, functools.partial(self._settle, future))
            self._count += 1
            bridge = self._bridge
            if self._runs:
                return
            self._runs = True
        if not _work.start_thread("futures", self._run, bridge):
            self._run(bridge)  # here, until all are settled: late is better than never

    def _settle(self, future: LaneFuture[Any], operation: Operation[Any]) -> None:
        with self._lock:
            self._count -= 1
        future.settle(operation)

    def _run(self, bridge: core.Bridge) -> None:
        poll = select.poll()
        poll.register(bridge.fileno(), select.POLLIN)
        while True:
            ready = poll.poll(None if self._count else _LINGER_MS)
            bridge.drain()
            with self._lock:
                if not ready and self._count == 0:
                    self._runs = False
                    return


_watcher = _Watcher()


def forget_process() -> None:
    """In a forked child, which has neither its thread nor its operations."""
    global _watcher
    _watcher = _Watcher()
