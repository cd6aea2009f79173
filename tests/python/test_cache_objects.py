"""The objects in a cache: who holds them, when they go, and what the collector sees."""

import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


class Thing:
    """An object that may be referred to weakly."""


def test_a_value_goes_when_its_place_does(cache: tg.Cache[Any]) -> None:
    """Replaced, forgotten, or with the cache; at once, under the GIL."""
    first, second, third = Thing(), Thing(), Thing()
    gone = [weakref.ref(thing) for thing in (first, second, third)]
    cache.put("a", first)
    cache.put("b", second)
    other: tg.Cache[Any] = tg.Cache("other")
    other.put("c", third)
    del first, second, third
    cache.put("a", None)
    assert gone[0]() is None
    cache.invalidate("b")
    assert gone[1]() is None
    del other
    assert gone[2]() is None


def test_a_value_may_use_the_cache_as_it_goes(cache: tg.Cache[Any]) -> None:
    """Its finalizer runs outside all locks."""

    class Reentrant:
        def __del__(self) -> None:
            cache.put("k", "from the finalizer")
            cache.invalidate_all()

    cache.put("k", Reentrant())
    cache.put("k", 1)
    assert cache.peek("k") is None


def test_cycles_through_a_cache_are_collected() -> None:
    """Cache, value, and back; and one of a value that refers to itself by the cache's function."""
    thing: Any = Thing()
    thing.cache = tg.Cache("cycle")
    thing.cache.put("k", thing)
    thing.cache.get_or_load("l", lambda thing=thing: thing).result()
    gone = weakref.ref(thing)
    gc.collect()
    assert gone() is not None
    del thing
    gc.collect()
    assert gone() is None


def test_the_collector_leaves_alone_what_is_used(
    cache: tg.Cache[Any], tools: SimpleNamespace
) -> None:
    """Also while lookups take values on threads without the GIL."""
    stop = threading.Event()
    for key in range(50):
        cache.put(key, [Thing()], ttl=0)

    def ask() -> None:
        while not stop.is_set():
            for key in range(50):
                value = cache.get_or_load(key, lambda: [Thing()], ttl=0).result().value
                assert type(value[0]) is Thing

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        gc.collect()
    stop.set()
    for thread in threads:
        thread.join()


def test_what_threads_without_the_gil_let_go_of_goes_with_the_next_call(
    cache: tg.Cache[Any], tools: SimpleNamespace
) -> None:
    """A loader that nobody needed ends on the library's thread."""
    gate = tools.Gate()
    first = cache.get_or_load("k", gate)
    gate.await_begun()

    class Loader:
        def __call__(self) -> None:
            pytest.fail("it joined the other's load")

    loader = Loader()
    gone = weakref.ref(loader)
    cache.get_or_load("k", loader)  # dropped here, and held by the lookup until the load lands
    del loader
    assert gone() is not None
    gate.open.set()
    first.result()

    def is_gone() -> bool:
        cache.get("k")
        return gone() is None

    tools.eventually(is_gone)


def test_a_cache_that_goes_leaves_its_loads_be(tools: SimpleNamespace) -> None:
    """Who waits has the value, or is told; nobody hangs."""
    gate = tools.Gate()
    cache: tg.Cache[Any] = tg.Cache("goes")
    operation = cache.get_or_load("k", gate)
    gate.await_begun()
    del cache
    gate.open.set()
    assert operation.result(20).value == "through"
