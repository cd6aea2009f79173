"""Keys of Python values: equal bytes exactly where type and value are equal. A set and a frozenset
of the same elements are equal.

A key is the byte 1, the version of this format, and a value. Sizes and counts are LEB128.

===========  ===================================================================================
``N T F``    None, True, False
``i``        int below 2**63: size, then two's complement, highest byte first
``f``        float: IEEE 754, highest byte first; all NaN are one
``s b``      str as UTF-8 (lone surrogates as they are), bytes: size, then the bytes
``(``        tuple: count, then the values
``x``        anything else: count, then the values of the tuple that ``plain()`` makes of it
===========  ===================================================================================

Nothing depends on ``hash()``, ``id()`` or an order that sets have, so that a key is the same in
every process and every Python. The extension writes the format; this module makes rare types
simple.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Any

from ._native import core


def plain(value: Any) -> tuple[Any, ...]:
    """What stands for a value that is not of a simple type itself: its kind, then simple values.

    Raises:
        TypeError: It can be no key. The message names the type.
    """
    kind = type(value)
    own = getattr(kind, "__cache_key__", None)
    if own is not None:
        return "object", _name(kind), own(value)
    if isinstance(value, enum.Flag):  # what is put together of several has no name of its own
        return "flag", _name(kind), value.value
    if isinstance(value, enum.Enum):
        return "enum", _name(kind), value.name
    simple = _SIMPLE.get(kind)
    if simple is not None:
        return simple(value)
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return "namedtuple", _name(kind), tuple(value)
    if dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(value)
        return "dataclass", _name(kind), *((f.name, getattr(value, f.name)) for f in fields)
    raise TypeError(
        f"a {kind.__module__}.{kind.__qualname__} can be no part of a cache key: "
        "give its class a method __cache_key__() that returns what tells its values apart, "
        "or leave the argument out by ignore="
    )


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _int(value: int) -> tuple[Any, ...]:
    return "int", value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _set(value: set[Any] | frozenset[Any]) -> tuple[Any, ...]:
    return "set", *sorted(value, key=core.encode_key)


def _dict(value: dict[Any, Any]) -> tuple[Any, ...]:
    pairs = [(core.encode_key(key), key, item) for key, item in value.items()]
    pairs.sort(key=lambda pair: pair[0])
    return "dict", *((key, item) for _, key, item in pairs)


def _datetime(value: datetime.datetime) -> tuple[Any, ...]:
    return "datetime", value.isoformat(), value.fold


_SIMPLE: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    int: _int,
    list: lambda value: ("list", *value),
    set: _set,
    frozenset: _set,
    dict: _dict,
    datetime.date: lambda value: ("date", value.isoformat()),
    datetime.time: lambda value: ("time", value.isoformat(), value.fold),
    datetime.datetime: _datetime,
    datetime.timedelta: lambda value: ("timedelta", value.days, value.seconds, value.microseconds),
    uuid.UUID: lambda value: ("uuid", value.bytes),
    decimal.Decimal: lambda value: ("decimal", str(value)),
}
