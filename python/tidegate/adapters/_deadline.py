"""A deadline for every request, as plain ASGI."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, MutableMapping
from time import monotonic
from typing import Any

from .. import _page
from .._duration import MOST_SECONDS, seconds
from .._errors import Error, Timeout
from .._native import core
from .._work import log

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_STATUS = {"DEADLINE_EXCEEDED": 504, "UNAVAILABLE": 503, "RESOURCE_EXHAUSTED": 503}
_LONGEST = 86_400  # of what is said in Retry-After
_SAFE_METHODS = frozenset({"GET", "HEAD"})


class DeadlineMiddleware:
    """Gives each request a page of its own, so that no query behind it outlives the request.

    What an endpoint asks inherits the deadline, in whatever function. At the deadline queries and
    calls end, with their defaults; the endpoint then has ``grace`` to answer with what it has got.
    If nothing was sent by then, its task is cancelled and the answer is 504. A ``tidegate.Error``
    that nobody caught becomes 504 where a deadline has passed, and 503 where something was
    overloaded or not to be reached. Both have the body ``{"error": {"code", "cause", "message",
    "retryable"}}``, and a 503 says in ``Retry-After`` when to come again: as the error does, or 1.

    A client that goes away stops its ``GET`` or ``HEAD``: the task is cancelled, and its queries
    with it. Requests that may change something run to their end. A response that has begun is left
    alone, however long it takes; what runs after it, in the background, has no deadline from here.

    Args:
        app: The ASGI application; ``app.add_middleware(DeadlineMiddleware, …)`` gives it.
        timeout: Seconds, or a text like ``"18s"``, from the request to the page's deadline; that of
            ``tidegate.page()``, 18 s, if it is not given.
        grace: How long after it the 504 comes. 1 s.
        header: The request header in which a caller says how long it waits, in seconds
            (``X-Request-Timeout: 5``) or with a unit. Off unless named. It shortens the time and
            never extends it; a tenth of it, ``grace`` at most, is kept for the answer. What cannot
            be read is ignored.

    Example:
        >>> app.add_middleware(DeadlineMiddleware, timeout=18, header="X-Request-Timeout")
    """

    def __init__(
        self,
        app: App,
        *,
        timeout: float | str | None = None,
        grace: float | str = 1.0,
        header: str = "",
    ) -> None:
        self._app = app
        self._timeout = None if timeout is None else seconds("timeout", timeout)
        self._grace = seconds("grace", grace)
        self._name = header
        self._header = header.lower().encode("latin-1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = monotonic()
        time_for_pages, time_for_all = self._times(scope)
        exchange = _Exchange(scope, receive, send)
        async with _page.page(time_for_pages) as page:
            exchange.page = page
            task = asyncio.ensure_future(self._app(scope, exchange.receive, exchange.send))
            try:
                await exchange.wait_for(task, began + time_for_all)
                if gave_up := not task.done():
                    exchange.closed = True
                    if not exchange.left:
                        late = Timeout(f"the request was given up after {time_for_all:g} s")
                        await exchange.refuse(504, late)
            finally:
                await exchange.end(task)
        if gave_up:
            if not task.cancelled() and (failure := task.exception()) is not None:
                log.warning("a request that was given up ended with %r", failure)
            return
        try:
            task.result()
        except Error as error:
            if exchange.started or error.code not in _STATUS:
                raise
            await exchange.refuse(_STATUS[error.code], error)

    def _times(self, scope: Scope) -> tuple[float, float]:
        """From now to the page's deadline, and to the 504."""
        timeout = _page._default_timeout if self._timeout is None else self._timeout
        asked = self._asked(scope) if self._header else None
        if asked is None or asked >= timeout + self._grace:
            return timeout, timeout + self._grace
        return min(timeout, asked - min(self._grace, asked / 10)), asked

    def _asked(self, scope: Scope) -> float | None:
        for name, value in scope["headers"]:
            if name == self._header:
                text = value.decode("latin-1")
                return core.header_timeout(self._name, text, MOST_SECONDS)
        return None


def _whole_seconds(error: Error) -> int:
    """When to come again: as the error says, or in a second."""
    asked = getattr(error, "retry_after", None) or 0.0
    return math.ceil(min(max(1.0, asked), _LONGEST))


class _Exchange:
    """One request and its response, watched from between the server and the application.

    The server's ``receive()`` has one reader at a time: the application while there is a body, and
    from its end on the watcher, which hands over what it gets.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._read: asyncio.Queue[Message] = asyncio.Queue()
        self._watcher: asyncio.Task[None] | None = None
        self._stops = scope["method"] in _SAFE_METHODS
        self.page: _page.Page
        self.started = False
        self.complete = False
        self.left = False
        self.closed = False
        headers = dict(scope["headers"])
        has_body = headers.get(b"content-length", b"0").strip() != b"0"
        if not has_body and b"transfer-encoding" not in headers:
            self._watch()

    def _watch(self) -> None:
        if self._stops:
            self._watcher = asyncio.ensure_future(self._until_gone())

    async def _until_gone(self) -> None:
        while True:
            try:
                message = await self._receive()
            except Exception:
                message = {"type": "http.disconnect"}
            gone = message["type"] == "http.disconnect"
            self._read.put_nowait(message)
            if gone or message.get("more_body", False):
                self._watcher = None
                if gone:
                    self._gone.set_result(None)
                return

    async def receive(self) -> Message:
        """The application's ``receive()``."""
        if self._watcher is not None or not self._read.empty():
            return await self._read.get()
        if self._gone.done():
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._watch()
        return message

    async def send(self, message: Message) -> None:
        """The application's ``send()``."""
        if self.closed:
            raise OSError("the request was given up")
        self.started = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
            self.page._open = False  # what runs in the background has no deadline from here
        await self._send(message)

    async def wait_for(self, task: asyncio.Future[None], until: float) -> None:
        """Until the application ends, or has not begun to answer in time, or the client leaves."""
        ends: set[asyncio.Future[None]] = {task, self._gone}
        first = asyncio.FIRST_COMPLETED
        await asyncio.wait(ends, timeout=max(0.0, until - monotonic()), return_when=first)
        if self.started and not task.done():
            await asyncio.wait(ends, return_when=first)
        if self.complete and not task.done():
            await asyncio.wait({task})
        self.left = self._gone.done() and not self.complete

    async def end(self, task: asyncio.Future[None]) -> None:
        """Leaves nothing running."""
        if self._watcher is not None:
            self._watcher.cancel()
        if not task.done():
            self.closed = True
            task.cancel()
            await asyncio.wait({task})

    async def refuse(self, status: int, error: Error) -> None:
        """The whole response, where the application has sent none."""
        told = {
            "code": error.code,
            "cause": error.cause,
            "message": str(error),
            "retryable": error.retryable,
        }
        body = json.dumps({"error": told}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if status == 503:
            headers.append((b"retry-after", str(_whole_seconds(error)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})
