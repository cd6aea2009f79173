"""Whole answers, kept by tidegate: in this process, and in Redis for all of them."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tidegate as tg
from app.settings import settings

Body = dict[str, Any]


@dataclass
class Loaded:
    """An answer that was just computed, and whether part of it is a fallback."""

    body: Body
    degraded: bool


class AnswerCache:
    """A cache that fails open: what it cannot do is done without it.

    Attributes:
        counts: How many answers came from where, and how many failed.
    """

    def __init__(self, url: str, *, timeout: float, stale_for: float) -> None:
        self.counts: Counter[str] = Counter()
        self._timeout = timeout
        self._shared = bool(url)
        self._cache: tg.Cache[Body] = tg.Cache(
            "answers",
            stale_for=stale_for,
            load_timeout=settings.page_timeout,
            failure_throttle=settings.query_timeout / 3,
            loaders=1_000,  # as many as a worker has requests; the lane bounds the queries
            max_entries=5_000,  # max_bytes does not see what is inside of a dict
            redis=url or None,
            redis_timeout=timeout,
        )

    async def get_or_load(
        self,
        name: str,
        params: Mapping[str, Any],
        ttl: float,
        load: Callable[[], Awaitable[Loaded]],
    ) -> Body:
        """The cached answer while it is fresh; else a new one; if that is degraded, the old one.

        Args:
            name: The endpoint.
            params: All parameters that the answer depends on.
            ttl: How long an answer is fresh, in seconds.
            load: Computes it, once for all who want it at the same time.

        Returns:
            The answer, with a ``meta`` that says where it came from and how old it is.
        """
        try:
            answer = await self._answer((name, params), ttl, load)
        except Exception:
            self.counts["failed"] += 1
            raise
        self.counts[answer["meta"]["source"]] += 1
        return answer

    async def ping(self) -> str:
        """``"ok"``, ``"off"`` or ``"down"``."""
        if not self._shared:
            return "off"
        try:  # a load asks Redis first
            await self._cache.get_or_load("ping", keep_nothing, timeout=self._timeout)
        except tg.Error:
            return "down"
        return "ok" if self._cache.stats().tier.up else "down"

    def stats(self) -> dict[str, Any]:
        """What the cache has counted in this process."""
        counted = self._cache.stats()
        return {**counted._asdict(), "tier": counted.tier._asdict()}

    async def _answer(
        self, key: tuple[Any, ...], ttl: float, load: Callable[[], Awaitable[Loaded]]
    ) -> Body:
        async def load_whole(context: tg.LoadContext) -> Body:
            loaded = await load()
            if loaded.degraded:
                context.degraded("part of the answer is a fallback")
            return loaded.body

        try:
            kept = await self._cache.get_or_load(key, load_whole, ttl=ttl)
        except tg.CallableFailed:
            raise
        except tg.Error:  # late: the page is over, and its queries have their fallbacks at once
            loaded = await load()
            return with_meta(loaded.body, "default" if loaded.degraded else "fresh", 0.0)
        return with_meta(kept.value, kept.source, kept.age)


async def keep_nothing(load: tg.LoadContext) -> Body:
    load.uncached()
    return {}


def with_meta(body: Body, source: str, age: float) -> Body:
    degraded = source in ("stale", "default")
    return {**body, "meta": {"source": source, "age_s": round(age, 3), "degraded": degraded}}


cache = AnswerCache(
    settings.redis_url, timeout=settings.redis_timeout, stale_for=settings.stale_for
)
