# ruff: noqa: N818 - the names are those of the cause table
"""One tree of exceptions, arranged by what the caller can do.

Each is made of one row of the library's cause table, so that ``cause``, ``code`` and ``retryable``
are the same words as in C++, C, JSON and ``docs/reference/errors.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._headers import Headers
from ._native import core

if TYPE_CHECKING:
    from ._response import Response


class Cause(NamedTuple):
    """One row of the table that ties cause, canonical code and exception together."""

    number: int
    name: str
    code_number: int
    code: str
    exception: str
    retryable: bool
    local: bool
    meaning: str


CAUSES = tuple(Cause(*row) for row in core.causes())
_BY_NAME = {cause.name: cause for cause in CAUSES}


class Error(Exception):
    """Anything that tidegate could not do. Catch this, or one of the classes below it.

    Attributes:
        cause: What happened, in one word: ``"deadline"``, ``"queue_full"``, ``"query_error"`` …
        code: The canonical code, shared with gRPC: ``"DEADLINE_EXCEEDED"`` …
        retryable: Trying the same again later can help.
        elapsed: Seconds from submission to the outcome; 0.0 where nothing was submitted.
        attempts: How often it was tried; 0 where it was refused before the first time.
        history: A line for each attempt, where there was more than one: ``"attempt 1 of 4: connect
            after 1.2 ms, then a pause of 80 ms"``.

    Example:
        >>> try:
        ...     answer = db.query("SELECT 1").result()
        ... except tidegate.Timeout as error:
        ...     print(error.cause, error.elapsed)
    """

    default_cause = "internal"
    history: tuple[str, ...] = ()

    def __init__(
        self, message: str = "", *, cause: str = "", elapsed: float = 0.0, attempts: int = 0
    ) -> None:
        super().__init__(message)
        self.cause = cause or self.default_cause
        self.elapsed = elapsed
        self.attempts = attempts

    def copy(self) -> Error:
        """The same failure, never raised yet: an exception that is kept must not hold frames."""
        made = type(self)(*self.args)
        made.__dict__.update(self.__dict__)
        made.__cause__ = self.__cause__
        return made

    @property
    def code(self) -> str:
        return _row(self.cause).code

    @property
    def retryable(self) -> bool:
        return _row(self.cause).retryable


class Timeout(Error, TimeoutError):
    """The deadline passed first; the work was stopped."""

    default_cause = "deadline"


class NotReady(Timeout):
    """Waiting ended, the operation goes on: wait for it again, or cancel it."""

    default_cause = "not_ready"


class PoolTimeout(Timeout):
    """No connection became free within the time to wait for one."""

    default_cause = "pool_timeout"


class Cancelled(Error):
    """Somebody called ``cancel()``. (A task that is cancelled gets ``asyncio.CancelledError``.)"""

    default_cause = "cancelled"


class Closed(Error, RuntimeError):
    """The executor, or the whole of tidegate, was closed first."""

    default_cause = "closed"


class Overloaded(Error):
    """Refused at once: too many wait, or it could not have run before its deadline."""

    default_cause = "queue_full"


class RateLimited(Overloaded):
    """Refused at once: its turn would have come only after its deadline.

    Attributes:
        retry_after: Seconds from the refusal after which it would have been let through.
    """

    default_cause = "rate_limited"
    retry_after: float = 0.0


class InvalidArgument(Error, ValueError):
    """The call itself was wrong."""

    default_cause = "bad_argument"


class ConfigError(Error, ValueError):
    """A setting was unknown, of the wrong type or out of range."""

    default_cause = "config"


class QueryError(Error):
    """The engine refused the query: bad SQL, a missing parameter, a broken constraint."""

    default_cause = "query_error"


class EngineBusy(Error):
    """The engine was locked or busy for longer than it may wait."""

    default_cause = "engine_busy"


class EngineCorrupt(Error):
    """The engine's data is damaged, or is not what it should be."""

    default_cause = "engine_corrupt"


class EngineUnavailable(Error, ConnectionError):
    """The engine could not be opened or reached."""

    default_cause = "engine_unavailable"


class RedirectError(Error):
    """The server sent the request to where it may not go, or on and on."""

    default_cause = "redirect"


class BlockedAddress(Error, PermissionError):
    """The host has an address that requests may not go to."""

    default_cause = "blocked_address"


class ConnectionFailed(Error, ConnectionError):
    """The server could not be reached, or the connection ended before the answer had come."""

    default_cause = "connect"


class TlsFailed(ConnectionFailed):
    """No secure connection: a certificate that is not to be trusted, or a failed handshake."""

    default_cause = "tls"


class ProxyError(ConnectionFailed):
    """The proxy could not be reached, made no connection, or wants another user or password."""

    default_cause = "proxy"


class ProtocolError(Error):
    """What the server sent is no valid HTTP."""

    default_cause = "protocol"


class CircuitOpen(Error):
    """Refused at once: the service has failed, and is left alone for a while.

    Attributes:
        retry_after: In how many seconds it may be asked again; 0.0 where that is not known.
    """

    default_cause = "circuit_open"

    def __init__(
        self,
        message: str = "",
        *,
        cause: str = "",
        elapsed: float = 0.0,
        attempts: int = 0,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message, cause=cause, elapsed=elapsed, attempts=attempts)
        self.retry_after = retry_after


class HTTPStatusError(Error):
    """``Response.raise_for_status()``: the status is another than 200 to 299.

    Attributes:
        response: The ``Response``; None where it was made by hand.
    """

    default_cause = "http_status"

    def __init__(
        self,
        message: str = "",
        *,
        cause: str = "",
        elapsed: float = 0.0,
        attempts: int = 0,
        response: Response | None = None,
    ) -> None:
        super().__init__(message, cause=cause, elapsed=elapsed, attempts=attempts)
        self.response = response

    @property
    def status(self) -> int:
        """The status; 0 where there is no response."""
        return 0 if self.response is None else self.response.status

    @property
    def retryable(self) -> bool:
        return self.status in (429, 500, 502, 503, 504)

    @property
    def retry_after(self) -> float | None:
        """When the server wants to be asked again, in seconds from now; None if it does not say."""
        if self.response is None:
            return None
        headers = self.response.headers
        fields = headers.fields if isinstance(headers, Headers) else tuple(headers.items())
        asked = core.Retries.asked(fields, self.status)
        return None if asked < 0 else asked


class TooLarge(Error):
    """The answer was larger than the limit; nothing of it was kept."""

    default_cause = "too_large"


class CallableFailed(Error):
    """The caller's own function failed; ``__cause__`` is its exception."""

    default_cause = "callable_failed"


class DecodeError(Error, ValueError):
    """Data could not be read as what it should be."""

    default_cause = "decode"


class LocalResourceError(Error, OSError):
    """This process ran out of descriptors, threads or disk."""

    default_cause = "local_resource"


class OutOfMemory(Error, MemoryError):
    """This process ran out of memory."""

    default_cause = "no_memory"


class InternalError(Error, RuntimeError):
    """A bug in tidegate: please report it with the message."""

    default_cause = "internal"


def _row(cause: str) -> Cause:
    return _BY_NAME.get(cause, _BY_NAME["internal"])


def _class_of(cause: Cause) -> type[Error]:
    found = globals().get(cause.exception, InternalError)
    assert isinstance(found, type)
    assert issubclass(found, Error)
    return found


_CLASSES = {cause.number: _class_of(cause) for cause in CAUSES}


def make_error(
    cause: int,
    message: str,
    elapsed: float = 0.0,
    attempts: int = 0,
    history: tuple[str, ...] = (),
    retry_after: float = 0.0,
) -> Error:
    """The exception for a cause by its number. Called by the extension too."""
    kind = _CLASSES.get(cause, InternalError)
    made = kind(message, cause=CAUSES[cause].name, elapsed=elapsed, attempts=attempts)
    if history:
        made.history = history
    if isinstance(made, (RateLimited, CircuitOpen)):
        made.retry_after = retry_after
    return made


def check(outcome: tuple[int, str] | None) -> None:
    """Raises what the extension returned as data."""
    if outcome is not None:
        raise make_error(*outcome)
