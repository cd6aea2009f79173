"""Requests that a function answers."""

from __future__ import annotations

import inspect
from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any, cast
from weakref import WeakKeyDictionary

from .. import _transport
from .._answer import Answer
from .._client_base import BaseClient
from .._errors import CallableFailed, Error, Timeout
from .._executor import Executor
from .._headers import Headers
from .._native import core
from .._operation import Operation
from .._response import Exchange, _make_response
from .._response import Response as RealResponse
from .._transport import Outgoing
from ._messages import Request, Response
from ._time import VirtualTime

Handler = Callable[[Request], Response | Awaitable[Response]]

_STATUSES = (429, 500, 502, 503, 504)
_IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE")
_UNSENT = ("dns", "connect", "proxy", "connect_timeout")
_PASSING = (*_UNSENT, "connection_lost", "attempt_timeout", "read_timeout")


class MockTransport:
    """A function in place of the network: for ``Client(transport=…)`` and ``AsyncClient``.

    What is exercised: how the request is made of its arguments; whether and how often it is tried
    again, by the rules and the budget of the client's ``RetryPolicy``; the deadline of request and
    page; and the errors. Neither pauses nor the times of an ``"attempt_timeout"`` are waited for:
    ``time`` is a clock of the transport's own.

    What is not: everything that tidegate does on the wire. No request is refused for what is no
    HTTP, no redirect is followed, nothing is decoded, and there are no places, no bounds of size,
    no ``close()`` and no figures in ``stats()``. A server on a loopback address has all that.

    Args:
        handler: A function, or a coroutine function for an ``AsyncClient`` in a running loop. It is
            given a ``Request`` for each attempt, and returns a ``Response`` or raises; an ``Error``
            is what the attempt comes to, any other exception goes to the caller as it is.

    Attributes:
        requests: Each attempt, in its order.
        time: The ``VirtualTime`` of the pauses.

    Example:
        >>> def handler(request):
        ...     assert request.path == "/cars"
        ...     return tidegate.testing.Response(200, json=[])
        >>> http = tidegate.Client(transport=tidegate.testing.MockTransport(handler))
    """

    __slots__ = ("_executor", "_handler", "_retries", "requests", "time")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._executor = Executor()
        self._retries: WeakKeyDictionary[BaseClient, core.Retries] = WeakKeyDictionary()
        self.requests: list[Request] = []
        self.time = VirtualTime()

    def start(self, outgoing: Outgoing, /) -> Exchange:
        """Called by the client."""
        play = _Play(self, outgoing)
        run = play.run if _get_running_loop() is None else play.run_async
        operation = self._executor.call(run, timeout=play.timeout, label=outgoing.label)
        operation.__class__ = MockExchange  # the same object, read as a request's
        return cast("Exchange", operation)

    def _retries_of(self, outgoing: Outgoing) -> core.Retries:
        """With a budget of each client's own."""
        client = outgoing.client
        if outgoing.attempts is not None:
            changes = {"attempts": outgoing.attempts}
            return core.Retries(_policy_of(client, changes)._native, client._budget)
        made = core.Retries(_policy_of(client, {})._native, client._budget)
        return self._retries.setdefault(client, made)


def _policy_of(client: BaseClient, changes: dict[str, Any]) -> Any:
    """The client's settings ``retry.*``, as everybody's."""
    given = client._config
    names = [key.name for key in given.keys() if key.name.startswith("retry.")]  # noqa: SIM118
    own = {n.partition(".")[2]: given.get(n, service=client._service) for n in names}
    return given.with_settings("retry", {**own, **changes})


class MockExchange(Operation[RealResponse]):
    """What stands for the ``Exchange``: an ``Operation`` whose answer is the response itself."""

    __slots__ = ()

    def answer(self) -> Answer[RealResponse]:
        try:
            return super().answer().value
        except CallableFailed as failed:
            cause = failed.__cause__
            if cause is None:
                raise
            error = cause.copy() if isinstance(cause, Error) else cause
        raise error

    def __await__(self) -> Generator[Any, None, Answer[RealResponse]]:
        with suppress(CallableFailed):  # answer() says what it was
            yield from super().__await__()
        return self.answer()

    @property
    def error(self) -> Error | None:
        found = super().error
        cause = None if found is None else found.__cause__
        return cause if isinstance(found, CallableFailed) and isinstance(cause, Error) else found


class _Play:
    """One request: its attempts."""

    def __init__(self, mock: MockTransport, outgoing: Outgoing) -> None:
        client, out = outgoing.client, outgoing
        self.mock = mock
        self.out = out
        self.native = mock._retries_of(out)
        self.native.budget.call()
        self.timeout = client._timeout if out.timeout is None else out.timeout
        setting = client._config.get("http.attempt_timeout", service=client._service)
        self.attempt_timeout = out.attempt_timeout or float(setting)
        self.begun = mock.time.now()
        # The page's deadline is on the real clock.
        left = None if out.deadline is None else max(0.0, out.deadline - monotonic())
        self.deadline = self.begun + (self.timeout if left is None else min(self.timeout, left))
        self.history: list[str] = []
        self.most = int(_policy_of(client, {}).get("retry.attempts"))
        if out.attempts is not None:
            self.most = out.attempts

    def run(self) -> RealResponse:
        attempt = 0
        while True:
            attempt += 1
            try:
                made = self.mock._handler(self.request(attempt))
                if inspect.isawaitable(made):
                    getattr(made, "close", lambda: None)()
                    raise TypeError("a coroutine handler needs an AsyncClient in a running loop")
                ended: Response | Error = made
            except Error as error:
                ended = error
            if (done := self.ended(attempt, ended)) is not None:
                return done

    async def run_async(self) -> RealResponse:
        attempt = 0
        while True:
            attempt += 1
            try:
                made = self.mock._handler(self.request(attempt))
                ended: Response | Error = await made if inspect.isawaitable(made) else made
            except Error as error:
                ended = error
            if (done := self.ended(attempt, ended)) is not None:
                return done

    def request(self, attempt: int) -> Request:
        out = self.out
        made = Request(out.method, out.url, Headers(out.headers), out.content, attempt)
        self.mock.requests.append(made)
        return made

    def ended(self, attempt: int, ended: Response | Error) -> RealResponse | None:
        """The outcome; None where there is another attempt, after its pause."""
        time = self.mock.time
        if isinstance(ended, Error) and ended.cause == "attempt_timeout":
            time.advance(self.attempt_timeout)
            if time.now() >= self.deadline:
                ended = Timeout(f"the deadline passed in attempt {attempt}")
        elif not isinstance(ended, (Response, Error)):
            raise TypeError(f"a handler returns a Response, not a {type(ended).__name__}")
        if self.is_tried_again(ended):
            what, asked = self.told(ended)
            pause, line = self.native.failed(attempt, what, 0.0, asked, time.now(), self.deadline)
            self.history.append(line)
            if pause is not None:
                time.sleep(pause)
                return None
        elif attempt > 1:
            self.history.append(f"attempt {attempt} of {self.most}: {self.told(ended)[0]}")
        elapsed = time.now() - self.begun
        history = tuple(self.history) if attempt > 1 else ()
        if isinstance(ended, Error):
            error = ended.copy()
            error.attempts, error.elapsed, error.history = attempt, elapsed, history
            raise error
        return _make_response(
            self.out.method,
            self.out.url,
            ended.status,
            ended.headers.fields,
            ended.content,
            False,
            0,
            attempt,
            history,
            False,
            (self.begun, 0.0, 0.0, 0.0, 0.0, elapsed, elapsed),
        )

    def told(self, ended: Response | Error) -> tuple[str, float]:
        """What it is called, and when it wants to be asked again."""
        if isinstance(ended, Error):
            return ended.cause, -1.0
        return str(ended.status), core.Retries.asked(ended.headers.fields, ended.status)

    def is_tried_again(self, ended: Response | Error) -> bool:
        """The rules of retry.hpp for what an attempt came to."""
        out, client = self.out, self.out.client
        if isinstance(ended, Response):
            listed = _STATUSES if client._statuses is None else client._statuses
            if ended.status not in listed:
                return False
        elif ended.cause not in _PASSING:
            return False
        elif ended.cause in _UNSENT:
            return True
        if out.idempotent is not None:
            return out.idempotent
        if out.method in _IDEMPOTENT or "idempotency-key" in Headers(out.headers):
            return True
        return client._config.get("retry.methods", service=client._service) == "every"


@contextmanager
def mock_transport(handler: Handler) -> Iterator[MockTransport]:
    """A ``MockTransport`` for all clients of the process that have none, inside the block.

    Those of the adapters too. Requests that are under way already are not touched.

    Example:
        >>> with tidegate.testing.mock_transport(Faults([503, 200])) as mock:
        ...     run_the_program()
        >>> assert [r.path for r in mock.requests] == ["/cars", "/cars"]
    """
    made = MockTransport(handler)
    _transport.installed.append(made)
    try:
        yield made
    finally:
        _transport.installed.remove(made)


def _refuse(request: Request) -> Response:
    raise AssertionError(f"{request.method} {request.host}{request.path} inside no_network()")


@contextmanager
def no_network() -> Iterator[MockTransport]:
    """No client of the process sends a request inside the block: each is an ``AssertionError``.

    A client with a transport of its own is none that would. Databases and Redis are not looked at.
    """
    with mock_transport(_refuse) as made:
        yield made
