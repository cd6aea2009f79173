"""The concurrent.futures façade."""

import asyncio
import concurrent.futures
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def test_it_is_an_executor_of_the_standard_library(ex: tg.Executor) -> None:
    """submit() and map() do what they do everywhere."""
    with ex.as_executor("futures") as pool:
        assert isinstance(pool, concurrent.futures.Executor)
        assert pool.submit(pow, 2, exp=3).result(10) + 4 == 12
        assert list(pool.map(lambda x: x * x, range(4))) == [0, 1, 4, 9]
    with pytest.raises(RuntimeError):
        pool.submit(print)


def test_it_runs_in_an_event_loop(run: Any, ex: tg.Executor) -> None:
    """loop.run_in_executor() takes it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pool = ex.as_executor()
        results = await asyncio.gather(
            *(loop.run_in_executor(pool, lambda x: -x, i) for i in range(50))
        )
        assert [-i for i in range(50)] == results

    run(main())


def test_exceptions_come_as_they_are(ex: tg.Executor) -> None:
    """As those of any executor."""
    with pytest.raises(ZeroDivisionError):
        ex.as_executor().submit(lambda: 1 / 0).result(10)


def test_a_late_function_is_a_timeout(tools: SimpleNamespace) -> None:
    """At the executor's query_timeout, though the function is stuck."""
    gate = tools.Gate()
    with tg.Executor(query_timeout=0.05) as ex:
        with pytest.raises(tg.Timeout):
            ex.as_executor("late").submit(gate).result(20)
        gate.open.set()


def test_a_future_can_be_cancelled(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """Also one that runs: it is abandoned."""
    gate = tools.Gate()
    pool = ex.as_executor("cancelled")
    future = pool.submit(gate)
    gate.await_begun()

    assert future.cancel()
    assert future.cancelled()
    gate.open.set()
    assert pool.submit(lambda: 3).result(10) == 3


def test_shutdown_waits_for_what_is_in_flight(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """And cancels it if it is asked to."""
    gate = tools.Gate()
    pool = ex.as_executor("waits")
    future = pool.submit(gate)
    pool.shutdown(cancel_futures=True)

    assert future.cancelled()
    gate.open.set()
