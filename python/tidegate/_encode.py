"""What a caller gives of a request, as it is sent: headers, query, form and JSON."""

from __future__ import annotations

import json as json_module
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from ._errors import InvalidArgument
from ._headers import Headers

QueryPairs = Mapping[str, object] | Iterable[tuple[str, object]]
HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | bytearray | memoryview


def _pairs(name: str, given: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping or of an iterable of them."""
    if isinstance(given, Headers):
        return list(given.fields)
    items = given.items() if isinstance(given, Mapping) else given
    try:
        return [(key, value) for key, value in items]
    except (TypeError, ValueError):
        kind = type(given).__name__
        raise InvalidArgument(f"{name} must be a mapping or pairs, not a {kind}") from None


def header_pairs(given: HeaderPairs | None) -> list[tuple[str, str]]:
    return [] if given is None else _pairs("headers", given)


def authorization(auth: tuple[str, str] | str) -> str:
    """The field of a user with a password, or of a token, where no library sends it."""
    if isinstance(auth, str):
        return f"Bearer {auth}"
    return "Basic " + b64encode(":".join(auth).encode()).decode()


def _query(name: str, given: QueryPairs) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for key, value in _pairs(name, given):
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, (bytes, bytearray, memoryview, Mapping, list, tuple, set)):
                kind = type(one).__name__
                raise InvalidArgument(f"{name}: the value of {key!r} is a {kind}, which is no text")
            if one is True or one is False:
                one = "true" if one else "false"
            if one is not None:
                made.append((_text(name, str(key)), _text(name, str(one))))
    return made


def _text(name: str, given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} holds a lone surrogate, which is no text") from None
    return given


def with_query(url: str, params: QueryPairs) -> str:
    """The URL with more in its query."""
    query = urlencode(_query("params", params), quote_via=quote, safe="")
    if not query or not isinstance(url, str):
        return url
    url, mark, fragment = url.partition("#")
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}{query}{mark}{fragment}"


def encode_body(json: Any, data: Any, content: Any) -> tuple[str, Body | None]:
    """The type of a body, if it has one by itself, and the body."""
    if sum(given is not None for given in (json, data, content)) > 1:
        raise InvalidArgument("a request has one body: json, data or content")
    if json is not None:
        try:
            text = json_module.dumps(
                json, ensure_ascii=False, allow_nan=False, separators=(",", ":")
            )
            return "application/json", text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(f"json: {error}") from error
    if isinstance(data, str):
        return "", _text("data", data).encode()
    if data is not None and not isinstance(data, (bytes, bytearray, memoryview)):
        form = urlencode(_query("data", data), quote_via=quote_plus)
        return "application/x-www-form-urlencoded", form.encode()
    body = content if data is None else data
    if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
        raise InvalidArgument(f"content must be bytes, not a {type(body).__name__}")
    return "", body
