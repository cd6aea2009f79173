"""Bodies that are written while they are sent: files, iterables and asynchronous ones.

They are pulled by the caller's own thread, by a task of its loop or by a thread that Python made,
never by one of the library's.
"""

from __future__ import annotations

import asyncio
import io
from asyncio import _get_running_loop
from collections.abc import AsyncIterable, Iterable, Iterator, Mapping
from threading import Thread
from typing import Any, Protocol

from ._encode import Body
from ._errors import CAUSES, Closed, Error, InvalidArgument
from ._native import core
from ._response import Exchange

_PIECE = 1 << 16
_SMALL = 1 << 18
_NUMBERS = {cause.name: cause.number for cause in CAUSES}
_FAILED = _NUMBERS["callable_failed"]


class ReadablePieces(Protocol):
    """An open file, or what reads like one."""

    def read(self, size: int, /) -> bytes: ...


Streamed = ReadablePieces | Iterable[Body] | AsyncIterable[Body]


def is_streamed(content: object) -> bool:
    """It is none of what is sent as it is, and none of what is refused."""
    if content is None or isinstance(content, (bytes, bytearray, memoryview, str, Mapping)):
        return False
    return any(hasattr(content, name) for name in ("read", "__aiter__", "__iter__"))


def new_body(content: Any, has_loop: bool, announced: int | None) -> core.Upload | Body:
    """What the content is written to, of its size where it has one or one was announced.

    A small file is read at once: its request may then be sent again, as any other.

    Raises:
        InvalidArgument: It cannot be read here, or has another size than was announced.
    """
    if isinstance(content, io.TextIOBase):
        raise InvalidArgument("content: the file is open as text, not in binary")
    if hasattr(content, "__aiter__") and not has_loop:
        raise InvalidArgument("content is asynchronous, and needs an AsyncClient in a running loop")
    size = _size_of(content)
    if size is None:
        return core.Upload(announced, False)
    if announced is not None and announced != size:
        raise InvalidArgument(f"Content-Length is {announced}, and content has {size} bytes")
    if size <= _SMALL:
        return _checked(content.read(size + 1))
    return core.Upload(size, True)


def take_length(fields: list[tuple[str, str]]) -> int | None:
    """The Content-Length of a body that is streamed, which is then no field any more.

    Raises:
        InvalidArgument: It is no number of bytes, or there are two.
    """
    given = [value.strip() for name, value in fields if name.lower() == "content-length"]
    if not given:
        return None
    digits = given[0]
    is_one = len(given) == 1 and digits.isascii() and digits.isdecimal() and len(digits) < 19
    if not is_one:
        raise InvalidArgument(f"Content-Length must be one number of bytes, not {given}")
    fields[:] = [field for field in fields if field[0].lower() != "content-length"]
    return int(digits)


def can_be_read_again(content: Any) -> bool:
    """It is a file in binary that stands somewhere."""
    return not isinstance(content, io.TextIOBase) and _size_of(content) is not None


def _size_of(content: Any) -> int | None:
    """What is left of a file that can say so, and be read again; None for what is none."""
    if hasattr(content, "__aiter__"):
        return None
    try:
        if not content.seekable():
            return None
        at = content.tell()
        size: int = content.seek(0, io.SEEK_END) - at
        content.seek(at)
    except (AttributeError, OSError, ValueError):
        return None
    return max(0, size)


def whole(content: Any) -> bytes:
    """All of it, for a mock.

    Raises:
        InvalidArgument: It is asynchronous.
    """
    if hasattr(content, "__aiter__"):
        raise InvalidArgument("content is asynchronous, which a mock does not take")
    return b"".join(_checked(piece) for piece in _pieces(content))


def _pieces(content: Any) -> Iterator[Any]:
    if hasattr(content, "read"):
        return iter(lambda: _checked(content.read(_PIECE)), b"")
    return iter(content)


def _checked(piece: Any) -> Body:
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return piece
    raise InvalidArgument(f"content must be made of bytes, not of a {type(piece).__name__}")


def feed_here(exchange: Exchange, upload: core.Upload, content: Any) -> None:
    """Writes it, on this thread; what it raises ends the request and goes to the caller."""
    try:
        _feed(upload, content)
    except BaseException as error:
        exchange.cancel()
        upload.fail(_FAILED, f"the body failed: {type(error).__name__}", error)
        raise


def _feed(upload: core.Upload, content: Any) -> None:
    """Writes it; a file as often as it is wanted."""
    begin = None if _size_of(content) is None else content.tell()
    while _is_wanted_again(upload, content, begin is not None):
        content.seek(begin)


def _is_wanted_again(upload: core.Upload, content: Any, can_rewind: bool) -> bool:
    for piece in _pieces(content):
        write = upload.write(_checked(piece))
        try:
            taken = write.result()
        except Closed:  # the request has ended, and says why
            return False
        if can_rewind and not taken:
            return True
    upload.finish()
    return can_rewind and not upload.sent().result()


def feed_beside(exchange: Exchange, upload: core.Upload, content: Any) -> None:
    """Writes it beside the caller; what it raises is the cause of the request's failure."""
    loop = _get_running_loop()
    if loop is None or not hasattr(content, "__aiter__"):
        Thread(target=_feed_thread, args=(upload, content), name="tg-upload", daemon=True).start()
        return
    task = loop.create_task(_feed_task(upload, content))
    _feeding.add(task)
    task.add_done_callback(_feeding.discard)

    def ended(_: Any) -> None:
        task.cancel()

    core.bridge_of(loop).watch(exchange, ended)


_feeding: set[asyncio.Task[None]] = set()  # a loop does not keep its tasks


def _feed_thread(upload: core.Upload, content: Any) -> None:
    try:
        _feed(upload, content)
    except BaseException as error:
        _fail(upload, error)


async def _feed_task(upload: core.Upload, content: AsyncIterable[Any]) -> None:
    try:
        async for piece in content:
            write = upload.write(_checked(piece))
            try:
                await write
            except Closed:
                return
        upload.finish()
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        _fail(upload, error)


def _fail(upload: core.Upload, error: BaseException) -> None:
    if isinstance(error, Error):
        upload.fail(_NUMBERS[error.cause], str(error), None)
    else:
        upload.fail(_FAILED, f"the body failed: {type(error).__name__}: {error}", error)
