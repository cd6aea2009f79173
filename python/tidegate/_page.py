"""Page: many calls under one deadline."""

from __future__ import annotations

from asyncio import _get_running_loop, get_running_loop
from collections.abc import Callable
from contextvars import ContextVar, Token
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._duration import seconds
from ._errors import Error, InvalidArgument
from ._native import MISSING
from ._operation import Operation

if TYPE_CHECKING:
    from ._answer import Rows
    from ._cache import Cache
    from ._database import Database, QueryParams

AnyOperation = TypeVar("AnyOperation", bound=Operation[Any])
D = TypeVar("D")

_current: ContextVar[Page | None] = ContextVar("tidegate_page", default=None)


# executor.page_timeout, until configure() says otherwise.
_default_timeout = 18.0


class Page:
    """Many calls under one deadline. None outlives it, none waits for another, none fails the page.

    Made by ``tidegate.page()``, and open inside its ``with`` block. Queries that are started in
    there, in whatever function, inherit the page's deadline. Leaving the block waits for the
    page's own calls or the deadline, whichever is first, and never raises for a call; leaving it
    by an exception cancels them.

    Attributes:
        deadline: On the clock of ``time.monotonic()``.
        operations: The page's calls, in the order in which they were added.
    """

    __slots__ = ("_open", "_outer", "_timeout", "_token", "deadline", "operations")
    _token: Token[Page | None]

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._open = False
        self._outer: Page | None = None
        self.deadline = 0.0
        self.operations: list[Operation[Any]] = []

    def _enter(self) -> Page:
        if self.deadline:
            raise RuntimeError("a page is entered once; make another")
        self._outer = current_page()
        self.deadline = monotonic() + self._timeout
        if self._outer is not None:
            self.deadline = min(self.deadline, self._outer.deadline)
        self._open = True
        self._token = _current.set(self)
        return self

    def _leave(self) -> None:
        self._open = False
        _current.reset(self._token)

    def __enter__(self) -> Page:
        if _get_running_loop() is not None:
            raise RuntimeError(
                "leaving the page would block the running event loop; use async with"
            )
        return self._enter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        try:
            if error is None:
                self._wait()
        finally:
            self.cancel()

    async def __aenter__(self) -> Page:
        return self._enter()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()
        try:
            if error is None:
                await self._wait_async()
        finally:
            self.cancel()

    @overload
    def query(
        self,
        db: Database,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows]: ...
    @overload
    def query(
        self,
        db: Database,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: Callable[[Error], D],
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows | D]: ...
    @overload
    def query(
        self,
        db: Database,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: D,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows | D]: ...
    def query(
        self,
        db: Database,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: object = MISSING,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Any]:
        """``db.query(…)`` within the page."""
        kept = db._kept(cache, ttl, stale_for)
        return self.add(db._start(self, sql, params, timeout, default, label, kept))

    def add(self, operation: AnyOperation) -> AnyOperation:
        """Makes an operation that was started elsewhere one of the page's; returns it.

        Raises:
            InvalidArgument: It is no operation.
        """
        given: object = operation
        if not isinstance(given, Operation):
            kind = type(given).__name__
            raise InvalidArgument(f"a page holds operations, not a {kind}; start it with ex.call()")
        self.operations.append(operation)
        return operation

    @property
    def partial(self) -> bool:
        """At least one call has no good answer: it failed, or its answer is degraded."""
        return any(not operation.ok or operation.degraded for operation in self.operations)

    def sources(self) -> dict[str, str]:
        """Where each answer came from, or ``"error"``, by the label of the call or its number."""
        found: dict[str, str] = {}
        for number, operation in enumerate(self.operations, 1):
            name = operation.label or str(number)
            if name in found:
                name = f"{name}#{number}"
            found[name] = operation.source or "error"
        return found

    def cancel(self) -> None:
        """Asks every call that is still in flight to stop."""
        for operation in self.operations:
            if not operation.done:
                operation.cancel()

    def left(self) -> float:
        """Seconds until the deadline; 0.0 once it has passed."""
        return max(0.0, self.deadline - monotonic())

    def _strangers(self) -> list[Operation[Any]]:
        """Operations from outside that may outlast the page; the others cannot."""
        return [o for o in self.operations if not o.done and o._deadline > self.deadline + 1e-6]

    def _cancel_strangers(self) -> None:
        for operation in self._strangers():
            operation.cancel()

    def _wait(self) -> None:
        for operation in self._strangers():
            operation.wait(self.left())
        self._cancel_strangers()
        for operation in self.operations:
            operation.wait(None)

    async def _wait_async(self) -> None:
        timer = None
        if self._strangers():
            timer = get_running_loop().call_later(self.left(), self._cancel_strangers)
        try:
            for operation in self.operations:
                try:
                    if not operation.done:
                        await operation
                except Error:
                    pass  # the caller finds it in the operation
        finally:
            if timer is not None:
                timer.cancel()


def page(timeout: float | str | None = None) -> Page:
    """A deadline for everything that is asked inside it.

    Args:
        timeout: Seconds, or a text like ``"18s"``, for all of it, counted from the ``with``; 18 s
            if it is not given. Inside another page the earlier deadline counts.

    Raises:
        InvalidArgument: The timeout is no duration.

    Example:
        >>> async with tidegate.page(18) as page:      # or with, in synchronous code
        ...     newest = page.query(db, NEWEST, default=[])
        ...     ads = page.add(ex.call(fetch_ads, default=None))
        >>> return {"newest": newest.value, "ads": ads.value, "partial": page.partial}
    """
    return Page(_default_timeout if timeout is None else seconds("timeout", timeout))


def set_default_timeout(timeout: float) -> None:
    """What ``page()`` uses."""
    global _default_timeout
    _default_timeout = timeout


def start_page(timeout: float) -> Page:
    """A page that ends by itself, whatever page it is begun in, for the rest of this context.

    Whoever begins it sets ``_open`` to False when the work is over.
    """
    _current.set(None)
    return Page(max(0.0, timeout))._enter()


def current_page() -> Page | None:
    """The innermost page that is open."""
    found = _current.get()
    while found is not None and not found._open:
        found = found._outer
    return found


def deadline_of(timeout: float | str | None) -> float:
    """When a wait that begins now is over: by its own timeout, and by the page's; perhaps never."""
    until = inf if timeout is None else monotonic() + seconds("timeout", timeout)
    page = current_page()
    return until if page is None else min(until, page.deadline)
