"""What a mock is asked, and what it answers."""

from __future__ import annotations

import json as json_module
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .._encode import HeaderPairs, encode_body, header_pairs
from .._errors import CAUSES, Error, InvalidArgument, make_error
from .._headers import Headers


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler is given.

    Attributes:
        method: As it was written.
        url: With its query.
        headers: Those that the caller gave; what the client adds by itself is not among them.
        content: The body.
        attempt: Its number, counted from 1.
    """

    method: str
    url: str
    headers: Headers
    content: bytes
    attempt: int

    @property
    def host(self) -> str:
        """The host, with a port where the URL has one."""
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        """The path, percent-encoded as it was sent."""
        return urlsplit(self.url).path or "/"

    @property
    def params(self) -> dict[str, str]:
        """The query; of a name that stands there several times, the last value."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def json(self) -> Any:
        """The body, read as JSON."""
        return json_module.loads(self.content)


class Response:
    """What a handler answers.

    Args:
        status: The status code.
        json: A body, made into JSON.
        text: A body of text.
        content: A body of bytes.
        headers: A mapping, or pairs.
    """

    __slots__ = ("content", "headers", "status")

    def __init__(
        self,
        status: int = 200,
        *,
        json: Any = None,
        text: str | None = None,
        content: bytes | None = None,
        headers: HeaderPairs | None = None,
    ) -> None:
        if isinstance(status, bool) or not isinstance(status, int) or not 100 <= status <= 599:
            raise InvalidArgument(f"status must be an integer from 100 to 599, not {status!r}")
        kind, body = encode_body(json, text, content)
        fields = header_pairs(headers)
        if text is not None:
            kind = "text/plain; charset=utf-8"
        if kind and all(name.lower() != "content-type" for name, _ in fields):
            fields.append(("Content-Type", kind))
        self.status = status
        self.headers = Headers(fields)
        self.content = bytes(body or b"")


Fault = int | str | Response | Exception

_NUMBERS = {cause.name: cause.number for cause in CAUSES}
_OTHER_WORDS = {"connect_failed": "connect", "timeout": "attempt_timeout"}


def fault(what: Fault) -> Response | Exception:
    """What a schedule means by one of its words.

    Raises:
        InvalidArgument: It is none.
    """
    if isinstance(what, (Response, Exception)):
        return what
    if isinstance(what, int):
        return Response(what)
    name = _OTHER_WORDS.get(what, what) if isinstance(what, str) else ""
    if name not in _NUMBERS:
        raise InvalidArgument(f"{what!r} is no status, no cause of an error, no Response")
    made: Error = make_error(_NUMBERS[name], f"a test wants {name}")
    return made


class Faults:
    """A handler that answers by a schedule, one entry for each attempt.

    An entry is a status; the cause of an error, as ``"connect"``, ``"dns"``, ``"tls"``,
    ``"connection_lost"``, ``"read_timeout"`` or any other of ``docs/reference/errors.md``, with
    ``"connect_failed"`` for ``"connect"`` and ``"timeout"`` for ``"attempt_timeout"``; a
    ``Response``; or an exception, which is raised.

    Args:
        schedule: The entries, in their order. One attempt too many is an ``AssertionError``.

    Example:
        >>> http = tidegate.Client(transport=MockTransport(Faults(["connect_failed", 503, 200])))
        >>> http.get("https://api.example.com/cars").attempts
        3
    """

    __slots__ = ("_left", "asked")

    def __init__(self, schedule: list[Fault] | tuple[Fault, ...]) -> None:
        self._left: Iterator[Response | Exception] = iter([fault(entry) for entry in schedule])
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        entry = next(self._left, None)
        if entry is None:
            raise AssertionError(f"{request.method} {request.path}: the schedule is used up")
        if isinstance(entry, Exception):
            raise entry
        return entry
