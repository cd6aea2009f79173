"""Attempts around attempts: told once for each function, with what they multiply to.

An outer layer knows of an inner one by what it raises: where that says that it was tried more than
once already, and is now to be tried again. So a call that goes well costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ._errors import Error, HTTPStatusError
from ._native import core

_MARK = "_tidegate_attempts"
_OF = re.compile(r"attempt \d+ of (\d+)")
_MOST_CAUSES = 4  # that are looked through: an adapter's error has the client's as its cause


def mark(error: BaseException, made: int, most: int) -> None:
    """Remembers of an error that it ends ``made`` of at most ``most`` attempts."""
    if made > 1:
        error.__dict__[_MARK] = most * attempts_behind(error)


def attempts_behind(error: BaseException | None) -> int:
    """As many as there may be behind one call that raises this; 1 where it was tried once."""
    for _ in range(_MOST_CAUSES):
        if error is None:
            return 1
        marked = error.__dict__.get(_MARK)
        if isinstance(marked, int):
            return marked
        history = _history_of(error)
        if len(history) > 1 and (found := _OF.match(history[-1])):
            return int(found[1])
        error = error.__cause__
    return 1


def _history_of(error: BaseException) -> tuple[str, ...]:
    """A client's lines, one for each attempt where there was more than one."""
    if isinstance(error, HTTPStatusError) and error.response is not None:
        return error.response.history
    return error.history if isinstance(error, Error) else ()


def tell(fn: Callable[..., Any], most: int, error: BaseException) -> None:
    """Warns where what ``fn`` raised was tried again already, and is to be tried again now."""
    inner = attempts_behind(error)
    if inner == 1:
        return
    name = getattr(fn, "__qualname__", type(fn).__name__)
    module = getattr(fn, "__module__", None)
    core.warn_once(
        "stacked_retries",
        f"retry of {module}.{name}" if module else f"retry of {name}",
        f"its calls are tried {inner} times by themselves: {most} x {inner} = {most * inner} "
        "attempts; take one of the two away, as with RetryPolicy(attempts=1) for the client",
    )
