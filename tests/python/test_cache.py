"""The values of a cache: objects by reference, until they are forgotten or there is no room."""

import asyncio
import os
import pickle
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


class Thing:
    """An object that may be referred to weakly."""


def test_a_value_is_the_same_object(cache: tg.Cache[Any]) -> None:
    """Nothing is copied or serialised on the way."""
    thing = Thing()
    version = cache.put("k", thing)

    assert cache.get("k") is thing
    assert "k" in cache
    assert len(cache) == 1
    answer = cache.peek("k")
    assert answer is not None
    assert answer.value is thing
    assert (answer.source, answer.version, answer.timings) == ("cached", version, None)


def test_what_is_not_there_is_the_default(cache: tg.Cache[Any]) -> None:
    """None is a value like others."""
    cache.put("none", None)
    missing = object()

    assert cache.get("none", missing) is None
    assert cache.get("k") is None
    assert cache.get("k", missing) is missing
    assert cache.peek("k") is None
    assert "k" not in cache


def test_a_stale_value_is_seen_by_peek_alone(cache: tg.Cache[Any]) -> None:
    cache.put("k", 1, ttl=0)

    assert cache.get("k") is None
    assert "k" not in cache
    answer = cache.peek("k")
    assert answer is not None
    assert (answer.value, answer.source, answer.degraded) == (1, "stale", True)


def test_an_answer_keeps_its_version_when_pickled(cache: tg.Cache[Any]) -> None:
    version = cache.put("k", [1])
    copy = pickle.loads(pickle.dumps(cache.peek("k")))

    assert (copy.value, copy.source, copy.version) == ([1], "cached", version)


def test_invalidation_forgets(cache: tg.Cache[Any]) -> None:
    """A key, a version of it, or all."""
    old = cache.put("k", 1)
    new = cache.put("k", 2)
    assert not cache.invalidate("k", old)
    assert cache.get("k") == 2
    assert cache.invalidate("k", new)
    assert not cache.invalidate("k")
    cache.put("k", 3)
    cache.invalidate_all()
    assert cache.peek("k") is None


def test_what_was_loaded_before_an_invalidation_does_not_come_back(
    cache: tg.Cache[Any], tools: SimpleNamespace
) -> None:
    gate = tools.Gate()
    operation = cache.get_or_load("k", gate)
    gate.await_begun()
    cache.invalidate("k")
    gate.open.set()
    assert operation.result().value == "through"
    assert cache.peek("k") is None


def test_it_is_bounded() -> None:
    cache: tg.Cache[int] = tg.Cache("small", max_entries=10, eviction="strict_lru")
    for key in range(100):
        cache.put(key, key)
    assert len(cache) == 10
    assert [key for key in range(100) if key in cache] == list(range(90, 100))
    assert cache.stats().evicted == 90


@pytest.mark.parametrize("policy", ["clock_tiny_lfu", "strict_lru"])
def test_an_eviction_is_named_as_in_the_settings(policy: Any) -> None:
    tg.Config().with_settings("cache", {"eviction": policy})
    assert tg.Cache[int]("named", eviction=policy).put("k", 1) > 0


def test_a_sliding_value_lives_while_it_is_wanted() -> None:
    """Also one that is never stale."""
    ttl = 0.2
    cache: tg.Cache[Any] = tg.Cache("slides", ttl=ttl, stale_for=0, sliding=True, jitter=0)

    def lives() -> bool:
        """False where the machine stood still between two looks for too long."""
        seen = time.monotonic()
        until = seen + 3 * ttl
        cache.put("k", 1)
        while seen < until:
            before = time.monotonic()
            value = cache.get("k")
            if time.monotonic() - seen >= ttl:
                return False
            assert value == 1
            seen = before
            os.sched_yield()
        return True

    assert lives() or lives() or lives()


def test_it_counts(cache: tg.Cache[Any]) -> None:
    cache.put("k", 1)
    cache.get("k")
    cache.get("other")
    stats = cache.stats()
    assert (stats.hits, stats.misses, stats.puts, stats.entries) == (1, 1, 1, 1)
    assert stats.bytes > 0
    assert tg.stats()["cache"][cache.name]["loads"] == 0
    assert repr(cache) == f"<Cache {cache.name!r}: 1 entries>"


@pytest.mark.parametrize(
    "make",
    [
        lambda: tg.Cache(ttl=-1),
        lambda: tg.Cache(ttl="soon"),
        lambda: tg.Cache(jitter=0.6),
        lambda: tg.Cache(jitter=True),
        lambda: tg.Cache(refresh_ahead=2),
        lambda: tg.Cache(max_entries=0),
        lambda: tg.Cache(max_bytes=1.5),  # type: ignore[arg-type]
        lambda: tg.Cache(loaders=1001),
        lambda: tg.Cache(name=1),  # type: ignore[arg-type]
        lambda: tg.Cache(eviction="random"),  # type: ignore[arg-type]
        lambda: tg.Cache(eviction="clock_tinylfu"),  # type: ignore[arg-type]
        lambda: tg.Cache().get_or_load("k", 1),  # type: ignore[call-overload]
        lambda: tg.Cache().get_or_load("k", asyncio.sleep),  # type: ignore[arg-type]
        lambda: tg.Cache().put("k", 1, ttl=float("nan")),
    ],
)
def test_wrong_arguments_are_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(tg.InvalidArgument):
        make()


def test_a_use_after_shutdown_is_refused(tools: SimpleNamespace) -> None:
    """What is there can still be got; nothing is loaded."""
    script = """
import asyncio
import tidegate as tg
cache = tg.Cache()
cache.put("k", 1)
tg.shutdown()
assert cache.get("k") == 1
assert cache.get_or_load("k", int).result().value == 1
async def load(): pass
async def main(): cache.get_or_load("l", load)
for ask in (lambda: cache.get_or_load("l", int), lambda: asyncio.run(main())):
    try:
        ask()
    except tg.Closed:
        pass
    else:
        raise AssertionError
"""
    done = tools.run_script(script)
    assert (done.returncode, done.stderr) == (0, "")
