"""Limits that are shared through Redis, by limiters and gates."""

import itertools
import subprocess
import sys
from typing import Any

import pytest

import tidegate as tg

from ..support.forks import in_child
from ..support.redis_process import Redis
from ..support.waiting import until

numbers = itertools.count()


def through(redis: Redis, name: str = "", **given: Any) -> tg.Limiter:
    name = name or f"remote-{next(numbers)}"
    return tg.Limiter(
        name, **{"share": "redis", "redis": redis.url, "redis_timeout": 10, "rate": "1/h"} | given
    )


def test_programs_count_together_and_a_penalty_holds_in_all(redis: Redis) -> None:
    rate = tg.Rate(1, "1h", burst=5)
    limiter = through(redis, "shared", rate=rate)
    assert limiter.try_acquire()
    script = (
        "import sys, tidegate as tg\n"
        "limiter = tg.Limiter('shared', rate=tg.Rate(1, '1h', burst=5), share='redis',"
        " redis=sys.argv[1], redis_timeout=10)\n"
        "print(sum(limiter.try_acquire() for _ in range(2)))\n"
        "limiter.penalize(1800)\n"
        "print(limiter.try_acquire())\n"
    )
    command = [sys.executable, "-c", script, redis.url]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == "2\nFalse\n"
    assert not limiter.try_acquire()
    assert in_child(lambda: not limiter.try_acquire())
    stats = limiter.stats()
    assert (stats.redis_decisions, stats.redis_failures) == (2, 0)


async def test_an_acquire_waits_or_is_refused_at_once(redis: Redis) -> None:
    limiter = through(redis, rate="1000/s")
    for _ in range(5):
        await limiter.acquire(timeout=60)
    async with limiter(timeout=60):
        pass
    slow = through(redis)
    await slow.acquire()
    with pytest.raises(tg.RateLimited) as refused:
        await slow.acquire(timeout=10)
    assert refused.value.retry_after > 3000
    booked = slow.reserve(timeout=7200)
    assert booked.delay > 3000
    with pytest.raises(tg.RateLimited):
        slow.reserve(timeout=60)


async def test_a_gate_shares_its_limits_and_keeps_its_slots(redis: Redis) -> None:
    name = f"gate-{next(numbers)}"
    config = tg.Config()
    config.set("gate.redis", redis.url)
    config.set("gate.redis_timeout", "10s")
    one, other = (
        tg.Gate(name, rate=tg.Rate(1, "1h", burst=2), concurrency=1, share="redis", config=config)
        for _ in "ab"
    )
    async with one(timeout=60):
        with pytest.raises(tg.PoolTimeout):
            one.enter()
        other.enter().success()
    with pytest.raises(tg.RateLimited):
        await other.acquire(timeout=10)
    assert not other.try_enter()


def test_without_redis_each_goes_on_as_it_was_told(redis: Redis) -> None:
    made = {down: through(redis, share_down=down) for down in ("local", "open", "refuse")}
    for limiter in made.values():
        assert limiter.try_acquire()
    redis.kill()
    assert [made["local"].try_acquire() for _ in range(2)] == [True, False]
    assert [made["open"].try_acquire() for _ in range(2)] == [True, True]
    with pytest.raises(tg.EngineUnavailable):
        made["refuse"].acquire().result()
    assert not made["refuse"].try_acquire()
    gate = tg.Gate(
        "refuses", rate="1/s", share="redis", redis=redis.url, redis_timeout=10, share_down="refuse"
    )
    with pytest.raises(tg.EngineUnavailable, match="gate 'refuses'"):
        gate.enter()
    assert made["local"].stats().redis_failures == 2
    redis.start()

    def is_asked() -> bool:
        made["open"].try_acquire()
        return made["open"].stats().redis_decisions > 1

    until(is_asked)


def test_what_cannot_be_shared_says_why() -> None:
    with pytest.raises(tg.ConfigError, match=r"gate\.redis"):
        tg.Limiter("encar", rate="1/s", share="redis")
    with pytest.raises(tg.ConfigError) as refused:
        tg.Gate("encar", rate="1/s", share="redis", redis="http://:s3cret@127.0.0.1")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(tg.InvalidArgument, match="share_down"):
        tg.Limiter("encar", rate="1/s", share_down="perhaps")  # type: ignore[arg-type]
    with pytest.raises(tg.InvalidArgument, match="share_workers"):
        tg.Limiter("encar", rate="1/s", share_workers=0)
