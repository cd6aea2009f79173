"""Coroutine functions as work: run as tasks of the loop that asked, with the permits of a lane.

The library decides when a call may run and settles it at its deadline, whether or not the task
obeys; then the task is cancelled. Until it has ended it counts as a zombie, like a stuck thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from time import monotonic
from typing import Any

from ._native import core
from ._operation import Operation
from ._work import CANCELLED, FAILED, Call, lesson_of, process, put, start_thread


class TaskCall(Call):
    """One call of a coroutine function."""

    __slots__ = ("loop", "task")
    loop: asyncio.AbstractEventLoop
    task: asyncio.Task[Any] | None


class Tasks:
    """The coroutine functions of a ``Callables``."""

    __slots__ = ("__weakref__", "_calls", "_has_puller", "_native", "_process", "_worker")

    def __init__(
        self, executor: core.Executor, name: str, concurrency: int, gate: core.Gate | None
    ) -> None:
        self._native = executor.external(name, concurrency, gate)
        self._begin()

    def _begin(self) -> None:
        """In each process anew."""
        self._process = process()
        self._worker = self._native.enter()
        self._calls: dict[int, TaskCall] = {}
        self._has_puller = False

    def submit(
        self, call: TaskCall, bound: float, deadline: float | None, label: str, default: object
    ) -> Operation[Any]:
        """Starts the call now if it gets a permit, else when it does. On the thread of its loop."""
        if self._process != process():
            self._begin()
        call.task = None
        tag = put(self._calls, call)
        try:
            operation, start_one = self._native.submit(tag, call, bound, deadline, label, default)
            if start_one:
                self._native.not_started()
            core.bridge_of(call.loop).watch(operation, _Settled(self, tag, call))
        except BaseException:
            self._calls.pop(tag, None)
            raise
        self.pump()
        if tag in self._calls and not operation.done:
            self._start_puller()
        return operation

    def pump(self) -> None:
        """Starts what has a permit now."""
        while (ticket := self._worker.try_pull()) is not None:
            self.hand_over(ticket)

    def hand_over(self, ticket: core.Ticket) -> None:
        """Starts a call on its loop; a ticket that is dropped here ends its call as cancelled."""
        call = self._calls.pop(ticket.tag, None)
        if call is None:
            return
        if asyncio._get_running_loop() is call.loop:
            self._launch(call, ticket)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed
            call.loop.call_soon_threadsafe(self._launch, call, ticket, context=Context())

    def _start_puller(self) -> None:
        """A call has to wait: a thread must notice when another lane gives a permit back."""
        if not self._has_puller:
            worker = self._native.enter()
            self._has_puller = True  # before it may have ended again
            if not start_thread("tasks", _pull, weakref.ref(self), worker):
                self._has_puller = False

    def _launch(self, call: TaskCall, ticket: core.Ticket) -> None:
        fn, args, context = call.fn, call.args, call.context
        if fn is None or context is None:
            return  # it was given up meanwhile
        call.forget()
        call.started = monotonic()
        call.task = context.run(lambda: call.loop.create_task(_Body(fn, args)))
        # What a closed loop leaves behind is not lost unsaid: its operation ends as cancelled.
        with contextlib.suppress(AttributeError):
            call.task._log_destroy_pending = False  # type: ignore[attr-defined]
        call.task.add_done_callback(lambda done: self._ended(call, ticket, done), context=Context())

    def _ended(self, call: TaskCall, ticket: core.Ticket, task: asyncio.Task[Any]) -> None:
        call.task = None
        in_time = False
        if task.cancelled():
            ticket.finish(CANCELLED, "the coroutine was cancelled")
        elif (error := task.exception()) is not None:
            call.error = error
            in_time = ticket.finish(FAILED, call.describe(), *lesson_of(error))
        else:
            call.value = task.result()
            in_time = ticket.finish(0, "")
        if not in_time:
            call.value = call.error = None
        self.pump()


class _Settled:
    """What happens on the loop when the operation has ended, by whatever."""

    __slots__ = ("_call", "_tag", "_tasks")

    def __init__(self, tasks: Tasks, tag: int, call: TaskCall) -> None:
        self._tasks = tasks
        self._tag = tag
        self._call = call

    def __call__(self, _: Operation[Any]) -> None:
        self._tasks._calls.pop(self._tag, None)
        if self._call.task is not None:
            self._call.task.cancel()
        self._tasks.pump()


class _Body(Coroutine[Any, Any, Any]):
    """The call as a task runs it. Its coroutine is made in the first step: a loop that is closed
    before it leaves none behind that was never awaited.
    """

    __slots__ = ("_args", "_coroutine", "_fn")

    def __init__(self, fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> None:
        self._fn = fn
        self._args = args
        self._coroutine: Coroutine[Any, Any, Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        return (yield from self._begun().__await__())

    def send(self, value: Any) -> Any:
        return self._begun().send(value)

    def throw(self, *error: Any) -> Any:
        return self._begun().throw(*error)

    def close(self) -> None:
        self._begun().close()

    def _begun(self) -> Coroutine[Any, Any, Any]:
        if self._coroutine is None:
            self._coroutine = _await(self._fn, self._args)
        return self._coroutine


async def _await(fn: Callable[..., Awaitable[Any]], args: tuple[Any, ...]) -> Any:
    return await fn(*args)


def _pull(tasks: weakref.ref[Tasks], worker: core.Worker) -> None:
    """A thread's life: hands what has a permit to its loop."""
    while (ticket := worker.pull()) is not None:
        alive = tasks()
        if alive is not None:
            if ticket.spare_wanted:
                alive._native.not_started()
            alive.hand_over(ticket)
        del alive, ticket  # while it waits, a thread keeps nothing
    alive = tasks()
    if alive is not None:
        alive._has_puller = False
        if alive._calls:  # since the pull ended, and relying on this thread
            alive._start_puller()
