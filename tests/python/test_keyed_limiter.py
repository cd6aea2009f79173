"""tidegate.KeyedLimiter: how often each of many may start something."""

import asyncio
import pickle
import threading
from typing import Any

import pytest

import tidegate as tg

from ..support.forks import in_child


def hourly(name: str = "keyed", burst: int = 1, **options: Any) -> tg.KeyedLimiter:
    return tg.KeyedLimiter(name, rate=tg.Rate(1, "1h", burst), **options)


def test_each_key_counts_by_itself():
    limiter = hourly(burst=2)
    assert [limiter.try_acquire("ann") for _ in range(3)] == [True, True, False]
    assert limiter.try_acquire("bob", 2)
    assert not limiter.try_acquire("bob")


def test_a_text_counts_as_its_utf_8_and_whole_keys_are_compared():
    limiter = hourly()
    assert limiter.try_acquire("käse")
    assert not limiter.try_acquire("käse".encode())
    for key in ("", "\0", "a", "a\0", b"\xff", "k" * 1024, "k" * 1023):
        assert limiter.try_acquire(key)
        assert not limiter.try_acquire(key)


def test_what_never_starts_is_an_invalid_argument():
    limiter = hourly(burst=3)
    for key, weight in (("key", 0), ("key", -1), ("key", 4), ("key", 2**40), ("k" * 1025, 1)):
        with pytest.raises(tg.InvalidArgument):
            limiter.try_acquire(key, weight)
        with pytest.raises(tg.InvalidArgument):
            limiter.acquire(key, weight).result()
    for key in (None, 7, ("a", "b")):
        with pytest.raises(tg.InvalidArgument):
            limiter.try_acquire(key)  # type: ignore[arg-type]
        with pytest.raises(tg.InvalidArgument):
            limiter.acquire(key)  # type: ignore[arg-type]
        with pytest.raises(tg.InvalidArgument):
            limiter.penalize(key, 1)  # type: ignore[arg-type]
    with pytest.raises(tg.InvalidArgument):
        limiter.try_acquire()  # type: ignore[call-arg]


def test_a_refusal_says_when_to_come_back():
    limiter = hourly()
    assert limiter.acquire("key", timeout=0).result().value == 0.0
    with pytest.raises(tg.RateLimited) as refused:
        limiter.acquire("key", timeout=0).result()
    assert 3590 < refused.value.retry_after <= 3600
    assert 3590 < pickle.loads(pickle.dumps(refused.value)).retry_after <= 3600
    assert limiter.acquire("other", timeout=0).result().value == 0.0


async def test_turns_of_one_key_are_waited_for_and_no_other_key_waits():
    limiter = tg.KeyedLimiter("turns", pace=0.02)
    order = []

    async def start(key: str, number: int) -> None:
        async with limiter(key, timeout=60):
            order.append((key, number))

    waiting = [asyncio.create_task(start("slow", number)) for number in range(4)]
    await asyncio.sleep(0)
    assert (await limiter.acquire("other")).value == 0.0
    await asyncio.gather(*waiting)
    assert order == [("slow", number) for number in range(4)]


async def test_who_is_cancelled_hands_its_slot_on():
    limiter = tg.KeyedLimiter("py-handed-on", rate=tg.Rate(1, 0.05))
    assert limiter.try_acquire("key")
    given_up = [asyncio.ensure_future(limiter.acquire("key")) for _ in range(3)]
    last = limiter.acquire("key")
    await asyncio.sleep(0)
    for each in given_up:
        each.cancel()
    await last
    stats = limiter.stats()
    assert (stats.granted, stats.lost, stats.waiting) == (2, 0, 0)


def test_a_page_bounds_the_wait():
    limiter = hourly()
    assert limiter.try_acquire("key")
    with tg.page(5), pytest.raises(tg.RateLimited):
        limiter.acquire("key").result()


def test_blocks_wait_in_synchronous_code():
    limiter = hourly()
    with limiter("key"):
        pass
    with pytest.raises(tg.RateLimited), limiter("key", timeout=1):
        pass


def test_one_key_cannot_take_all_places_of_the_line():
    limiter = hourly(queue=3, key_queue=2)
    for key in ("a", "b", "c"):
        assert limiter.try_acquire(key)
    waiting = [limiter.acquire("a"), limiter.acquire("a")]
    with pytest.raises(tg.Overloaded, match="2 starts of its key"):
        limiter.acquire("a").result()
    waiting.append(limiter.acquire("b"))
    with pytest.raises(tg.Overloaded, match="3 starts wait"):
        limiter.acquire("c").result()
    for each in waiting:
        each.cancel()


def test_a_penalty_holds_for_its_key():
    limiter = tg.KeyedLimiter("tokens", rate=tg.Rate(1000, 1, 1000))
    limiter.penalize("token", "10m")
    assert not limiter.try_acquire("token")
    assert limiter.try_acquire("other")
    assert limiter.stats().penalties == 1
    for time in (-1, float("nan"), "soon"):
        with pytest.raises(tg.InvalidArgument):
            limiter.penalize("token", time)


def test_what_cannot_be_promised_is_a_config_error():
    for options in ({}, {"rate": "0/s"}, {"rate": "1/s", "max_keys": 0}):
        with pytest.raises(tg.ConfigError):
            tg.KeyedLimiter(**options)
    for options in (
        {"rate": "many"},
        {"rate": "1/s", "queue": -1},
        {"rate": "1/s", "max_keys": 1.5},
    ):
        with pytest.raises(tg.InvalidArgument):
            tg.KeyedLimiter(**options)


def test_statistics_are_of_all_keys_and_have_no_label_for_a_key():
    limiter = hourly("many users", max_keys=50)
    for number in range(200):
        limiter.try_acquire(f"secret-user-{number}")
    stats = limiter.stats()
    assert isinstance(stats, tg.KeyedLimiterStats)
    assert stats.granted + stats.refused == 200
    assert stats.keys == 50
    assert stats.crowded == 150
    assert tg.stats()["gate"]["many users"]["keys"] == 50
    assert "secret-user" not in str(tg.stats())


def test_threads_together_have_what_one_would_have():
    limiter = hourly(burst=10)
    granted = []

    def ask() -> None:
        granted.append(sum(limiter.try_acquire(str(turn % 20)) for turn in range(300)))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 200


def test_a_child_begins_anew():
    limiter = hourly()
    assert limiter.try_acquire("key")
    assert in_child(lambda: limiter.try_acquire("key") and not limiter.try_acquire("key"))
    assert not limiter.try_acquire("key")
