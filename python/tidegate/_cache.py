"""A cache of Python objects, in this process and, if asked for, in Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from sys import getsizeof
from typing import Any, Generic, Literal, NamedTuple, TypeVar, overload

from ._codec import encode
from ._duration import MOST_LIFE, seconds
from ._errors import InvalidArgument
from ._loads import MOST_LOADERS, LoadContext, Loads
from ._native import core
from ._operation import Operation
from ._page import current_page
from ._refresh import Refresh

V = TypeVar("V")


Eviction = Literal["clock_tiny_lfu", "strict_lru"]


class TierStats(NamedTuple):
    """What a cache counts of Redis; caches of one name in a process count together.

    Attributes:
        hits: Fresh values found there.
        stale_hits: Stale ones found there.
        misses: Nothing found that could be used.
        stored: Values written.
        refused: Values not written, because their key was invalidated since their load began.
        failed: Fetches that failed or were late.
        dropped: Writes that were given up.
        invalidations_sent: What the other processes were told.
        invalidations_heard: What they told.
        pending_stores: Writes that wait.
        pending_invalidations: Invalidations that wait until Redis is back.
        waiting_loads: Loads that wait for their turn while Redis is down.
        up: Redis is there, and what the others say is heard.
    """

    hits: int
    stale_hits: int
    misses: int
    stored: int
    refused: int
    failed: int
    dropped: int
    invalidations_sent: int
    invalidations_heard: int
    pending_stores: int
    pending_invalidations: int
    waiting_loads: int
    up: bool


class CacheStats(NamedTuple):
    """What a cache counts in this process.

    Attributes:
        hits: Fresh values found.
        stale_hits: Stale ones found.
        misses: Nothing found.
        puts: Values stored, loaded or put.
        refused: Values that were not stored: too large, or invalidated before they came.
        evicted: Values forgotten because the cache was full.
        expired: Values forgotten because they were over.
        entries: Values now.
        bytes: What keys and values weigh now.
        tier: The same of Redis; all zero without.
    """

    hits: int
    stale_hits: int
    misses: int
    puts: int
    refused: int
    evicted: int
    expired: int
    entries: int
    bytes: int
    tier: TierStats


class Cache(core.Cache[V], Generic[V]):
    """Objects that are expensive to get, kept for a while, by reference: ``get(k) is obj``.

    There is one load for all who want a key at the same time, and one outcome for all of them. The
    load belongs to the cache: whoever is cancelled or late stops nobody else. A value is fresh for
    its ``ttl`` and then kept for ``stale_for``: it answers, marked ``"stale"``, where a load fails
    or takes too long.

    A key is any value of simple types, by type and value: ``1``, ``"1"``, ``True`` and ``1.0`` are
    four keys. Tuples, lists, dicts, sets, dataclasses, enums, dates, UUIDs and decimals of such
    are keys too; a class of your own offers ``__cache_key__()``.

    With ``redis`` the processes whose cache has the same name share their values, as JSON, or as
    they are if they are ``bytes``. What one process invalidates, the others forget too.

    What is stored is shared: who changes it changes it for all. Constructing starts nothing; it
    may be used from any thread, any event loop, and after a fork, in whose child it is empty.

    Args:
        name: For ``stats()`` and messages. Caches of one name in a process count together.
        ttl: How long a value is fresh. 60 s.
        stale_for: How long it may then be served where there is no better one. 1 h.
        negative_ttl: How long "there is none" is kept; see ``LoadContext.negative()``. 5 s.
        failure_throttle: After a failed load a stale value answers at once for this long. 5 s.
        error_ttl: The same for keys without one: their error answers at once. 0: every call tries.
            The exception is then one like the first, without its traceback and its cause. Where
            that carried more than 4 KiB of plain values, as a response, it is forgotten: the error
            is a ``CallableFailed`` with its text and no ``__cause__``, of ``cached()`` as well.
        load_timeout: When a load is given up, whoever waits for it. 15 s.
        soft_timeout: How long a caller waits for a load where a stale value is there. 0: not at
            all, the load goes on behind. None: to its own deadline.
        jitter: 0 to 0.5: a ttl is drawn from ``1 - jitter`` to ``1 + jitter`` times itself.
        refresh_ahead: 0 to 1: the first hit after this share of the ttl answers at once and loads
            behind. 0: never.
        sliding: A hit makes the value fresh for its ttl again, and puts off its end by as much.
            What is wanted more often than its ttl is not loaded again, but by ``refresh_ahead``;
            what came from Redis does not slide.
        max_entries: Values at most. 100,000.
        max_bytes: What keys and values weigh at most, as ``put()`` says. 64 MiB.
        loaders: Loaders that run at once, threads and tasks each. 16.
        eviction: What goes first: ``"clock_tiny_lfu"``, what is wanted rarely, or ``"strict_lru"``.
        redis: ``"redis://:password@host:6379/0"`` or ``"unix:///path"``. None: not shared.
        redis_timeout: The longest that a caller waits for Redis before its load begins. 50 ms.
        loaders_without_redis: Loads at once while Redis is down; the others wait in line. 4.

    Raises:
        InvalidArgument: An argument is of the wrong type or out of range.
        ConfigError: The URL is none, or asks for what is not supported.

    Example:
        >>> cache = tidegate.Cache(ttl="5m")
        >>> prices = (await cache.get_or_load(("prices", make), load_prices)).value
    """

    __slots__ = ("__weakref__", "_load_timeout", "_loaders", "_loads", "_shared", "name")

    def __init__(
        self,
        name: str = "cache",
        *,
        ttl: float | str = 60,
        stale_for: float | str = 3600,
        negative_ttl: float | str = 5,
        failure_throttle: float | str = 5,
        error_ttl: float | str = 0,
        load_timeout: float | str = 15,
        soft_timeout: float | str | None = None,
        jitter: float = 0.1,
        refresh_ahead: float = 0,
        sliding: bool = False,
        max_entries: int = 100_000,
        max_bytes: int = 64 << 20,
        loaders: int = 16,
        eviction: Eviction = "clock_tiny_lfu",
        redis: str | None = None,
        redis_timeout: float | str = 0.05,
        loaders_without_redis: int = 4,
    ) -> None:
        if not isinstance(name, str) or "\0" in name:
            raise InvalidArgument(f"name must be a str, not {name!r}")
        if eviction not in ("clock_tiny_lfu", "strict_lru"):
            raise InvalidArgument(f"eviction is 'clock_tiny_lfu' or 'strict_lru', not {eviction!r}")
        self.name = name
        self._loaders = _whole("loaders", loaders, MOST_LOADERS)
        self._load_timeout = seconds("load_timeout", load_timeout)
        self._loads: dict[str, Loads] = {}
        self._shared = bool(redis)
        core.cache_open(
            self,
            name,
            eviction == "strict_lru",
            {
                "sliding": bool(sliding),
                "jitter": _share("jitter", jitter, 0.5),
                "refresh_ahead": _share("refresh_ahead", refresh_ahead, 1),
                "max_entries": _whole("max_entries", max_entries),
                "max_bytes": _whole("max_bytes", max_bytes),
                "ttl": life("ttl", ttl),
                "stale_for": life("stale_for", stale_for),
                "negative_ttl": life("negative_ttl", negative_ttl),
                "failure_throttle": seconds("failure_throttle", failure_throttle),
                "error_ttl": seconds("error_ttl", error_ttl),
                "load_timeout": self._load_timeout,
                "soft_timeout": _duration("soft_timeout", soft_timeout),
                "redis": redis or "",
                "redis_timeout": seconds("redis_timeout", redis_timeout),
                "loaders_without_redis": _whole("loaders_without_redis", loaders_without_redis),
            },
        )

    @overload
    def get_or_load(
        self,
        key: Any,
        loader: Callable[[], Awaitable[V]] | Callable[[LoadContext], Awaitable[V]],
        *,
        timeout: float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
        soft_timeout: float | str | None = None,
    ) -> Operation[V]: ...
    @overload
    def get_or_load(
        self,
        key: Any,
        loader: Callable[[], V] | Callable[[LoadContext], V],
        *,
        timeout: float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
        soft_timeout: float | str | None = None,
    ) -> Operation[V]: ...
    def get_or_load(
        self,
        key: Any,
        loader: Callable[..., Any],
        *,
        timeout: float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
        soft_timeout: float | str | None = None,
    ) -> Operation[V]:
        """The value of ``key``: fresh from the cache, else by its load.

        A fresh value answers at once, on the caller's thread. A plain function runs on a thread of
        Python's, a coroutine function as a task of the running loop; both in the caller's context.
        If that loop closes, the load fails, and so do all who wait for it.

        Args:
            key: See the class.
            loader: Makes the value. It takes nothing, or the ``LoadContext``.
            timeout: How long to wait for the value; to ``load_timeout`` if it is not given. Inside
                a page the earlier counts. The load goes on without its callers.
            ttl: For this value instead of the cache's; so are ``stale_for`` and ``soft_timeout``.

        Raises:
            TypeError: The key cannot be one.
            InvalidArgument: An argument is wrong, or a coroutine function is given outside a loop.
                What the loader raises comes as the ``CallableFailed`` of all operations that wait
                for it, with the one exception as their ``__cause__``.
            Closed: ``shutdown()`` was called, or the interpreter ends.

        Example:
            >>> answer = await cache.get_or_load(("car", 7), load_car, timeout=2)
            >>> answer.value, answer.source, answer.age
        """
        return self._begin(key, loader, None, None, timeout, ttl, stale_for, soft_timeout)

    def _begin(
        self,
        key: Any,
        loader: Callable[..., Any],
        is_async: bool | None,
        takes_context: bool | None,
        timeout: float | str | None,
        ttl: float | str | None,
        stale_for: float | str | None,
        soft_timeout: float | str | None,
    ) -> Operation[V]:
        hit: Operation[V] | None = self._hit(key)
        if hit is not None:
            return hit
        page = current_page()
        loads = self._loader_side()
        prepared = loads.prepare(key, loader, is_async, takes_context)
        operation: Operation[V] = core.cache_load(
            self,
            key,
            prepared,
            _duration("timeout", timeout),
            None if page is None else page.deadline,
            life("ttl", ttl),
            life("stale_for", stale_for),
            _duration("soft_timeout", soft_timeout),
        )
        if isinstance(prepared, tuple):
            loads.keep_one()  # another thread may have forked since it was prepared
        return operation

    def refresh_every(
        self,
        key: Any,
        loader: Callable[..., V | Awaitable[V]],
        period: float | str,
        *,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Refresh:
        """Loads a key now and then every ``period``, drawn within a tenth, whoever wants it.

        So it is there before somebody asks. A run joins a load that is under way, and takes what
        another process has put into Redis less than half a period ago; one that fails does not end
        the others, and the value that is there stays.

        Args:
            key: See the class.
            loader: As that of ``get_or_load()``. A coroutine function runs on the loop that is
                running now; once that is closed each run fails. Context variables are as now.
            period: From a millisecond to a day.
            ttl: For these values instead of the cache's; so is ``stale_for``.

        Returns:
            What ends it: ``stop()``, or the end of a ``with`` block. It needs not be kept, and
            keeps the cache. It does not run in a forked child.

        Raises:
            TypeError: The key cannot be one.
            InvalidArgument: An argument is wrong, or a coroutine function is given outside a loop.
            Closed: ``shutdown()`` was called, or the interpreter ends.

        Example:
            >>> cache.refresh_every("makes", load_makes, "10m")
        """
        return Refresh(self, key, loader, period, ttl, stale_for)

    def put(
        self,
        key: Any,
        value: V,
        *,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
        weight: int | None = None,
    ) -> int:
        """Stores a value.

        Args:
            key: See the class.
            value: Kept by reference.
            ttl: For this value instead of the cache's; so is ``stale_for``.
            weight: Its size in bytes, for ``max_bytes``. If it is not given, what the object takes
                by itself, without what it refers to.

        With ``redis`` it is written there behind. It is no invalidation: other processes keep what
        they have for its ttl.

        Returns:
            Its version; 0 where it was refused, because it is larger than a cache should hold.

        Raises:
            TypeError: The key cannot be one; with ``redis``, JSON does not know the value.
            ValueError: With ``redis``: the value contains itself.
            RecursionError: With ``redis``: it is nested too deeply.
        """
        if weight is None:
            weight = getsizeof(value)
        return core.cache_put(
            self,
            key,
            value,
            life("ttl", ttl),
            life("stale_for", stale_for),
            weight,
            encode(value) if self._shared else None,
        )

    def invalidate(self, key: Any, version: int = 0) -> bool:
        """Forgets a key. What is being loaded for it is not stored either.

        Args:
            key: See the class.
            version: Forget it only if this is the value that is there: of many who saw the same
                bad value, the first forgets it, and the others leave its successor alone.

        Returns:
            Whether there was something to forget.
        """
        return core.cache_drop(self, key, version, False)

    def invalidate_all(self) -> None:
        """Forgets all keys, at once whatever their number."""
        core.cache_clear(self, False)

    def expire(self, key: Any) -> bool:
        """Makes the value of a key stale: it serves where the next load fails or is late, and at
        once within ``failure_throttle`` of one that failed.

        Returns:
            Whether there was one.
        """
        return core.cache_drop(self, key, 0, True)

    def expire_all(self) -> None:
        """Makes all values stale, at once whatever their number."""
        core.cache_clear(self, True)

    def stats(self) -> CacheStats:
        """What it counts, since it was first used in this process."""
        *own, tier = core.cache_counts(self)
        return CacheStats._make((*own, TierStats(*tier)))

    def _loader_side(self) -> Loads:
        loads = self._loads.get(self.name)
        if loads is None:
            made = Loads(self.name, self._loaders, self._load_timeout)
            loads = self._loads.setdefault(self.name, made)  # one, whichever thread comes first
        return loads

    def __repr__(self) -> str:
        return f"<Cache {self.name!r}: {len(self)} entries>"


def _duration(name: str, value: float | str | None) -> float | None:
    return None if value is None else seconds(name, value)


def life(name: str, value: float | str | None) -> float | None:
    return None if value is None else seconds(name, value, MOST_LIFE)


def _share(name: str, value: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise InvalidArgument(f"{name} must be from 0 to {most}, not {value!r}")
    return float(value)


def _whole(name: str, value: int, most: int = 1 << 62) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidArgument(f"{name} must be from 1 to {most}, not {value!r}")
    return value
