"""Whole answers in Redis: fresh for a while, and after that for when a query fails."""

import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis.asyncio as redis

from app.settings import settings

log = logging.getLogger(__name__)

Body = dict[str, Any]


@dataclass
class Loaded:
    """An answer that was just computed, and whether part of it is a fallback."""

    body: Body
    degraded: bool


class RedisCache:
    """A cache that fails open: what Redis cannot do is done without it.

    Attributes:
        counts: How many answers came from where, and how many failed.
    """

    def __init__(self, url: str, *, timeout: float, stale_for: float) -> None:
        self.counts: Counter[str] = Counter()
        self._stale_for = stale_for
        self._redis: redis.Redis | None = None
        if url:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=timeout, socket_connect_timeout=timeout, decode_responses=True
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
            load: Computes it.

        Returns:
            The answer, with a ``meta`` that says where it came from and how old it is.
        """
        try:
            answer = await self._answer(name, params, ttl, load)
        except Exception:
            self.counts["failed"] += 1
            raise
        self.counts[answer["meta"]["source"]] += 1
        return answer

    async def ping(self) -> str:
        """``"ok"``, ``"off"`` or what is wrong."""
        if self._redis is None:
            return "off"
        try:
            await self._redis.ping()
        except redis.RedisError as error:
            return str(error)
        return "ok"

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _answer(
        self,
        name: str,
        params: Mapping[str, Any],
        ttl: float,
        load: Callable[[], Awaitable[Loaded]],
    ) -> Body:
        key = f"{name}:{json.dumps(params, sort_keys=True)}"
        stored = await self._get(key)
        age = time.time() - stored["stored_at"] if stored else 0.0
        if stored and age < ttl:
            return with_meta(stored["body"], "cached", age)
        loaded = await load()
        if not loaded.degraded:
            await self._set(key, {"stored_at": time.time(), "body": loaded.body}, ttl)
            return with_meta(loaded.body, "fresh", 0.0)
        if stored:
            return with_meta(stored["body"], "stale", time.time() - stored["stored_at"])
        return with_meta(loaded.body, "default", 0.0)

    async def _get(self, key: str) -> dict[str, Any] | None:
        if self._redis is None:
            return None
        try:
            text = await self._redis.get(key)
        except redis.RedisError as error:
            log.warning("Redis GET failed: %r", error)
            return None
        return json.loads(text) if text else None

    async def _set(self, key: str, value: dict[str, Any], ttl: float) -> None:
        if self._redis is None:
            return
        try:
            await self._redis.set(key, json.dumps(value), px=int(1000 * (ttl + self._stale_for)))
        except redis.RedisError as error:
            log.warning("Redis SET failed: %r", error)


def with_meta(body: Body, source: str, age: float) -> Body:
    degraded = source in ("stale", "default")
    return {**body, "meta": {"source": source, "age_s": round(age, 3), "degraded": degraded}}


cache = RedisCache(settings.redis_url, timeout=settings.redis_timeout, stale_for=settings.stale_for)
