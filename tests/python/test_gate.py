"""tidegate.Gate: who may call a service now."""

import asyncio
import contextvars
import gc
import threading
from typing import Any

import pytest

import tidegate as tg


def test_a_try_never_waits_and_says_why_not():
    gate = tg.Gate("try", concurrency=1, rate=tg.Rate(2, "1h", burst=2), breaker=True)
    permit = gate.try_enter()
    assert (bool(permit), permit.cause, permit.waited) == (True, "", 0.0)
    full = gate.try_enter()
    assert (bool(full), full.cause) == (False, "pool_timeout")
    permit.success()
    gate.enter().success()
    limited = gate.try_enter()
    assert limited.cause == "rate_limited"
    assert limited.retry_after > 1000
    with pytest.raises(tg.RateLimited, match="gate 'try': its turn would come in ") as caught:
        gate.enter()
    assert caught.value.retry_after > 1000
    gate.force("forced_open")
    with pytest.raises(tg.CircuitOpen) as opened:
        gate.enter()
    assert opened.value.retry_after > 0
    for verb in (limited.success, limited.failure, limited.cancel):
        verb()
    limited.http_status(500)
    assert gate.stats().inside == 0


def test_blocks_hold_a_slot_and_tell_the_breaker_what_came_of_it():
    gate = tg.Gate("blocks", concurrency=2, breaker={"consecutive": 2})
    with gate, gate(timeout=10) as permit:
        assert isinstance(permit, tg.GatePermit)
        assert gate.stats().inside == 2
        assert gate.try_enter().cause == "pool_timeout"
    with pytest.raises(KeyError), gate(timeout=10):
        raise KeyError
    with pytest.raises(ConnectionError), gate:
        raise ConnectionError
    with pytest.raises(tg.CircuitOpen), gate(timeout=10):
        pass
    breaker = gate.stats().breaker
    assert breaker is not None
    assert (breaker.state, gate.stats().inside) == ("open", 0)


def test_a_block_keeps_its_slot_whatever_context_it_is_left_in():
    gate = tg.Gate("contexts", concurrency=2, breaker={"consecutive": 1})
    with gate:
        contextvars.copy_context().run(gate.__enter__)
        gc.collect()
        assert gate.stats().inside == 2
        contextvars.Context().run(gate.__exit__, None, None, None)
        assert gate.stats().inside == 1
    assert gate.stats().inside == 0
    contextvars.copy_context().run(gate.__enter__)
    gate.__exit__(ConnectionError, ConnectionError(), None)
    breaker = gate.stats().breaker
    assert breaker is not None
    assert (breaker.state, gate.stats().inside) == ("open", 0)
    gate.__exit__(None, None, None)  # of nothing


def test_without_time_a_free_one_is_entered_and_one_that_is_not_refuses_at_once():
    gate = tg.Gate("now", concurrency=1)
    with gate(timeout=0), pytest.raises(tg.PoolTimeout):
        gate.acquire(timeout=0).result()
    paced = tg.Gate("now-paced", pace="1h")
    paced.acquire(timeout=0).result().value.success()
    with pytest.raises(tg.RateLimited) as late:
        paced.acquire(timeout=0).result()
    assert late.value.retry_after is not None
    assert late.value.retry_after > 3000


def test_what_says_nothing_about_the_service_does_not_count():
    gate = tg.Gate("nothing", breaker={"consecutive": 1}, ignore=LookupError)
    for error in (KeyError, KeyboardInterrupt, asyncio.CancelledError, tg.RateLimited):
        with pytest.raises(error), gate:
            raise error
    breaker = gate.stats().breaker
    assert breaker is not None
    assert (breaker.state, breaker.failures) == ("closed", 0)


def test_those_that_wait_enter_in_order_and_a_cancelled_one_leaves_nothing():
    gate = tg.Gate("order", concurrency=1)
    order: list[int] = []

    async def visit(number: int) -> None:
        async with gate:
            order.append(number)
            await asyncio.sleep(0)

    async def main() -> None:
        async with gate(timeout=10):
            tasks = [asyncio.create_task(visit(number)) for number in range(10)]
            await asyncio.sleep(0)
            assert gate.stats().waiting == 10
            tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[3], asyncio.CancelledError)

    asyncio.run(main())
    assert order == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    gc.collect()
    assert (gate.stats().inside, gate.stats().waiting) == (0, 0)


def test_a_higher_priority_goes_first():
    gate = tg.Gate("priority", concurrency=1)
    permit = gate.enter()
    low = gate.acquire(priority="low")
    high = gate.acquire(priority="high")
    with pytest.raises(tg.PoolTimeout):  # then those two stand in the line
        gate.acquire(priority="low", timeout=0.01).result()
    permit.success()
    high.result(60).value.success()
    low.result(60).value.success()
    with pytest.raises(tg.InvalidArgument, match="priority must be one of high, normal, low"):
        gate.acquire(priority="urgent")  # type: ignore[arg-type]


def test_who_would_be_too_late_is_refused_at_once():
    gate = tg.Gate("late", rate="1/h")
    assert gate.try_enter()
    with pytest.raises(tg.RateLimited, match="of the deadline are left") as caught:
        gate.acquire(timeout=10).result()
    assert 3500 < caught.value.retry_after <= 3600
    with tg.page(5), pytest.raises(tg.RateLimited):
        gate.acquire().result()


def test_the_queue_is_bounded():
    gate = tg.Gate("bounded", concurrency=1, queue=0)
    with gate, pytest.raises(tg.Overloaded, match="gate 'bounded': 0 wait already"):
        gate.acquire().result()


def test_a_429_puts_all_starts_off():
    gate = tg.Gate("told", breaker={"consecutive": 1})
    gate.enter().http_status(429, 30)
    refused = gate.try_enter()
    assert refused.cause == "rate_limited"
    assert 0 < refused.retry_after <= 30
    free = tg.Gate("penalized", max_penalty=10)
    free.penalize("1h")
    assert 0 < free.try_enter().retry_after <= 10
    assert gate.stats().penalties == 1


def test_limit_decorates_functions_and_coroutine_functions():
    gate = tg.Gate("limit", concurrency=1, breaker={"consecutive": 1})

    @gate.limit
    def ask(value: int) -> int:
        """Asks."""
        assert gate.stats().inside == 1
        return value

    @gate.limit
    async def ask_later(value: int) -> int:
        if value < 0:
            raise ConnectionError
        await asyncio.sleep(0)
        return value

    assert (ask(1), ask.__doc__) == (1, "Asks.")

    async def main() -> list[int]:
        return await asyncio.gather(*(ask_later(value) for value in range(20)))

    assert asyncio.run(main()) == list(range(20))
    with pytest.raises(ConnectionError):
        asyncio.run(ask_later(-1))
    with pytest.raises(tg.CircuitOpen):
        ask(1)
    for wrong in (3, int):
        with pytest.raises(tg.InvalidArgument):
            gate.limit(wrong)  # type: ignore[type-var]


def test_threads_are_never_more_inside_than_may_be():
    gate = tg.Gate("threads", concurrency=2)
    most: list[int] = []

    def work() -> None:
        for _ in range(50):
            with gate:
                most.append(gate.stats().inside)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 300
    assert max(most) <= 2
    assert gate.stats().inside == 0


def test_a_permit_that_is_dropped_gives_its_slot_back():
    gate = tg.Gate("dropped", concurrency=1)
    permit = gate.acquire().result().value
    assert gate.stats().inside == 1
    del permit
    gc.collect()
    assert gate.stats().inside == 0


def test_an_adaptive_one_lets_fewer_in_after_a_429_or_a_timeout():
    for error in (None, TimeoutError()):
        gate = tg.Gate("adaptive", concurrency=(1, 20, 100))
        assert gate.stats().concurrency == 20
        permit = gate.enter()
        permit.http_status(429) if error is None else permit.failure(error)
        assert gate.stats().concurrency == 18


def test_starts_slow_down_after_a_429_where_the_rate_adapts():
    gate = tg.Gate("slower", adaptive_rate=True)
    for _ in range(100):
        gate.enter().success()
    assert gate.stats().rate == 0
    gate.enter().http_status(429)
    assert gate.stats().rate > 0
    assert gate.stats().penalties == 0


def test_a_call_that_says_its_timeout_is_slow_past_four_fifths_of_it():
    gate = tg.Gate("timed", breaker={})
    for took in (0.0, 4.0, 4.001):
        permit = gate.enter()
        permit.timed(5.0, took)
        permit.success()
    breaker = gate.stats().breaker
    assert breaker is not None
    assert breaker.slow == 1


def test_an_answer_says_when_to_come_again():
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3000"}
    gate = tg.Gate("answered", max_penalty="1h")
    gate.enter().answered(200, spent)
    gate.enter().answered(429, spent)
    assert 2900 < gate.try_enter().retry_after <= 3000
    gate = tg.Gate("answered", max_penalty="1h", rate_limit_fields=True)
    gate.enter().answered(200, [("RateLimit", '"hour";r=1;t=3000')])
    gate.enter().answered(200, [("RateLimit", '"hour";r=0;t=3000')])
    assert 2900 < gate.try_enter().retry_after <= 3000


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"rate": "0/s"},
        {"rate": "fast"},
        {"pause": (1, 2, 3)},
        {"concurrency": 0},
        {"concurrency": (3, 2, 4)},
        {"concurrency": (1, 2)},
        {"queue": -1},
        {"breaker": {"consecutive": -1}},
        {"breaker": {"colour": 1}},
        {"ignore": 3},
        {"max_penalty": -1},
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any]):
    with pytest.raises((tg.ConfigError, tg.InvalidArgument)):
        tg.Gate(**wrong)


def _settings(**settings: Any) -> tg.Config:
    config = tg.Config()
    for key, value in settings.items():
        config.set(f"gate.{key}", value, service="py_said")
    return config


def test_a_service_has_one_gate_in_a_process():
    config = _settings(concurrency=3)
    gate = tg.Gate.of("py_said", config)
    assert gate is not None
    assert gate.name == "py_said"
    assert tg.Gate.of("py_said", config.copy()) is gate
    with gate:
        assert gate.stats().inside == 1
        assert gate.stats().concurrency == 3
    assert tg.Gate.of("py_said", _settings(concurrency=4)) is not gate
    assert tg.Gate.of("py_said") is None
    assert tg.Gate.of("py_other", config) is None
    for wrong in ("", "No", 3):
        with pytest.raises(tg.InvalidArgument, match="a service is called by"):
            tg.Gate.of(wrong, config)  # type: ignore[arg-type]


def test_a_gate_has_its_settings_and_what_is_given_counts_before_them():
    config = _settings(concurrency=3, breaker=True, queue=0, rate=2, rate_per="1h", burst=2)
    config.set("breaker.consecutive", 1, service="py_said")
    said = tg.Gate("py_said", config=config)
    assert said.stats().concurrency == 3
    breaker = said.stats().breaker
    assert breaker is not None
    for _ in range(2):
        said.enter().success()
    assert said.try_enter().cause == "rate_limited"
    fragile = tg.Gate("py_said", rate=(), config=config)
    with pytest.raises(ConnectionError), fragile:
        raise ConnectionError
    assert fragile.try_enter().cause == "circuit_open"
    given = tg.Gate("py_said", concurrency=1, rate=(), breaker=False, queue=7, config=config)
    assert given.stats().concurrency == 1
    assert given.stats().breaker is None
    for _ in range(3):
        given.enter().success()
    with given:
        waits = given.acquire(timeout=20)
        assert given.stats().waiting == 1  # said has no queue
    waits.result().value.success()
    full = tg.Gate("py_said", concurrency=1, config=config)
    with full, pytest.raises(tg.Overloaded):
        full.acquire(timeout=20).result()


def test_a_pace_of_the_settings_is_kept_with_what_belongs_to_it():
    config = _settings(pace="1h", jitter="0s", pause_every=2, least_pause="9h", most_pause="9h")
    paced = tg.Gate("py_said", config=config)
    paced.enter().success()
    assert 3500 < paced.try_enter().retry_after <= 3600
    quick = tg.Gate("py_said", pace="1s", config=config)
    quick.enter().success()
    assert quick.try_enter().retry_after <= 1
    other = tg.Gate("other name", config=config, service="py_said")
    other.enter().success()
    assert other.try_enter().cause == "rate_limited"
    assert tg.Gate("not-said", config=config).enter()


def test_the_stats_tree_has_it():
    gate = tg.Gate("tree")
    with gate:
        figures: Any = tg.stats()["gate"]["tree"]
        assert (figures["granted"], figures["inside"]) == (1, 1)
    assert repr(gate) == "<tidegate.Gate 'tree', 0 inside, 0 waiting>"
