# SPDX-License-Identifier: Apache-2.0
"""What limiters, breakers and retries cost in Python where all is well: bench_gate.py --json FILE.

tidegate and its peers are asked in the same loop, with so much to give that nobody waits. Every
figure is nanoseconds of the thread's CPU time for one call, the loop around it taken off: the
median of several rounds. ``floor`` has one ``dict.get`` and the like. A peer that is not installed
is left out. ``lateness`` is wall time: how long after its time a turn came that was waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from peers import peer

import tidegate as tg

CALLS = 10_000
ROUNDS = 15
MUCH = 1_000_000_000

Figures = dict[str, Any]


def timed(run: Callable[[range], Any]) -> float:
    rounds = []
    for _ in range(ROUNDS):
        before = time.thread_time()
        run(range(CALLS))
        rounds.append((time.thread_time() - before) / CALLS * 1e9)
    return statistics.median(rounds)


def empty(calls: range) -> None:
    for _ in calls:
        pass


def cost(call: Callable[[], Any], calls: int = CALLS) -> float:
    def run(_: range) -> None:
        for _ in range(calls):
            call()

    return round(max(0.0, timed(run) * CALLS / calls - timed(empty)), 1)


async def awaited(call: Callable[[], Awaitable[Any]], calls: int = CALLS) -> float:
    rounds = []
    for _ in range(ROUNDS):
        before = time.thread_time()
        for _ in range(calls):
            await call()
        rounds.append((time.thread_time() - before) / calls * 1e9)
    return round(statistics.median(rounds) - timed(empty), 1)


async def entered(block: Any) -> float:
    async def enter() -> None:
        async with block:
            pass

    async def nothing() -> None: ...

    return round(await awaited(enter) - await awaited(nothing), 1)


def generous(name: str) -> tg.Limiter:
    return tg.Limiter(name, rate=tg.Rate(MUCH, 1, MUCH))


def tries() -> Figures:
    """Now or not at all."""
    figures = {"tidegate": cost(generous("bench_try").try_acquire)}
    if pyrate := peer("pyrate_limiter"):
        limiter = pyrate.Limiter(pyrate.Rate(MUCH, pyrate.Duration.SECOND))
        figures["pyrate-limiter"] = cost(lambda: limiter.try_acquire("key", blocking=False), 500)
    if limits := peer("limits"):
        strategy = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
        item = limits.RateLimitItemPerSecond(MUCH)
        figures["limits"] = cost(lambda: strategy.hit(item, "key"), 2_000)
    if throttled := peer("throttled"):
        quota = throttled.per_sec(1_000_000, burst=1_000_000)
        gcra = throttled.Throttled(key="key", using="gcra", quota=quota)
        figures["throttled-py"] = cost(lambda: gcra.limit("key"), 2_000)
    return figures


def denials() -> Figures:
    limiter = tg.Limiter("bench_deny", rate="1/h")
    assert limiter.try_acquire()
    return {"tidegate": cost(limiter.try_acquire)}


async def acquires() -> Figures:
    """A turn that is there at once."""
    figures = {"tidegate": await awaited(generous("bench_acquire").acquire)}
    if aiolimiter := peer("aiolimiter"):
        from tidegate.adapters.aiolimiter import AsyncLimiter

        figures["the adapter"] = await awaited(AsyncLimiter(1_000_000, 0.001).acquire)
        figures["aiolimiter"] = await awaited(aiolimiter.AsyncLimiter(MUCH, 0.001).acquire)
    return figures


async def blocks() -> Figures:
    figures = {"tidegate": await entered(generous("bench_block"))}
    if aiolimiter := peer("aiolimiter"):
        figures["aiolimiter"] = await entered(aiolimiter.AsyncLimiter(MUCH, 0.001))
    return figures


def well() -> int:
    return 1


async def well_async() -> int:
    return 1


def breakers() -> Figures:
    """A call through a closed one, the function's own cost taken off."""
    base = cost(well)
    figures = {"tidegate": cost(tg.Breaker("bench")(well)) - base}
    if pybreaker := peer("pybreaker"):
        guarded = pybreaker.CircuitBreaker()(well)
        figures["pybreaker"] = cost(guarded) - base
    if purgatory := peer("purgatory"):
        guarded = purgatory.SyncCircuitBreakerFactory()("bench")(well)
        figures["purgatory"] = cost(guarded, 2_000) - base
    return figures


def retries() -> Figures:
    """A function that is good at once."""
    figures = {"tidegate": cost(tg.retry(well))}
    if tenacity := peer("tenacity"):
        wrapped = tenacity.retry(stop=tenacity.stop_after_attempt(4))(well)
        figures["tenacity"] = cost(wrapped, 500)
    if stamina := peer("stamina"):
        figures["stamina"] = cost(stamina.retry(on=OSError)(well), 500)
    if pyresilience := peer("pyresilience"):
        config = pyresilience.RetryConfig(max_attempts=4)
        figures["pyresilience"] = cost(pyresilience.resilient(retry=config)(well), 2_000)
    return figures


async def retries_async() -> Figures:
    figures = {"tidegate": await awaited(tg.retry(well_async))}
    if tenacity := peer("tenacity"):
        wrapped = tenacity.retry(stop=tenacity.stop_after_attempt(4))(well_async)
        figures["tenacity"] = await awaited(wrapped, 500)
    if stamina := peer("stamina"):
        figures["stamina"] = await awaited(stamina.retry(on=OSError)(well_async), 500)
    if pyresilience := peer("pyresilience"):
        config = pyresilience.RetryConfig(max_attempts=4)
        wrapped = pyresilience.resilient(retry=config)(well_async)
        figures["pyresilience"] = await awaited(wrapped, 2_000)
    return figures


async def lateness() -> Figures:
    """Of turns 5 ms apart, the p50; and how many came too early."""
    limiter = tg.Limiter("bench_late", rate=tg.Rate(1, 0.005))
    assert limiter.try_acquire()
    late = []
    for _ in range(200):
        before = time.monotonic()  # before the limiter looks: none looks earlier than it is
        try:
            limiter.reserve(timeout=0).cancel()
        except tg.RateLimited as refused:
            due = before + refused.retry_after
            await limiter.acquire()
            late.append((time.monotonic() - due) * 1e3)
    return {
        "p50_ms": round(statistics.median(late), 4),
        "early": sum(off < 0 for off in late),
        "turns": len(late),
    }


def floors() -> Figures:
    table = {"key": 1}

    def run(calls: range) -> None:
        get = table.get
        for _ in calls:
            get("key")

    return {
        "dict.get": round(timed(run) - timed(empty), 1),
        "time.monotonic": cost(time.monotonic),
    }


def measure() -> Iterator[tuple[str, Figures]]:
    yield "floor", floors()
    yield "try_acquire", tries()
    yield "deny", denials()
    yield "acquire", asyncio.run(acquires())
    yield "async_with", asyncio.run(blocks())
    yield "breaker", breakers()
    yield "retry", retries()
    yield "retry_async", asyncio.run(retries_async())
    yield "lateness", asyncio.run(lateness())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    figures = dict(measure())
    arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
