"""Breakers that open and close together through a Redis."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

from ..support.redis_process import Redis
from ..support.waiting import until

pytestmark = pytest.mark.timeout(120)


def through(redis: Redis, name: str, **given: Any) -> tg.Breaker:
    return tg.Breaker(
        name,
        **{"share": "redis", "redis": redis.url, "redis_timeout": 10, "consecutive": 3} | given,
    )


def opens(breaker: tg.Breaker) -> Callable[[], bool]:
    def is_open() -> bool:
        try:
            breaker.enter().cancel()
        except tg.CircuitOpen:
            return True
        return False

    return is_open


def test_what_one_program_opens_is_open_in_the_others(redis: Redis) -> None:
    breaker = through(redis, "shared", open_for="1h", max_open_for="1h")
    script = (
        "import sys, tidegate\n"
        "breaker = tidegate.Breaker('shared', share='redis', redis=sys.argv[1], redis_timeout=10,"
        " consecutive=3, open_for='1h', max_open_for='1h')\n"
        "for _ in range(3): breaker.enter().failure()\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, redis.url], stdin=subprocess.PIPE) as one:
        until(opens(breaker))
        assert one.stdin is not None
        one.stdin.close()
    with pytest.raises(tg.CircuitOpen) as refused:
        breaker.enter()
    assert refused.value.retry_after is not None
    assert refused.value.retry_after > 2000
    stats = breaker.stats()
    assert stats.redis_answers > 0
    assert stats.redis_failures == 0


def test_a_gate_that_shares_through_redis_opens_with_the_others(redis: Redis) -> None:
    def gate() -> tg.Gate:
        return tg.Gate(
            "encar",
            concurrency=2,
            breaker={"consecutive": 3},
            share="redis",
            redis=redis.url,
            redis_timeout=10,
        )

    one, other = gate(), gate()
    for _ in range(3):
        one.enter().failure()

    def is_open() -> bool:
        permit = other.try_enter()
        if permit:
            permit.cancel()
            return False
        return permit.cause == "circuit_open"

    until(is_open)
    breaker = other.stats().breaker
    assert breaker is not None
    assert breaker.state == "open"
    assert breaker.redis_answers > 0


def test_an_order_holds_for_all(redis: Redis) -> None:
    one, other = through(redis, "ordered"), through(redis, "ordered")
    one.force("forced_open")
    until(opens(other))
    assert other.stats().mode == "forced_open"


def test_what_needs_a_redis_says_so_and_a_password_is_not_shown() -> None:
    with pytest.raises(tg.ConfigError, match="the URL"):
        tg.Breaker("encar", share="redis")
    with pytest.raises(tg.ConfigError, match="a name of its own"):
        tg.Breaker(share="redis", redis="redis://127.0.0.1")
    with pytest.raises(tg.ConfigError) as wrong:
        tg.Breaker("encar", share="redis", redis="http://:s3cret@127.0.0.1")
    assert "s3cret" not in str(wrong.value)


def test_the_example_s_workers_share_a_limit_and_an_opening(redis: Redis) -> None:
    example = Path(__file__).parents[2] / "examples" / "python" / "shared.py"
    run = subprocess.run(
        [sys.executable, example, redis.url], stdout=subprocess.PIPE, text=True, check=True
    )
    assert run.stdout.splitlines() == [
        "starts: 12 of 36, as 12 in an hour are all",
        "failed calls: 5",
        "workers that leave the service alone: 3",
    ]
