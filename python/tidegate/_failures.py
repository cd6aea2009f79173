"""Why a load failed, as it is kept beside what the user raised: nothing is set on that."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from sys import getsizeof
from typing import Any
from uuid import UUID

from ._work import describe

_MOST_BYTES = 4096  # of what a remembered exception carries
_HEAP_TYPE = 1 << 9  # the flag of a class that a class statement made
_VALUES = {str, bytes, int, float, complex, bool, type(None), date, datetime, time, timedelta}
_VALUES |= {Decimal, UUID}
_GROUPS = {tuple, list, dict, set, frozenset}


class Failure:
    """What a loader raised, for all who wait for its load.

    Each of them raises the one exception, and what is raised has its frames put before those of its
    traceback. So the traceback is kept as the load left it.
    """

    __slots__ = ("error", "traceback")

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.traceback = error.__traceback__

    def again(self) -> BaseException:
        """The exception, to be raised by one more: its traceback is that of the load alone."""
        return BaseException.with_traceback(self.error, self.traceback)

    def remembered(self) -> Remembered | None:
        """What a cache may keep of it; None where that is its text alone."""
        try:
            return Remembered(self.error) if isinstance(self.error, Exception) else None
        except Exception:  # it carries what is no plain value, or cannot be made again
            return None


class Remembered:
    """What a cache keeps of an exception while the failure is recent: its class, and the plain
    values that it carries. So it keeps no frame and no object of the user's alive and is part of no
    cycle, which nobody would see. The exception is made anew for each who asks.

    Raises:
        Exception: It carries anything else, or too much, or would not be the same again.
    """

    __slots__ = ("_carried", "_kind")

    def __init__(self, error: Exception) -> None:
        kind = type(error)
        reduced: Any = _made_by(kind).__reduce__(error)
        _, args, state = (*reduced, {})[:3]
        carried = (args, state)
        if _size(carried) > _MOST_BYTES:
            raise ValueError("it is too large to be kept")
        self._carried: tuple[tuple[Any, ...], dict[str, Any]] = copy.deepcopy(carried)
        self._kind: Callable[[], type[Exception] | None] = weakref.ref(kind)
        if describe(self.error) != describe(error):
            raise ValueError("it would be another")

    @property
    def error(self) -> Exception | None:
        """The exception, made anew; None where its class is gone.

        None of the user's code makes it: its __init__() may want other arguments, or count.
        """
        kind = self._kind()
        if kind is None:
            return None
        base = _made_by(kind)
        args, state = copy.deepcopy(self._carried)
        made: Exception = base.__new__(kind, *args)
        base.__init__(made, *args)
        for name, value in state.items():
            BaseException.__setattr__(made, name, value)
        return made

    def failure(self) -> Failure | None:
        """The same as what the load failed with; None where the class is gone."""
        error = self.error
        return None if error is None else Failure(error)


def _made_by(kind: type[Exception]) -> type[Exception]:
    """The built-in class whose __new__() makes its instances.

    Raises:
        TypeError: It has memory beside its dict, which nobody here knows how to copy.
    """
    base: Any = kind
    while base.__flags__ & _HEAP_TYPE:
        if base.__dict__.get("__slots__"):
            raise TypeError(f"{base.__name__} has slots")
        base = base.__base__
    own = kind.__basicsize__ - base.__basicsize__  # a word for weak references
    if base.__module__ != "builtins" or own > tuple.__itemsize__:
        raise TypeError(f"{kind.__name__} is made by an extension")
    made_by: type[Exception] = base
    return made_by


def _size(value: Any) -> int:
    """What a plain value takes.

    Raises:
        TypeError: It is none.
    """
    kind = type(value)
    if kind in _VALUES:
        return getsizeof(value)
    if kind in _GROUPS:
        return getsizeof(value) + sum(map(_size, value.items() if kind is dict else value))
    if isinstance(value, Enum):
        return 0
    raise TypeError(f"{kind.__name__} is no plain value")
