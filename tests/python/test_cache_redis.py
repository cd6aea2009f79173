"""A cache over Redis: values as JSON or bytes, one invalidation for all, and Redis away."""

import asyncio
import itertools
from typing import Any

import pytest

import tidegate as tg

from ..support.redis_process import Redis
from ..support.waiting import until

numbers = itertools.count()


def two(redis: Redis, name: str = "", **options: Any) -> tuple[tg.Cache[Any], tg.Cache[Any]]:
    """Two caches that share their values, as two processes would, and hear each other."""
    # What is counted of Redis is counted by name.
    name = name or f"shared-{next(numbers)}"
    made = [tg.Cache[Any](name, redis=redis.url, redis_timeout=10, **options) for _ in "ab"]
    for number, cache in enumerate(made):
        # The first fetch begins to listen.
        cache.get_or_load(("warm", number), lambda: 0).result(10)
        until(lambda c=cache: c.stats().tier.up)
    until(lambda: made[0].stats().tier.stored == 2)
    return made[0], made[1]


def keep(cache: tg.Cache[Any], key: str, value: Any) -> None:
    """Loads a value, and waits until it has been written behind."""
    before = cache.stats().tier.stored
    assert cache.get_or_load(key, lambda: value).result(10).source == "fresh"
    until(lambda: cache.stats().tier.stored > before)


def refuse() -> Any:
    raise AssertionError("it was loaded again")


VALUES = [
    {"a": [1, 2.5, None, True, "é"]},
    b"\x00\xff",
    "text",
    [],
    None,
    {"\ud83d": "half\ude00 \\"},
]


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_what_one_has_loaded_the_other_has(redis: Redis, value: Any) -> None:
    one, other = two(redis)
    keep(one, "k", value)

    answer = other.get_or_load("k", refuse).result(10)

    assert (answer.value, answer.source) == (value, "cached")
    assert other.get("k") is answer.value


def test_a_coroutine_is_not_begun_for_what_redis_has(redis: Redis) -> None:
    one, other = two(redis)
    keep(one, "k", {"n": 1})

    async def load() -> Any:
        refuse()

    async def ask() -> Any:
        return (await other.get_or_load("k", load)).value

    assert asyncio.run(ask()) == {"n": 1}


def test_what_was_put_is_written_too(redis: Redis) -> None:
    one, other = two(redis)
    before = one.stats().tier.stored
    one.put("k", [1])
    until(lambda: one.stats().tier.stored > before)
    assert other.get_or_load("k", refuse).result(10).value == [1]


def test_half_a_surrogate_pair_is_no_fault_of_a_put(redis: Redis) -> None:
    """It comes from whoever cut a title; JSON has an escape for it."""
    one, other = two(redis)
    before = one.stats().tier.stored
    assert one.put("k", "cut\ud83d") > 0
    until(lambda: one.stats().tier.stored > before)
    assert other.get_or_load("k", refuse).result(10).value == "cut\ud83d"


def test_an_invalidation_reaches_the_other(redis: Redis) -> None:
    one, other = two(redis)
    keep(one, "k", "old")
    assert other.get_or_load("k", refuse).result(10).value == "old"

    one.invalidate("k")
    until(lambda: other.stats().tier.invalidations_heard >= 1)

    assert other.get("k") is None
    assert other.get_or_load("k", lambda: "new").result(10).value == "new"
    assert one.get_or_load("k", lambda: "new").result(10).value == "new"


def test_expired_is_stale_on_both_sides(redis: Redis) -> None:
    one, other = two(redis, failure_throttle=0)
    keep(one, "k", "old")
    assert other.get_or_load("k", refuse).result(10).value == "old"

    one.expire("k")
    until(lambda: other.stats().tier.invalidations_heard >= 1)

    def fail() -> Any:
        raise OSError("away")

    for cache in (one, other):
        answer = cache.get_or_load("k", fail).result(10)
        assert (answer.value, answer.source) == ("old", "stale")


def test_an_evicted_epoch_brings_back_nothing_that_was_forgotten(redis: Redis) -> None:
    one, other = two(redis, "evicted")
    for value in ("first", "second"):
        keep(one, "k", value)
        before = one.stats().tier.invalidations_sent
        one.invalidate_all()
        until(lambda before=before: one.stats().tier.invalidations_sent > before)
    keep(one, "k", "last")
    before = one.stats().tier.invalidations_heard
    assert redis.ask("DEL", "tidegate:evicted:epoch") == b":1\r\n"

    third = tg.Cache[Any]("evicted", redis=redis.url, redis_timeout=10)
    keep(third, "k", "new")

    until(lambda: one.stats().tier.invalidations_heard == before + 2)
    for cache in (one, other):
        assert cache.get_or_load("k", refuse).result(10).value == "new"


def test_what_json_does_not_know_fails_its_load_and_its_put(redis: Redis) -> None:
    cache, _ = two(redis)

    with pytest.raises(tg.CallableFailed, match="cannot be written to Redis") as failed:
        cache.get_or_load("k", object).result(10)
    assert isinstance(failed.value.__cause__, TypeError)
    with pytest.raises(TypeError, match="type object cannot be written to Redis"):
        cache.put("k", object())


def test_without_redis_it_goes_on_and_comes_back(redis: Redis) -> None:
    one, other = two(redis)
    keep(one, "k", 1)
    redis.kill()

    assert one.get("k") == 1
    assert one.get_or_load("new", lambda: 2).result(10).value == 2
    one.invalidate("k")
    until(lambda: not one.stats().tier.up)
    assert one.get_or_load("k", lambda: 3).result(10).value == 3

    redis.start()
    until(lambda: one.stats().tier.up and other.stats().tier.up)
    until(lambda: one.stats().tier.pending_invalidations == 0)
    keep(one, "later", 4)
    assert other.get_or_load("later", refuse).result(10).value == 4


def test_a_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(tg.ConfigError, match="TLS is not supported yet"):
        tg.Cache("c", redis="rediss://:secret@host")
    with pytest.raises(tg.ConfigError) as failed:
        tg.Cache("c", redis="redis://:secret@host:port")
    assert "secret" not in str(failed.value)
