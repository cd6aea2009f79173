"""Lanes of an executor behind a gate, in Python."""

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg

from .conftest import Runner


def _fragile(name: str) -> tg.Gate:
    return tg.Gate(name, breaker={"consecutive": 1, "open_for": "1h"})


def _state(gate: tg.Gate) -> str:
    breaker = gate.stats().breaker
    assert breaker is not None
    return breaker.state


def test_queries_and_calls_go_through_the_gate_of_their_lane(
    ex: tg.Executor, cars: Path, run: Runner
) -> None:
    """Plain functions, coroutine functions and statements alike."""
    gate = tg.Gate("py-lane", concurrency=1)
    db = ex.sqlite(cars, gate=gate)
    lane = ex.callables("py-lane", gate=gate)
    before = gate.stats().granted

    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def all_of_them() -> list[Any]:
        calls = [ex.call(double, number, lane=lane, timeout=60) for number in range(5)]
        calls += [ex.call(int, "7", lane=lane, timeout=60) for _ in range(5)]
        answers = await asyncio.gather(*calls)
        rows = await db.query("SELECT count(*) AS n FROM cars", timeout=60)
        return [answer.value for answer in answers] + [rows.value]

    assert run(all_of_them()) == [0, 2, 4, 6, 8, 7, 7, 7, 7, 7, [{"n": 3}]]
    assert (gate.stats().granted - before, gate.stats().inside) == (11, 0)


def test_what_the_gate_refuses_is_its_error_or_the_default(ex: tg.Executor, cars: Path) -> None:
    """And a cached answer is stale."""
    gate = tg.Gate("py-refuses", breaker=True)
    db = ex.sqlite(cars, name="py-refuses", gate=gate)
    cache: tg.Cache[Any] = tg.Cache("py-refuses", ttl=0)
    first = db.query("SELECT make FROM cars", cache=cache).result()
    assert first.source == "fresh"
    gate.force("forced_open")
    with pytest.raises(tg.CircuitOpen, match="gate 'py-refuses'") as caught:
        db.query("SELECT 1").result()
    assert caught.value.retry_after > 0
    answer = db.query("SELECT 1", default=[]).result()
    assert (answer.value, answer.source, answer.degraded) == ([], "default", True)
    assert isinstance(answer.reason, tg.CircuitOpen)
    stale = db.query("SELECT make FROM cars", cache=cache).result()
    assert (stale.source, stale.value) == ("stale", first.value)
    refused: Any = tg.stats()["executor"]["py-refuses"]
    assert refused["shed"]["gate"] == 3


def test_a_call_waits_at_the_gate_on_no_thread(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """Until it is late, or has its turn."""
    gate = tg.Gate("py-waits", concurrency=1)
    lane = ex.callables("py-waits", gate=gate)
    with gate:
        late = ex.call(int, lane=lane, timeout=0.05)
        with pytest.raises(tg.Timeout, match="still waiting at gate 'py-waits'"):
            late.result()
        waits = ex.call(threading.get_ident, lane=lane, timeout=60)
        tools.eventually(lambda: gate.stats().waiting == 1)
        assert not waits.done
    assert waits.result().value != threading.get_ident()
    tools.eventually(lambda: gate.stats().inside == 0)


class _OwnError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "then"),
    [
        (ConnectionError("gone"), "open"),
        (_OwnError("the service is broken"), "open"),
        (TimeoutError("too long"), "open"),
        (tg.InvalidArgument("our own fault"), "closed"),
        (tg.RateLimited("refused elsewhere"), "closed"),
        (MemoryError(), "closed"),
        (KeyboardInterrupt(), "closed"),
    ],
)
def test_the_breaker_learns_of_exceptions_by_its_own_rules(
    ex: tg.Executor, run: Runner, error: BaseException, then: str
) -> None:
    """As in a block of the gate."""

    def fail() -> None:
        raise error

    gate = _fragile("py-learns")
    with pytest.raises(tg.CallableFailed):
        ex.call(fail, lane=ex.callables("py-learns", gate=gate), timeout=60).result()
    assert _state(gate) == then
    assert gate.stats().inside == 0
    if not isinstance(error, Exception):
        return

    async def fail_later() -> None:
        raise error

    async def ask(lane: Any) -> None:
        with pytest.raises(tg.CallableFailed):
            await ex.call(fail_later, lane=lane, timeout=60)

    tasks = _fragile("py-learns-tasks")
    run(ask(ex.callables("py-learns-tasks", gate=tasks)))
    assert _state(tasks) == then


def test_an_answer_that_asks_for_time_puts_off_the_calls_of_the_lane(ex: tg.Executor) -> None:
    """A 429 that a function raises is no failure of the service."""
    gate = _fragile("py-told")
    lane = ex.callables("py-told", gate=gate)

    def ask() -> None:
        response: Any = SimpleNamespace(status=429, headers={"retry-after": "30"})
        raise tg.HTTPStatusError("slower", response=response)

    with pytest.raises(tg.CallableFailed):
        ex.call(ask, lane=lane, timeout=60).result()
    assert (_state(gate), gate.stats().penalties) == ("closed", 1)
    with pytest.raises(tg.RateLimited) as caught:
        ex.call(int, lane=lane, timeout=5).result()
    assert 5 < caught.value.retry_after <= 30


def test_a_gate_is_given_by_name_by_setting_and_for_all_lanes(cars: Path) -> None:
    """The gate of a service is one."""
    config = tg.Config()
    config.set("gate.concurrency", 5, service="py_depot")
    config.set("executor.gate", "py_depot", service="py_cars")
    gate = tg.Gate.of("py_depot", config)
    assert gate is not None
    with tg.Executor(config) as ex:
        ex.sqlite(cars).query("SELECT 1").result()
        assert gate.stats().granted == 0
        ex.sqlite(cars, gate="py_depot").query("SELECT 1").result()
        ex.sqlite(cars, service="py_cars").query("SELECT 1").result()
        ex.call(int, lane=ex.callables("named", gate="py_depot")).result()
        assert gate.stats().granted == 3
        assert ex.callables("named", gate=gate) is ex.callables("named")
        with pytest.raises(tg.InvalidArgument, match="another gate"):
            ex.callables("named", gate=tg.Gate("py-else"))
        for wrong in (lambda: ex.sqlite(cars, gate="lost"), lambda: ex.callables("x", gate="lost")):
            with pytest.raises(tg.ConfigError, match="gate 'lost': no setting makes one"):
                wrong()
        with pytest.raises(tg.InvalidArgument, match="or a service's name"):
            ex.sqlite(cars, gate=3)  # type: ignore[arg-type]
    with tg.Executor(config, gate="py_depot") as ex:
        ex.call(int).result()
        ex.sqlite(cars).query("SELECT 1").result()
    assert gate.stats().granted == 5
    config.set("executor.gate", "lost")
    with pytest.raises(tg.ConfigError, match="lost"):
        tg.Executor(config)
