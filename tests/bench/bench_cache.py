# SPDX-License-Identifier: Apache-2.0
"""What a cache hit costs in Python, and a value from Redis: bench_cache.py --json FILE.

tidegate and its peers hold the same 1,000 values under string keys and are asked in the same loop.
``cpu_ns`` is what the process spent for one hit, the loop around it included; ``loop_cpu_us`` what
the event loop's thread spent for one value from Redis, 50 in flight. Every figure is the median of
several rounds. A peer that is not installed is left out, and Redis where there is no redis-server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import importlib
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from peers import peer

import tidegate as tg

KEYS = [f"listing:{number:06d}" for number in range(1_000)]
PASSES = 40  # over all keys, in one round
ROUNDS = 9
IN_FLIGHT = 50
REDIS_KEYS = [f"redis:{number:06d}" for number in range(5_000)]

Figures = dict[str, Any]


def hit_cost(get: Callable[[str], Any]) -> float:
    """Nanoseconds of CPU for one call."""

    def one_pass() -> None:
        for key in KEYS:
            get(key)

    return _cost(one_pass)


async def awaited_cost(get: Callable[[str], Awaitable[Any]], passes: int = PASSES) -> float:
    """The same for a coroutine function."""
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(passes):
            for key in KEYS:
                await get(key)
        rounds.append((time.process_time() - before) / passes / len(KEYS) * 1e9)
    return round(statistics.median(rounds), 1)


def _cost(one_pass: Callable[[], None]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(PASSES):
            one_pass()
        rounds.append((time.process_time() - before) / PASSES / len(KEYS) * 1e9)
    return round(statistics.median(rounds), 1)


def filled(cache: Any) -> Any:
    for key in KEYS:
        cache[key] = key
    return cache


def gets() -> Figures:
    """cache.get(key) and what comes nearest to it."""
    ours: tg.Cache[str] = tg.Cache("bench", max_entries=10_000)
    for key in KEYS:
        ours.put(key, key)
    assert ours.get(KEYS[0]) is KEYS[0]
    figures = {"tidegate": hit_cost(ours.get), "dict.get": hit_cost(dict.fromkeys(KEYS, 1).get)}
    if cachetools := peer("cachetools"):
        figures["cachetools TTLCache"] = hit_cost(filled(cachetools.TTLCache(10_000, 600)).get)
    if theine := peer("theine"):
        cache = theine.Cache(10_000)
        for key in KEYS:
            cache.set(key, key, ttl=timedelta(seconds=600))
        figures["theine"] = hit_cost(cache.get)
    return figures


def sync_decorated() -> Figures:
    """A cached function of one argument."""

    def load(key: str) -> str:
        return key

    decorated: dict[str, Callable[[str], Any]] = {
        "tidegate": tg.cached(ttl=600)(load),
        "lru_cache": functools.lru_cache(10_000)(load),
    }
    if cachetools := peer("cachetools"):
        decorated["cachetools TTLCache"] = cachetools.cached(cachetools.TTLCache(10_000, 600))(load)
    if theine := peer("theine"):
        decorated["theine"] = theine.Memoize(10_000, timedelta(seconds=600))(load)
    figures = {}
    for name, function in decorated.items():
        for key in KEYS:
            function(key)
        figures[name] = hit_cost(function)
    return figures


async def async_decorated() -> Figures:
    """A cached coroutine function of one argument."""

    async def load(key: str) -> str:
        return key

    decorated: dict[str, Callable[[str], Awaitable[Any]]] = {"tidegate": tg.cached(ttl=600)(load)}
    if async_lru := peer("async_lru"):
        decorated["async-lru"] = async_lru.alru_cache(10_000, ttl=600)(load)
    if aiocache := peer("aiocache"):
        decorated["aiocache"] = aiocache.cached(ttl=600, key_builder=lambda _, key: key)(load)
    if cashews := peer("cashews"):
        cashews.cache.setup("mem://?size=10000")
        decorated["cashews"] = cashews.cache(ttl="10m", key="bench:{key}")(load)
    figures = {}
    for name, function in decorated.items():
        for key in KEYS:
            await function(key)
        figures[name] = await awaited_cost(function, PASSES if name == "tidegate" else 4)
    return figures


def redis_server(folder: str) -> contextlib.AbstractContextManager[Any]:
    """A Redis of our own on a free port."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    support = importlib.import_module("tests.support.redis_process")
    server: contextlib.AbstractContextManager[Any] = support.redis_server(Path(folder))
    return server


async def _redis_cost(get: Callable[[str], Awaitable[Any]]) -> Figures:
    """All keys once, 50 at any time."""
    keys = iter(REDIS_KEYS)

    async def some() -> None:
        for key in keys:
            assert await get(key) is not None

    wall, loop_cpu, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))
    count = len(REDIS_KEYS)
    return {
        "wall_us": (time.perf_counter() - wall) / count * 1e6,
        "loop_cpu_us": (time.thread_time() - loop_cpu) / count * 1e6,
        "cpu_us": (time.process_time() - cpu) / count * 1e6,
    }


async def from_redis(url: str, port: int) -> Figures:
    """A value that is in Redis and not in the process."""
    value = "x" * 100
    figures: Figures = {}

    async def medians(get: Callable[[str], Awaitable[Any]]) -> Figures:
        rounds = [await _redis_cost(get) for _ in range(ROUNDS)][1:]
        return {name: round(statistics.median(r[name] for r in rounds), 2) for name in rounds[0]}

    figures["tidegate"] = await _tidegate_redis(url, value)
    client = importlib.import_module("redis.asyncio").Redis.from_url(url)
    for key in REDIS_KEYS:
        await client.set(key, value, px=600_000)
    figures["redis-py"] = await medians(client.get)
    await client.aclose()
    if glide := peer("glide"):
        address = glide.NodeAddress("127.0.0.1", port)
        fast = await glide.GlideClient.create(glide.GlideClientConfiguration([address]))
        figures["valkey-glide"] = await medians(fast.get)
        await fast.close()
    return figures


async def _tidegate_redis(url: str, value: str) -> Figures:
    """get_or_load() with a process tier that is empty in each round."""

    def refuse() -> str:
        raise AssertionError("it was not in Redis")

    def cache() -> tg.Cache[str]:
        return tg.Cache("bench-redis", ttl=600, redis=url, redis_timeout=1, max_entries=10_000)

    first = cache()
    for key in REDIS_KEYS:
        await first.get_or_load(key, lambda: value)
    while first.stats().tier.pending_stores:  # noqa: ASYNC110 - what is stored behind
        await asyncio.sleep(0.01)
    rounds = []
    for _ in range(ROUNDS):
        empty = cache()
        rounds.append(await _redis_cost(lambda key, c=empty: c.get_or_load(key, refuse)))
    return {name: round(statistics.median(r[name] for r in rounds[1:]), 2) for name in rounds[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    path: Path | None = parser.parse_args().json
    figures: Figures = {
        "get": gets(),
        "sync": sync_decorated(),
        "async": asyncio.run(async_decorated()),
    }
    if shutil.which("redis-server"):
        with tempfile.TemporaryDirectory() as folder, redis_server(folder) as server:
            figures["redis"] = asyncio.run(from_redis(server.url, server.port))
    text = json.dumps(figures, indent=2)
    print(text) if path is None else path.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
