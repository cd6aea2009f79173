"""Keys that are loaded on a schedule, whoever wants them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._duration import MOST_LIFE, MOST_SECONDS, seconds
from ._errors import InvalidArgument
from ._native import core

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._cache import Cache

_LEAST = 0.001
_running: set[Refresh] = set()


class Refresh:
    """A schedule of ``Cache.refresh_every()``, which runs until ``stop()`` or the process' end.

    Nobody has to keep it. As a context manager it stops at the block's end.

    Attributes:
        key: What it loads.
        period: Every so many seconds.
    """

    __slots__ = ("_cache", "_native", "key", "period")

    def __init__(
        self,
        cache: Cache[Any],
        key: Any,
        loader: Callable[..., Any],
        period: float | str,
        ttl: float | str | None,
        stale_for: float | str | None,
    ) -> None:
        self.key = key
        self.period = seconds("period", period, MOST_SECONDS)
        if self.period < _LEAST:
            raise InvalidArgument(f"period must be at least {_LEAST} s, not {period}")
        self._cache = cache
        self._native = core.cache_refresh_every(
            cache,
            key,
            cache._loader_side().prepare_many(key, loader),
            self.period,
            None if ttl is None else seconds("ttl", ttl, MOST_LIFE),
            None if stale_for is None else seconds("stale_for", stale_for, MOST_LIFE),
        )
        _running.add(self)

    def stop(self) -> None:
        """Ends it. A load that is under way goes on."""
        _running.discard(self)
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "every" if self in _running else "stopped, was every"
        return f"<Refresh {self.key!r} of {self._cache.name!r}: {state} {self.period:g} s>"


def after_fork_in_parent() -> None:
    """The threads that load ended before it."""
    for refresh in list(_running):
        refresh._cache._loader_side().keep_one()


def forget_process() -> None:
    """In a forked child, where nothing runs of it."""
    _running.clear()
