"""Operation: one piece of work in flight."""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import TYPE_CHECKING, Any, TypeVar

from ._answer import Answer, Rows, Source, Timings
from ._duration import seconds
from ._errors import Cancelled, Error, NotReady, make_error
from ._failures import Failure, Remembered
from ._keys import plain
from ._native import MISSING, core

if TYPE_CHECKING:
    from ._work import Call

T_co = TypeVar("T_co", covariant=True)


class Operation(core.Operation[T_co]):
    """One piece of work in flight. Every verb of tidegate that may wait returns one.

    It ends exactly once, with an answer or an error: by its result, its deadline, ``cancel()`` or
    ``shutdown()``. ``await operation`` gives the ``Answer`` in asyncio code, from any number of
    loops; cancelling the awaiting task cancels the operation, and a query is then really stopped.
    ``operation.result(timeout)`` does the same in synchronous code. Dropping it neither cancels
    nor waits. After a fork, an operation that was in flight raises ``Closed`` in the child.

    Attributes:
        done: It has ended.
        label: The name that it was given.

    Example:
        >>> cars = db.query("SELECT * FROM listings LIMIT 4", timeout=15, default=[])
        >>> answer = await cars          # or cars.result()
        >>> answer.value, answer.source
    """

    __slots__ = ("__weakref__", "_error", "_failure", "_spent")
    _error: Error
    _failure: Failure | None
    _spent: Timings | None

    def result(self, timeout: float | str | None = None) -> Answer[T_co]:
        """Waits for the end. Ctrl-C is heard.

        Args:
            timeout: How long to wait; without it until the end, which the operation's deadline
                bounds.

        Raises:
            NotReady: The wait ended first; the operation goes on.
            Error: The operation failed and has no default; which class says why.
            RuntimeError: Called on the thread of a running event loop, which it would block.
        """
        if not self.done:
            if _get_running_loop() is not None:
                raise RuntimeError("result() would block the running event loop; use await")
            if not self.wait(None if timeout is None else seconds("timeout", timeout)):
                raise NotReady(f"the operation has not ended after {timeout} s, and goes on")
        return self.answer()

    @property
    def ok(self) -> bool:
        """It has ended with a value, fresh or not. Never raises."""
        return self._peek() is not None

    @property
    def value(self) -> T_co:
        """The value.

        Raises:
            NotReady: It has not ended yet.
            Error: It failed and has no default.
        """
        return self.answer().value

    @property
    def source(self) -> Source | None:
        """Where the value came from; None while there is none. Never raises."""
        answer = self._peek()
        return None if answer is None else answer.source

    @property
    def degraded(self) -> bool:
        """The value is stale or the default. Never raises."""
        answer = self._peek()
        return answer is not None and answer.degraded

    @property
    def age(self) -> float:
        """How old the value is, in seconds. Never raises."""
        answer = self._peek()
        return 0.0 if answer is None else answer.age

    @property
    def error(self) -> Error | None:
        """Why there is no fresh value; None while it is in flight. Never raises."""
        answer = self._peek()
        if answer is not None:
            return answer.reason
        return self._error if self.done else None

    @property
    def timings(self) -> Timings | None:
        """Where the time went; None in flight, and for a cancelled query. Never raises."""
        answer = self._peek()
        if answer is not None:
            return answer.timings
        return self._spent if self.done else None

    def _peek(self) -> Answer[T_co] | None:
        if not self.done:
            return None
        try:
            return self.answer()
        except Error:
            return None

    def __repr__(self) -> str:
        state = "in flight" if not self.done else self.source or self.error
        return f"<Operation {self.label!r}: {state}>"


def _failed(
    operation: Operation[Any],
    cause: int,
    message: str,
    elapsed: float,
    attempts: int,
    history: tuple[str, ...],
    retry_after: float,
    timings: Timings | None,
    origin: BaseException | Failure | Remembered | None,
) -> Answer[Any]:
    """Makes the default's answer, or raises. Called by the extension, on the consumer's thread."""
    known = getattr(operation, "_error", None)
    if known is not None:
        raise known.copy()
    error = make_error(cause, message, elapsed, attempts, history, retry_after)
    call: Call | None = operation._call
    if call is not None:
        timings = call.failed(error)
    if isinstance(origin, Remembered):
        origin = origin.failure()
    operation._failure = origin if isinstance(origin, Failure) else None
    if origin is not None:
        error.__cause__ = origin.error if isinstance(origin, Failure) else origin
    default = operation._default
    if default is not MISSING and not isinstance(error, Cancelled):
        if not callable(default):
            return Answer(default, "default", error, 0.0, timings)
        try:
            return Answer(default(error), "default", error, 0.0, timings)
        except Exception as second:
            error.__cause__ = second
    operation._spent = timings
    operation._error = error
    raise error.copy()


core.install(
    Operation, Answer, Rows, Timings, make_error, _failed, _get_running_loop, MISSING, plain
)
