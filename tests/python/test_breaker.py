"""A service that fails is left alone for a while."""

import asyncio
import contextvars
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import weakref
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg


@pytest.fixture(autouse=True)
def _quiet() -> Generator[None]:
    config = tg.Config()
    config.set("log.level", "error")
    tg.configure(config)
    yield
    tg.configure(tg.Config())


def trip(breaker: tg.Breaker) -> None:
    for _ in range(20):
        with pytest.raises(ConnectionError), breaker:
            raise ConnectionError("nobody is there")
    assert breaker.state == "open"


def test_an_open_one_raises_at_once_and_says_when_to_come_again() -> None:
    """What is refused is not called."""
    breaker = tg.Breaker("encar")
    trip(breaker)
    with pytest.raises(tg.CircuitOpen, match="'encar' is open for another ") as caught, breaker:
        pytest.fail("it was entered")
    error = caught.value
    assert 0 < error.retry_after <= 6
    assert (error.cause, error.code, error.retryable) == ("circuit_open", "UNAVAILABLE", True)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.retry_after) == (str(error), error.retry_after)


def test_a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it() -> None:
    """Unless a time is set for all."""
    breaker, patient = tg.Breaker("timed"), tg.Breaker("patient", slow_after=10)
    for took in (0.0, 4.0, 4.001):
        for asked in (breaker, patient):
            permit = asked.enter()
            permit.timed(5.0, took)
            permit.success()
    assert (breaker.stats().slow, patient.stats().slow) == (1, 0)
    permit = breaker.enter()
    permit.timed(float("nan"), float("nan"))  # says nothing
    permit.success()
    assert breaker.stats().slow == 1
    with pytest.raises(TypeError):
        breaker.enter().timed("5")  # type: ignore[arg-type]


def test_half_of_twenty_calls_open_it() -> None:
    """As in C++."""
    breaker = tg.Breaker()
    for i in range(19):
        permit = breaker.enter()
        permit.failure() if i % 2 else permit.success()
    assert breaker.stats() == tg.BreakerStats("closed", "automatic", 0.0, 19, 9, 0, 0)
    breaker.enter().failure()
    assert breaker.state == "open"


def test_three_calls_try_a_half_open_one_and_close_it() -> None:
    """The fourth is refused meanwhile."""
    breaker = tg.Breaker(consecutive=1, open_for="1ms")
    breaker.enter().failure()
    probes = [wait_to_enter(breaker)]
    probes += [breaker.enter(), breaker.enter()]
    assert (breaker.state, breaker.stats().probing) == ("half_open", 3)
    with pytest.raises(tg.CircuitOpen):
        breaker.enter()
    for probe in probes:
        probe.success()
    assert breaker.state == "closed"


def wait_to_enter(breaker: tg.Breaker) -> Any:
    while True:
        try:
            return breaker.enter()
        except tg.CircuitOpen as error:
            threading.Event().wait(error.retry_after)


class NeverError(Exception):
    """Of the test's own."""


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SystemExit(),
        asyncio.CancelledError(),
        GeneratorExit(),
        MemoryError(),
        tg.InvalidArgument("x"),
        tg.Overloaded("x"),
        tg.Cancelled("x"),
        tg.CircuitOpen("another one's"),
        tg.QueryError("x"),
        NeverError(),
    ],
    ids=repr,
)
def test_what_is_no_fault_of_the_service_does_not_count(error: BaseException) -> None:
    """And a breaker that one failure opens stays closed."""
    breaker = tg.Breaker(consecutive=1, ignore=NeverError)
    with pytest.raises(type(error)), breaker:
        raise error
    assert breaker.stats().calls == 0


@pytest.mark.parametrize(
    "error",
    [OSError(), TimeoutError(), asyncio.TimeoutError(), tg.Timeout("x"), tg.ConnectionFailed("x")],
    ids=repr,
)
def test_what_the_service_is_to_blame_for_opens_it(error: Exception) -> None:
    """Exceptions of Python's as well as the library's."""
    breaker = tg.Breaker(consecutive=1)
    with pytest.raises(type(error)), breaker:
        raise error
    assert breaker.state == "open"


@pytest.mark.parametrize(("status", "counts"), [(404, 0), (429, None), (503, 1)])
def test_an_answer_counts_by_its_status(status: int, counts: int | None) -> None:
    """One below 500 is a success, too many requests are for the limiter to hear."""
    response = tg.Client(
        transport=tg.testing.MockTransport(lambda _: tg.testing.Response(status))
    ).get("http://a.test/", attempts=1)
    breaker = tg.Breaker()
    with pytest.raises(tg.HTTPStatusError), breaker:
        response.raise_for_status()
    stats = breaker.stats()
    assert (stats.calls, stats.failures) == ((0, 0) if counts is None else (1, counts))


def test_it_decorates_functions_and_coroutine_functions() -> None:
    """And they keep their names."""
    breaker = tg.Breaker(consecutive=2)

    @breaker
    def plain(what: int) -> int:
        """Says so."""
        return 10 // what

    @breaker
    async def coroutine(what: int) -> int:
        await asyncio.sleep(0)
        return 10 // what

    assert (plain(5), plain.__name__, plain.__doc__) == (2, "plain", "Says so.")
    assert asyncio.run(coroutine(2)) == 5
    assert inspect.iscoroutinefunction(coroutine)
    with pytest.raises(ZeroDivisionError):
        plain(0)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(coroutine(0))
    with pytest.raises(tg.CircuitOpen):
        plain(1)
    with pytest.raises(tg.CircuitOpen):
        asyncio.run(coroutine(1))


def test_tasks_inside_of_one_block_each_leave_their_own() -> None:
    """In whatever order they end."""
    breaker = tg.Breaker(failure_rate=0)

    async def call(event: asyncio.Event, error: Exception | None) -> None:
        async with breaker:
            await event.wait()
            if error is not None:
                raise error

    async def main() -> None:
        events = [asyncio.Event() for _ in range(4)]
        errors = [None, OSError(), None, OSError()]
        tasks = [
            asyncio.create_task(call(event, error))
            for event, error in zip(events, errors, strict=True)
        ]
        await asyncio.sleep(0)
        for event, task in zip(events, tasks, strict=True):
            event.set()
            await asyncio.wait([task])
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert (breaker.stats().calls, breaker.stats().failures) == (4, 2)


def test_a_cancelled_task_says_nothing() -> None:
    """However many there are."""
    breaker = tg.Breaker(consecutive=3)

    async def call() -> None:
        async with breaker:
            await asyncio.Event().wait()

    async def main() -> None:
        tasks = [asyncio.create_task(call()) for _ in range(10)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert (breaker.state, breaker.stats().calls) == ("closed", 0)


def test_blocks_nest_and_a_generator_may_hold_one() -> None:
    """Each is left by the one that entered it."""
    outer, inner = tg.Breaker("outer"), tg.Breaker("inner")

    def lines() -> Generator[int]:
        with inner:
            yield 1
            yield 2

    made = lines()
    with outer, outer:
        next(made)
    assert [*made] == [2]
    assert (outer.stats().calls, inner.stats().calls) == (2, 1)


def test_a_block_that_is_left_in_another_context_says_nothing() -> None:
    """Nor does it leave one of its neighbours."""
    breaker = tg.Breaker()
    contextvars.copy_context().run(breaker.__enter__)
    breaker.__exit__(None, None, None)
    assert breaker.stats().calls == 0


def test_no_lock_is_held_while_a_call_runs() -> None:
    """Five calls that wait for each other all get there."""
    breaker = tg.Breaker()
    barrier = threading.Barrier(5, timeout=60)

    @breaker
    def call() -> None:
        barrier.wait()

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (breaker.stats().calls, breaker.stats().failures) == (5, 0)


def test_orders_are_followed() -> None:
    """Until it is told to be automatic again."""
    breaker = tg.Breaker("ordered")
    breaker.force("forced_open")
    assert (breaker.stats().mode, breaker.stats().retry_after) == ("forced_open", 5.0)
    with pytest.raises(tg.CircuitOpen):
        breaker.enter()
    breaker.force("disabled")
    for _ in range(100):
        breaker.enter().failure()
    breaker.force("automatic")
    assert repr(breaker) == "<tidegate.Breaker 'ordered', closed>"
    wrong: Any = "open"
    with pytest.raises(tg.InvalidArgument, match="forced_open"):
        breaker.force(wrong)


def test_a_permit_that_is_dropped_gives_its_place_back() -> None:
    """A lost probe keeps nobody out."""
    breaker = tg.Breaker(consecutive=1, open_for="1ms")
    breaker.enter().failure()
    del_later = wait_to_enter(breaker)
    del del_later
    for _ in range(10):
        breaker.enter()
    assert breaker.stats().probing == 0


def test_wrong_arguments_are_refused() -> None:
    """Before anything is called."""
    wrong: Any
    for wrong in ({"failure_rate": 2}, {"probes": 0}, {"window": "soon"}, {"min_calls": 1.5}):
        with pytest.raises(tg.ConfigError, match=rf"breaker\.{next(iter(wrong))}"):
            tg.Breaker(**wrong)
    for wrong in ({"name": ""}, {"ignore": (1,)}, {"ignore": int}):
        with pytest.raises(tg.InvalidArgument):
            tg.Breaker(**wrong)
    with pytest.raises(tg.InvalidArgument, match="function"):
        tg.Breaker()(OSError)


def test_a_service_has_its_settings_and_arguments_count_more() -> None:
    """As everywhere."""
    config = tg.Config()
    config.load_json('{"services": {"encar": {"breaker": {"consecutive": 1, "open_for": "1h"}}}}')
    breaker = tg.Breaker("encar", config=config, service="encar", open_for=2)
    breaker.enter().failure()
    assert 0 < breaker.stats().retry_after <= 2.4
    assert breaker.name == "encar"


def test_it_is_counted_under_its_name() -> None:
    """In stats() as in C++."""
    breaker = tg.Breaker("counted_in_python")
    trip(breaker)
    with pytest.raises(tg.CircuitOpen):
        breaker.enter()
    counts = tg.stats()["breaker"]["counted_in_python"]
    assert (counts["calls"]["failure"], counts["refused"], counts["state"]) == (20, 1, 1)


def test_workers_of_a_host_share_one(tmp_path: Path) -> None:
    """What fails in another process opens it here."""
    directory = str(tmp_path / "state")
    breaker = tg.Breaker("encar", share="host", state_dir=directory)
    code = """if True:
        import sys, tidegate
        breaker = tidegate.Breaker("encar", share="host", state_dir=sys.argv[1])
        for _ in range(20):
            breaker.enter().failure()
        print(breaker.state)
    """
    other = subprocess.run(
        [sys.executable, "-c", code, directory], check=True, capture_output=True, text=True
    )
    assert other.stdout == "open\n"
    with pytest.raises(tg.CircuitOpen):
        breaker.enter()
    with pytest.raises(tg.ConfigError, match="encar"):
        tg.Breaker("encar", share="host", state_dir=directory, probes=5)
    with pytest.raises(tg.ConfigError, match="name"):
        tg.Breaker(share="host", state_dir=directory)
    wrong: Any = "world"
    with pytest.raises(tg.ConfigError, match=r"breaker\.share"):
        tg.Breaker("encar", share=wrong)


def test_one_that_was_not_made_says_so() -> None:
    """By a class of one's own that forgot to."""

    class Forgetful(tg.Breaker):
        def __init__(self) -> None:
            pass

    breaker = Forgetful()
    for ask in (breaker.enter, breaker.__enter__, breaker.stats):
        with pytest.raises(tg.InvalidArgument, match="__init__"):
            ask()
    tg.BreakerPermit().success()  # of nothing


def test_a_block_keeps_nothing_alive() -> None:
    """Neither the breaker nor what its permit holds."""

    class Watched(tg.Breaker):
        pass

    breaker = Watched("watched", failure_rate=0)
    gone = weakref.ref(breaker)
    before = sys.getrefcount(breaker)
    for _ in range(100):
        with breaker:
            pass
        with pytest.raises(OSError, match="gone"), breaker:
            raise OSError("gone")
    assert sys.getrefcount(breaker) == before
    del breaker
    gc.collect()
    assert gone() is None
