"""Keys: equal exactly where type and value are, the same in every process and every Python."""

import dataclasses
import datetime
import decimal
import enum
import math
import os
import struct
import subprocess
import sys
import uuid
from typing import Any, NamedTuple

import pytest

import tidegate as tg
from tidegate._native import core


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Level(enum.IntEnum):
    LOW = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2
    OWN = 4


class Bits(enum.IntFlag):
    ONE = 1


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Car:
    make: str
    doors: int


class Own:
    def __init__(self, value: Any) -> None:
        self.value = value

    def __cache_key__(self) -> Any:
        return self.value


UTC = datetime.timezone.utc
DIFFERENT = [
    None, True, False, 0, 1, -1, 127, 128, -128, -129, 255, 256, 2**31, 2**62, 2**63 - 1, -(2**63),
    2**63, 2**64, -(2**64), 10**40, 0.0, -0.0, 1.0, math.inf, -math.inf, math.nan, "", "1", "a",
    "é", "\ud800", "a" * 127, "a" * 128, "a" * 300, b"", b"1", b"a", (), (1,), ("1",), (1, 2),
    ((1,), 2), (1, (2,)), ("a:b",), ("a", "b"), ("ab",), [], [1], ["a", "b"], {},
    {"a": "b"}, {"b": "a"},
    {"a": 1, "b": 2}, set(), {1}, {1, 2}, {"1"}, datetime.date(2026, 1, 2),
    datetime.time(3, 4), datetime.datetime(2026, 1, 2), datetime.datetime(2026, 1, 2, tzinfo=UTC),
    datetime.datetime(2026, 1, 2, fold=1), datetime.timedelta(1), datetime.timedelta(0, 1),
    uuid.UUID(int=1), uuid.UUID(int=2), decimal.Decimal(1), decimal.Decimal("1.0"), Color.RED,
    Color.GREEN, Right.READ, Right.READ | Right.WRITE, Right.READ | Right.OWN, Right(0), Bits(6),
    Bits(8), Level.LOW, Point(1, 2),
    Car("Audi", 3), Car("Audi", 5), Own(1), Own("1"),
]  # fmt: skip

SAME = [
    (frozenset({1, 2}), {2, 1}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (math.nan, -math.nan),
    ("".join(["a", "b"]), "ab"),
    (int("1" + "0" * 40), 10**40),
    (Own(2), Own(2)),
    (Car("Audi", 3), Car("Audi", 3)),
]


def test_different_values_have_different_keys() -> None:
    """Type counts: 1, "1", True and 1.0 are four keys; so does where a tuple is divided."""
    keys = [core.encode_key(value) for value in DIFFERENT]
    assert len(set(keys)) == len(DIFFERENT)


def test_different_values_inside_others_have_different_keys() -> None:
    keys = {core.encode_key((value, other)) for value in DIFFERENT for other in DIFFERENT}
    assert len(keys) == len(DIFFERENT) ** 2


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_values_have_one_key(one: Any, other: Any) -> None:
    assert core.encode_key(one) == core.encode_key(other)


def reference(value: Any) -> bytes:
    """The simple part of the format, as _keys.py documents it."""

    def size(number: int) -> bytes:
        out = b""
        while number >= 0x80:
            out += bytes([number & 0x7F | 0x80])
            number >>= 7
        return out + bytes([number])

    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"T", False: b"F"}[value]
    if isinstance(value, int):
        assert abs(value) < 2**63
        data = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
        return b"i" + size(len(data)) + data
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogatepass")
        return b"s" + size(len(data)) + data
    if isinstance(value, bytes):
        return b"b" + size(len(value)) + value
    tag = b"(" if isinstance(value, tuple) else b"x"
    items = value if isinstance(value, tuple) else ("list", *value)
    return tag + size(len(items)) + b"".join(map(reference, items))


@pytest.mark.parametrize(
    "value",
    [v for v in DIFFERENT if type(v) in (type(None), bool, float, str, bytes, tuple, list)]
    + [v for v in DIFFERENT if type(v) is int and abs(v) < 2**63]
    + [tuple(range(200)), (("a",) * 130, [None, (True,)])],
)
def test_the_format_is_the_one_that_is_documented(value: Any) -> None:
    assert core.encode_key(value) == b"\x01" + reference(value)


def test_a_key_is_the_same_in_every_process() -> None:
    """Whatever the hash seed."""
    script = (
        "from tidegate._native import core; import sys; sys.stdout.buffer.write(core.encode_key("
    )
    value = "({'a', 'b', 'c', 'd'}, {'x': 1, 'y': [2.5]}, frozenset({(1, '2')}))"
    keys = {
        subprocess.run(
            [sys.executable, "-c", script + value + "))"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(keys) == 1
    assert keys.pop().startswith(b"\x01(\x03x\x05s\x03set")


class Loud(str):
    """A subclass may mean something else by equality."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [object(), Loud("a"), print, (1, [object()]), {"a": object()}, Own, Car],
)
def test_what_can_be_no_key_is_refused_by_name(value: Any) -> None:
    with pytest.raises(TypeError, match=r"can be no part of a cache key: .* __cache_key__"):
        core.encode_key(value)


def test_the_refusal_names_the_type() -> None:
    with pytest.raises(TypeError, match=r"a builtins\.object can"):
        tg.Cache().get(object())


def test_what_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(RecursionError):
        core.encode_key(endless)


def test_an_exception_of_a_cache_key_method_comes_as_it_is() -> None:
    class Fails:
        def __cache_key__(self) -> Any:
            raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        tg.Cache().get(("a", Fails()))
