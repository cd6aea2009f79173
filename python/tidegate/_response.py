"""What a request comes back with, and the request on its way."""

from __future__ import annotations

import json
import struct
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._answer import Answer, Timings
from ._errors import DecodeError, HTTPStatusError
from ._headers import Headers
from ._native import core
from ._operation import Operation

_TIMES = struct.Struct("7d")


@dataclass(frozen=True, slots=True)
class HttpTimings(Timings):
    """Where the time of a request went; ``queued`` is its wait for a place.

    Attributes:
        dns: Seconds of the lookup; this and the next two are 0.0 over a kept connection.
        connect: Of TCP.
        tls: Of the handshake.
        first_byte: From its turn to the first byte of the answer.
    """

    dns: float
    connect: float
    tls: float
    first_byte: float


class Response(Answer["Response"]):
    """An answer of any status: that a server says 404 is no error until you ask.

    It is the ``Answer`` of its operation, and its own ``value``.

    Attributes:
        status: The status code.
        headers: The fields, a ``Headers``.
        content: The body, decoded from its ``Content-Encoding``.
        method: Of the request, as it was started.
        url: Where the answer came from at last, with its query.
        redirects: How many led there.
        reused: It came over a connection that was kept from an earlier request.
        attempts: How often the request was sent, the first time included.
        history: A line for each attempt, where there was more than one: ``"attempt 1 of 4: 503
            after 12 ms, then a pause of 80 ms"``.
        hedged: A second request went out beside the first, which was slow.

    Example:
        >>> response = await http.get("https://api.example.com/cars")
        >>> response.status, response.ok, response.json(), response.timings.first_byte
    """

    __slots__ = (
        "_headers",
        "_spent",
        "_timings",
        "attempts",
        "content",
        "hedged",
        "history",
        "method",
        "redirects",
        "reused",
        "status",
        "url",
    )
    status: int
    content: bytes
    method: str
    url: str
    redirects: int
    reused: bool
    attempts: int
    history: tuple[str, ...]
    hedged: bool
    _headers: Headers | str  # lines, until somebody looks
    _spent: Sequence[float] | bytes  # packed, until somebody looks
    _timings: HttpTimings | None

    @property
    def value(self) -> Response:
        """The response itself: so an operation of it reads like any other, in a page too."""
        return self

    @property
    def headers(self) -> Headers:
        """The fields."""
        headers = self._headers
        if isinstance(headers, str):
            lines = headers.split("\n")
            headers = self._headers = Headers(zip(lines[::2], lines[1::2], strict=False))
        return headers

    @property
    def ok(self) -> bool:
        """The status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as text, by the charset of its ``Content-Type``, else UTF-8.

        Bytes that are none of it become U+FFFD.
        """
        try:
            return self.content.decode(_charset(self.headers.get("content-type", "")), "replace")
        except (LookupError, ValueError):  # a charset that nobody knows
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            DecodeError: It is none.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"{self._what()}: the body is no JSON: {error}") from error

    @property
    def timings(self) -> HttpTimings:
        """Where the time went."""
        if self._timings is None:
            submitted, queue, dns, connect, tls, first_byte, total = self._times()
            self._timings = HttpTimings(
                submitted,
                queue,
                total - queue,
                submitted + total,
                dns,
                connect,
                tls,
                first_byte,
            )
        return self._timings

    @property
    def elapsed(self) -> float:
        """Seconds from the call to the end."""
        return self._times()[-1]

    def _times(self) -> Sequence[float]:
        spent = self._spent
        if isinstance(spent, bytes):
            spent = self._spent = _TIMES.unpack(spent)
        return spent

    def raise_for_status(self) -> Response:
        """The response, if it is ``ok``.

        Raises:
            HTTPStatusError: The status is another than 200 to 299.
        """
        if self.ok:
            return self
        raise HTTPStatusError(
            f"{self._what()}: the status is {self.status}",
            elapsed=self.elapsed,
            attempts=self.attempts,
            response=self,
        )

    def _what(self) -> str:
        """The request as messages show it: a query string may hold what is nobody's business."""
        return f"{self.method} {self.url.partition('?')[0].partition('#')[0]}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self._what()} {len(self.content)} bytes>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _make_response, (
            self.method,
            self.url,
            self.status,
            self.headers.fields,
            self.content,
            self.reused,
            self.redirects,
            self.attempts,
            self.history,
            self.hedged,
            tuple(self._times()),
        )


class Exchange(Operation[Response]):
    """A request in flight: an ``Operation`` whose answer is the ``Response`` itself.

    ``await exchange``, or ``exchange.result(timeout)`` in synchronous code. Cancelling it, or the
    task that awaits it, gives its place back at once and closes its connection.
    """

    __slots__ = ("_method", "_streamed")
    _method: str
    _streamed: type[Any]  # what a streamed one is made into

    if TYPE_CHECKING:

        def answer(self) -> Response: ...
        def result(self, timeout: float | str | None = None) -> Response: ...
        def __await__(self) -> Generator[Any, None, Response]: ...
        @property
        def timings(self) -> HttpTimings | None: ...


def _make_response(
    method: str,
    url: str,
    status: int,
    fields: Sequence[tuple[str, str]] | str,
    content: bytes,
    reused: bool,
    redirects: int,
    attempts: int,
    history: tuple[str, ...],
    hedged: bool,
    spent: Sequence[float] | bytes,
) -> Response:
    made = Response(None, "fresh")  # type: ignore[arg-type]  # its value is itself
    made.method = method
    made.url = url
    made.status = status
    made._headers = fields if isinstance(fields, str) else Headers(fields)
    made.content = content
    made.reused = reused
    made.redirects = redirects
    made.attempts = attempts
    made.history = history
    made.hedged = hedged
    made._spent = spent
    made._timings = None
    return made


def _make_streamed(exchange: Exchange, *parts: Any) -> Any:
    """Called by the extension, on the consumer's thread. A Response it makes itself."""
    made = _make_response(exchange._method, *parts)
    return exchange._streamed(made, made.content)


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip("\"'")
    return "utf-8"


core.install_http(Exchange, Response, _make_streamed)
