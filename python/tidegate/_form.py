"""Forms with files: the body of the type ``multipart/form-data``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from mimetypes import guess_type
from os.path import basename
from typing import Any, Protocol

from ._encode import Body, QueryPairs, _pairs, _query, _text
from ._errors import InvalidArgument
from ._native import core


class Readable(Protocol):
    """An open file, or what reads like one."""

    def read(self) -> bytes: ...


Content = Body | str | Readable
File = Content | tuple[str | None, Content] | tuple[str | None, Content, str]
Files = Mapping[str, File] | Iterable[tuple[str, File]]

_Part = tuple[str, str | None, Body, str]


def encode_form(
    json: Any, data: QueryPairs | Body | str | None, content: Any, files: Files
) -> tuple[str, Body]:
    """The type of a form with files, and its body."""
    if not (json is content is None) or isinstance(data, (str, bytes, bytearray, memoryview)):
        raise InvalidArgument("a request with files has no other body; its fields are data")
    fields = [] if data is None else _query("data", data)
    parts: list[_Part] = [(name, None, value.encode(), "") for name, value in fields]
    parts += [_part(_text("files", str(name)), given) for name, given in _pairs("files", files)]
    return core.encode_form(parts)


def _part(name: str, given: Any) -> _Part:
    filename: Any = None
    kind: Any = None
    content = given
    if isinstance(given, tuple):
        if not 2 <= len(given) <= 3:
            raise InvalidArgument(f"files: {name!r} is no (name, content) or (name, content, type)")
        filename, content, kind = (*given, None)[:3]
        if not (isinstance(filename, str) or filename is None):
            raise InvalidArgument(f"files: the name of the file {name!r} must be a str")
        if not (isinstance(kind, str) or kind is None):
            raise InvalidArgument(f"files: the type of {name!r} must be a str")
    else:
        filename = _name_of(content)
    if kind is None:
        guessed = None if filename is None else guess_type(filename)[0]
        kind = "" if filename is None else guessed or "application/octet-stream"
    named = None if filename is None else _text("files", filename)
    return name, named, _read(name, content), _text("files", kind)


def _name_of(content: Any) -> str:
    """That of an open file, where it has one."""
    name = getattr(content, "name", None)
    return basename(name) if isinstance(name, str) and name else "upload"


def _read(name: str, content: Any) -> Body:
    if callable(read := getattr(content, "read", None)):
        content = read()
    elif isinstance(content, str):
        return _text("files", content).encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return content
    raise InvalidArgument(
        f"files: {name!r} must be bytes, text or a file that is open in binary, "
        f"not a {type(content).__name__}"
    )
