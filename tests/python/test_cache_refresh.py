"""Keys that are loaded on a schedule: there before somebody asks, until it is stopped."""

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg

from ..support.forks import unexpected

variable = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def counted() -> SimpleNamespace:
    """A loader of numbers that go up, and a semaphore that goes up with them."""
    found = SimpleNamespace(loads=0, loaded=threading.Semaphore(0))

    def load() -> int:
        found.loads += 1
        found.loaded.release()
        return found.loads

    found.load = load
    return found


def test_a_key_is_there_without_being_asked_for(
    cache: tg.Cache[int], counted: SimpleNamespace, tools: SimpleNamespace
) -> None:
    """Again and again; a stopped schedule loads no more."""
    refresh = cache.refresh_every("k", counted.load, "1ms", ttl=60)
    assert (refresh.key, refresh.period) == ("k", 0.001)
    for _ in range(3):
        assert counted.loaded.acquire(timeout=20)
    tools.eventually(lambda: (cache.get("k") or 0) >= 3)
    assert "every 0.001 s" in repr(refresh)
    refresh.stop()
    refresh.stop()
    assert "stopped" in repr(refresh)
    assert tg.stats()["cache"][cache.name]["scheduled"] >= 3


def test_its_block_ends_it(counted: SimpleNamespace, tools: SimpleNamespace) -> None:
    """And lets go of the loader and the cache, which it had kept."""

    def scheduled() -> weakref.ref[tg.Cache[int]]:
        cache: tg.Cache[int] = tg.Cache("block")
        with cache.refresh_every("k", counted.load, 60):
            tools.eventually(lambda: cache.get("k") == 1)
        return weakref.ref(cache)

    gone = scheduled()
    tools.eventually(lambda: gc.collect() >= 0 and gone() is None)


def test_nobody_has_to_keep_it(counted: SimpleNamespace) -> None:
    tg.Cache("unkept").refresh_every("k", counted.load, 0.001)
    gc.collect()
    before = counted.loads
    for _ in range(before + 3):
        assert counted.loaded.acquire(timeout=20)
    for refresh in list(tg._refresh._running):  # type: ignore[attr-defined]
        refresh.stop()


def test_a_coroutine_loads_on_the_loop_of_the_schedule(cache: tg.Cache[Any], run: Any) -> None:
    """In the context that it was started in."""

    async def main() -> None:
        begun = asyncio.Event()
        found: list[Any] = []

        async def load(context: tg.LoadContext) -> str:
            await asyncio.sleep(0)
            found.append((threading.current_thread(), context.key, variable.get()))
            variable.set("the loader's own")
            if len(found) == 3:
                begun.set()
            return "value"

        variable.set("schedule's")
        with cache.refresh_every(("k", 1), load, 0.001):
            variable.set("later")
            await asyncio.wait_for(begun.wait(), 20)
        assert found[:3] == [(threading.current_thread(), ("k", 1), "schedule's")] * 3
        assert cache.get(("k", 1)) == "value"

    run(main())


def test_a_run_that_fails_ends_nothing(cache: tg.Cache[Any], tools: SimpleNamespace) -> None:
    """Nor does one whose loop is closed; what is there stays."""
    failed = threading.Semaphore(0)

    def load() -> None:
        failed.release()
        raise LookupError("gone")

    cache.put("k", "kept")
    with cache.refresh_every("k", load, 0.001):
        for _ in range(3):
            assert failed.acquire(timeout=20)
    assert cache.get("k") == "kept"

    async def begin() -> tg.Refresh:
        async def load() -> str:
            return "value"

        return cache.refresh_every("l", load, 0.001)

    before = tg.stats()["cache"][cache.name]["landed"]["failed"]
    with asyncio.run(begin()):
        tools.eventually(lambda: tg.stats()["cache"][cache.name]["landed"]["failed"] > before + 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda cache: cache.refresh_every("k", 1, 60),
        lambda cache: cache.refresh_every("k", int, 0),
        lambda cache: cache.refresh_every("k", int, "2d"),
        lambda cache: cache.refresh_every("k", int, True),
        lambda cache: cache.refresh_every("k", int, 60, ttl=-1),
        lambda cache: cache.refresh_every("k", asyncio.sleep, 60),
    ],
)
def test_wrong_arguments_are_refused(
    cache: tg.Cache[Any], make: Callable[[tg.Cache[Any]], tg.Refresh]
) -> None:
    with pytest.raises(tg.InvalidArgument):
        make(cache)
    with pytest.raises(TypeError, match="object"):
        cache.refresh_every(object(), int, 60)


def test_it_goes_on_in_the_parent_of_a_fork_and_not_in_the_child(tools: SimpleNamespace) -> None:
    """[F-1] Also where the fork found nothing in flight, and ended all threads."""
    script = """
import os, sys, threading
import tidegate as tg
cache = tg.Cache()
loaded = threading.Semaphore(0)
cache.refresh_every("k", lambda: loaded.release(), 0.01)
for _ in range(3):
    loaded.acquire()
child = os.fork()
if child == 0:
    while loaded.acquire(blocking=False):
        pass
    for other in range(1000):
        assert cache.get_or_load(other, int).result(10).value == 0
    os._exit(1 if loaded.acquire(blocking=False) else 0)
while loaded.acquire(blocking=False):
    pass
for _ in range(3):
    loaded.acquire()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    done = tools.run_script(script)
    assert (done.returncode, unexpected(done.stderr)) == (0, "")


def test_what_is_scheduled_after_shutdown_is_refused(tools: SimpleNamespace) -> None:
    script = """
import tidegate as tg
cache = tg.Cache()
cache.refresh_every("k", int, 0.001)
tg.shutdown()
try:
    cache.refresh_every("k", int, 1)
except tg.Closed:
    pass
else:
    raise AssertionError
"""
    done = tools.run_script(script)
    assert (done.returncode, done.stderr) == (0, "")
