"""Durations as Python writes them: a number of seconds, or a text like "15s"."""

from __future__ import annotations

from ._encode import HeaderPairs, header_pairs
from ._errors import InvalidArgument
from ._native import core

MOST_SECONDS = 86_400.0
MOST_LIFE = 10 * 366 * 86_400.0  # of what a cache keeps


def seconds(name: str, value: float | str, most: float = MOST_SECONDS) -> float:
    """Checks a duration argument.

    Args:
        name: The argument's name, for the message.
        value: Seconds from 0 to a day, or a text with a unit: ``"250ms"``, ``"15s"``.
        most: The most that it may be, instead of a day.

    Raises:
        InvalidArgument: It is something else: a bool, NaN, negative, infinite, without a unit.
    """
    number: float
    if isinstance(value, str):
        read = core.parse_duration(value)
        if isinstance(read, str):
            raise InvalidArgument(f"{name}: {read}")
        number = read
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        kind = type(value).__name__
        raise InvalidArgument(f"{name} must be seconds or a text like '15s', not a {kind}")
    else:
        number = value
    if not 0 <= number <= most:  # NaN is not
        raise InvalidArgument(f"{name} must be from 0 s to {most:,.0f} s, not {value}")
    return float(number)


def header_timeout(headers: HeaderPairs, name: str, most: float | str) -> float:
    """How long a caller of yours waits, in seconds, by a header of its request.

    Args:
        headers: Of the request: a mapping, or pairs.
        name: Of the header. Its value is ``"1500ms"`` or ``"2s"``; seconds without a unit, or
            milliseconds where the name ends with ``-ms``.
        most: What it is at most, and where there is no such header or it is none of this.

    Raises:
        InvalidArgument: An argument is of the wrong type, or ``most`` is no duration.

    Example:
        >>> with tidegate.page(tidegate.header_timeout(request.headers, "X-Request-Timeout", 18)):
        ...     ...
    """
    pairs = header_pairs(headers)
    value = next((text for key, text in pairs if key.lower() == name.lower()), "")
    return core.header_timeout(name, value, seconds("most", most))
