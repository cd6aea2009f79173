"""Python functions as work: a lane whose threads Python makes.

The library decides when a call may run and keeps its deadline; threads of this module pull from it
and run the function. They are daemon threads: one that is stuck in a function holds up neither the
next call, for which another is started, nor the end of the interpreter.
"""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Callable
from time import monotonic
from typing import Any

from ._duration import seconds
from ._errors import InvalidArgument
from ._native import core
from ._operation import Operation
from ._page import current_page
from ._tasks import TaskCall, Tasks
from ._work import Call, Threads, is_coroutine_function, put


class Callables:
    """A named group of Python functions with a bound of its own. Made by ``Executor.callables()``.

    Plain functions run on threads, coroutine functions as tasks of the event loop that calls; the
    two kinds have ``concurrency`` permits each.

    Attributes:
        name: Its name in ``stats()`` and messages; that of the coroutines has ``.tasks`` after it.
        concurrency: Calls that run at once.
    """

    __slots__ = (
        "__weakref__",
        "_calls",
        "_executor",
        "_gate",
        "_native",
        "_tasks",
        "_threads",
        "_timeout",
        "concurrency",
        "name",
    )

    def __init__(
        self,
        executor: core.Executor,
        name: str,
        concurrency: int,
        timeout: float,
        gate: core.Gate | None,
    ) -> None:
        self.name = name
        self.concurrency = concurrency
        self._gate = gate
        self._executor = executor
        self._timeout = timeout
        self._native = executor.external(name, concurrency, gate)
        self._calls: dict[int, Call] = {}
        calls = self._calls
        self._threads = Threads(self._native, name, lambda ticket: calls.pop(ticket.tag, None))
        self._tasks: Tasks | None = None

    @property
    def _gate_key(self) -> int:
        """Names the gate that it was made with; 0: none of its own."""
        return 0 if self._gate is None else self._gate.key

    def _start(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        timeout: float | str | None,
        default: object,
        label: str,
    ) -> Operation[Any]:
        if not callable(fn):
            raise InvalidArgument(f"fn must be callable, not a {type(fn).__name__}")
        bound = self._timeout if timeout is None else seconds("timeout", timeout)
        page = current_page()
        deadline = None if page is None else page.deadline
        if is_coroutine_function(fn):
            return self._start_task(fn, args, bound, deadline, default, label)
        call = Call(fn, args, monotonic() + bound)
        tag = put(self._calls, call)
        try:
            operation, start_one = self._native.submit(tag, call, bound, deadline, label, default)
        except BaseException:
            self._calls.pop(tag, None)
            raise
        if start_one:
            self._threads.start()
        return operation

    def _start_task(
        self,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        bound: float,
        deadline: float | None,
        default: object,
        label: str,
    ) -> Operation[Any]:
        loop = _get_running_loop()
        if loop is None:
            raise InvalidArgument("a coroutine function is called inside a running event loop only")
        if self._tasks is None:
            self._tasks = Tasks(self._executor, f"{self.name}.tasks", self.concurrency, self._gate)
        call = TaskCall(fn, args, monotonic() + bound)
        call.loop = loop
        return self._tasks.submit(call, bound, deadline, label, default)
