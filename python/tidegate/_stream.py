"""Responses whose bodies are read while they come."""

from __future__ import annotations

from asyncio import _get_running_loop
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, Protocol

from ._errors import InvalidArgument, TooLarge
from ._response import Exchange, Response, _charset

_CHUNK = 1 << 16
_MOST_OF_A_LINE = 1 << 20


class _Taken:
    """What a read of a body that is there already comes to."""

    __slots__ = ("_chunk",)

    def __init__(self, chunk: bytes) -> None:
        self._chunk = chunk

    def result(self) -> bytes:
        return self._chunk

    def __await__(self) -> Generator[Any, None, bytes]:
        yield from ()
        return self._chunk


class _Whole:
    """A body that is there already, from a mock, as a stream."""

    __slots__ = ("_left",)

    def __init__(self, content: bytes) -> None:
        self._left = content

    def read(self, most: int) -> _Taken:
        chunk, self._left = self._left[:most], self._left[most:]
        return _Taken(chunk)

    def close(self) -> None:
        self._left = b""


class _Source(Protocol):
    def read(self, most: int, /) -> Any: ...
    def close(self) -> None: ...


class _Streamed(Response):
    """What both have. ``content``, ``text`` and ``json()`` are there after ``read()``."""

    __slots__ = ("_source",)
    _source: _Source

    def __init__(self, head: Response, source: _Source) -> None:
        for name in ("_spent", "_timings", *_COPIED):
            setattr(self, name, getattr(head, name))
        self._source = source

    def __new__(cls, head: Response, source: _Source) -> Any:
        return super().__new__(cls, None, "fresh")  # type: ignore[arg-type]

    def close(self) -> None:
        """Ends it: its place is given back at once, and reads raise ``Closed``.

        Its connection is closed too, where the body was not at its end. Never waits.
        """
        self._source.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status} {self._what()}>"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a response that is still being read does not pickle")


_COPIED = (
    "attempts",
    "_headers",
    "hedged",
    "history",
    "method",
    "redirects",
    "reused",
    "status",
    "url",
)


class StreamedResponse(_Streamed):
    """A ``Response`` whose body is read while it comes; ``Client.stream()`` gives it.

    Where nobody reads, 256 KiB of the body are taken; then the server has to wait. The body is
    decoded, as that of any response. What breaks off raises where it is read.
    """

    __slots__ = ()

    def iter_bytes(self, size: int = _CHUNK) -> Iterator[bytes]:
        """The body, in pieces of 1 to ``size`` bytes, each as soon as it is there.

        Raises:
            Error: The body broke off; which class says why.
        """
        _check_size(size)
        while chunk := self._source.read(size).result():
            yield chunk

    def iter_lines(self, most: int = _MOST_OF_A_LINE) -> Iterator[str]:
        """The lines, without their ends, by the charset of the body.

        Raises:
            TooLarge: One of them has more than ``most`` characters.
        """
        lines = _Lines(self, most)
        for chunk in self.iter_bytes():
            yield from lines.take(chunk)
        yield from lines.end()

    def read(self) -> bytes:
        """All that is left of the body; afterwards it is the ``content``."""
        self.content = b"".join(self.iter_bytes())
        return self.content


class AsyncStreamedResponse(_Streamed):
    """The same in asyncio; ``AsyncClient.stream()`` gives it."""

    __slots__ = ()

    async def aiter_bytes(self, size: int = _CHUNK) -> AsyncIterator[bytes]:
        """The body, in pieces of 1 to ``size`` bytes, each as soon as it is there.

        Raises:
            Error: The body broke off; which class says why.
        """
        _check_size(size)
        while chunk := await self._source.read(size):
            yield chunk

    async def aiter_lines(self, most: int = _MOST_OF_A_LINE) -> AsyncIterator[str]:
        """The lines, without their ends, by the charset of the body.

        Raises:
            TooLarge: One of them has more than ``most`` characters.
        """
        lines = _Lines(self, most)
        async for chunk in self.aiter_bytes():
            for line in lines.take(chunk):
                yield line
        for line in lines.end():
            yield line

    async def read(self) -> bytes:
        """All that is left of the body; afterwards it is the ``content``."""
        self.content = b"".join([chunk async for chunk in self.aiter_bytes()])
        return self.content


class _Lines:
    """Text in pieces as lines. Only a line feed ends one, with a carriage return before it or not:
    what else Unicode knows may stand in a line of JSON."""

    __slots__ = ("_decoder", "_left", "_most", "_what")

    def __init__(self, response: _Streamed, most: int) -> None:
        charset = _charset(response.headers.get("content-type", ""))
        try:
            make = getincrementaldecoder(charset)
        except (LookupError, ValueError):  # a charset that nobody knows
            make = getincrementaldecoder("utf-8")
        self._decoder = make("replace")
        self._left = ""
        self._most = most
        self._what = response._what()

    def take(self, chunk: bytes) -> list[str]:
        *lines, self._left = (self._left + self._decoder.decode(chunk)).split("\n")
        if len(self._left) > self._most or any(len(line) > self._most for line in lines):
            raise TooLarge(f"{self._what}: a line of more than {self._most} characters")
        return [line.removesuffix("\r") for line in lines]

    def end(self) -> list[str]:
        last = self._left + self._decoder.decode(b"", True)
        return [last.removesuffix("\r")] if last else []


class Streaming:
    """What ``Client.stream()`` returns, for ``with``."""

    __slots__ = ("_begin", "_response")
    _response: StreamedResponse

    def __init__(self, begin: Callable[[type[StreamedResponse]], Exchange]) -> None:
        self._begin = begin

    def __enter__(self) -> StreamedResponse:
        if _get_running_loop() is not None:
            raise RuntimeError("a Client would block the running event loop; use an AsyncClient")
        exchange = self._begin(StreamedResponse)
        try:
            got = exchange.result()
        except BaseException:
            exchange.cancel()
            raise
        self._response = (
            got if isinstance(got, StreamedResponse) else StreamedResponse(got, _Whole(got.content))
        )
        return self._response

    def __exit__(self, *_: object) -> None:
        self._response.close()


class AsyncStreaming:
    """What ``AsyncClient.stream()`` returns, for ``async with``."""

    __slots__ = ("_begin", "_response")
    _response: AsyncStreamedResponse

    def __init__(self, begin: Callable[[type[AsyncStreamedResponse]], Exchange]) -> None:
        self._begin = begin

    async def __aenter__(self) -> AsyncStreamedResponse:
        got = await self._begin(AsyncStreamedResponse)
        self._response = (
            got
            if isinstance(got, AsyncStreamedResponse)
            else AsyncStreamedResponse(got, _Whole(got.content))
        )
        return self._response

    async def __aexit__(self, *_: object) -> None:
        self._response.close()


def _check_size(size: int) -> None:
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size < 1 << 63:
        raise InvalidArgument(f"size must be an integer from 1, not {size!r}")
