"""tidegate.adapters.aiolimiter: what aiolimiter's own tests do not ask."""

import asyncio
import re
from collections.abc import Iterator
from unittest import mock

import pytest

import tidegate as tg
from tidegate.adapters.aiolimiter import AsyncLimiter


class LoopTime:
    """Stands in for the time of the running loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.patch = mock.patch.object(asyncio.get_running_loop(), "time", self.time)

    def time(self) -> float:
        return self.now

    def __enter__(self) -> "LoopTime":
        self.patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.patch.stop()

    async def reach(self, now: float) -> None:
        """Everybody runs who can by then."""
        self.now = now
        for _ in range(20):
            await asyncio.sleep(0)


@pytest.fixture
async def time() -> Iterator[LoopTime]:  # type: ignore[misc]
    with LoopTime() as made:
        yield made


def waits(limiter: AsyncLimiter, order: list[str], name: str, amount: float = 1) -> asyncio.Task:
    async def wait() -> None:
        await limiter.acquire(amount)
        order.append(name)

    return asyncio.ensure_future(wait())


async def test_those_that_wait_have_their_turn_in_the_order_in_which_they_came(time: LoopTime):
    """The heavy one too, which aiolimiter serves last."""
    limiter, order = AsyncLimiter(10, 10), []
    await limiter.acquire(10)
    tasks = [waits(limiter, order, "heavy", 5), waits(limiter, order, "light", 1)]
    await time.reach(1000)
    await time.reach(1004.9)
    assert order == []
    await time.reach(1005)
    assert order == ["heavy"]
    await time.reach(1006)
    assert order == ["heavy", "light"]
    await asyncio.gather(*tasks)


async def test_a_newcomer_has_what_there_is_and_the_first_one_waits_for_it_anew(time: LoopTime):
    """As with aiolimiter."""
    limiter, order = AsyncLimiter(3, 3), []
    await limiter.acquire(1)
    task = waits(limiter, order, "first", 3)
    await time.reach(1000)
    await limiter.acquire(1)
    await time.reach(1001)
    assert order == []
    await time.reach(1002)
    assert order == ["first"]
    await task


async def test_cancelled_waiters_leave_nothing_and_the_next_has_the_turn(time: LoopTime):
    """At once, not when the first one goes."""
    limiter, order = AsyncLimiter(1, 1), []
    await limiter.acquire()
    tasks = [waits(limiter, order, str(n)) for n in range(1000)]
    await time.reach(1000)
    assert "waiters: 1000" in repr(limiter)
    for task in tasks[:-1]:
        task.cancel()
    await time.reach(1000)
    assert "waiters: 1]" in repr(limiter)
    await time.reach(1001)
    assert order == ["999"]


async def test_one_that_is_cancelled_after_its_turn_came_has_taken_nothing(time: LoopTime):
    """Its task had not run yet."""
    limiter, order = AsyncLimiter(1, 1), []
    await limiter.acquire()
    first, second = waits(limiter, order, "first"), waits(limiter, order, "second")
    await time.reach(1000)
    time.now = 1001.0
    limiter._line.look()  # type: ignore[union-attr]
    first.cancel()
    await time.reach(1001)
    assert order == ["second"]
    assert first.cancelled()
    await second


@pytest.mark.parametrize(
    ("max_rate", "time_period"),
    [(1, 1), (3, 1), (7, 60), (0.5, 10), (100, 60), (1e5, 1), (33, 3.3)],
)
async def test_a_burst_is_whole_and_the_rate_is_never_passed(
    time: LoopTime, max_rate: float, time_period: float
):
    """Whatever cannot be divided evenly."""
    limiter = AsyncLimiter(max_rate, time_period)
    one = min(1, max_rate)
    for _ in range(min(200, int(max_rate))):
        await limiter.acquire(one)
    if max_rate <= 200:
        if max_rate < 1:
            await limiter.acquire(one)
        assert not limiter.has_capacity(one)
        time.now += time_period / max_rate * one * (1 - 1e-6)
        assert not limiter.has_capacity(one)
        time.now += time_period / max_rate * one * 1e-4
        assert limiter.has_capacity(one)


@pytest.mark.parametrize(("max_rate", "time_period"), [(0, 1), (-1, 1), (1, 0), (2**31, 1)])
def test_what_is_no_rate_is_a_value_error(max_rate: float, time_period: float):
    """At once, not at the first use."""
    with pytest.raises(ValueError, match="max_rate must be"):
        AsyncLimiter(max_rate, time_period)


async def test_it_shows_its_level_and_counts_in_stats(time: LoopTime):
    """As aiolimiter shows it."""
    before = tg.stats().get("gate", {}).get("aiolimiter", {}).get("granted", 0)
    limiter = AsyncLimiter(4, 8)
    await limiter.acquire(3)
    shown = re.sub("0x[0-9a-f]+", "0x1", repr(limiter))
    assert shown == (
        "<AsyncLimiter(max_rate=4, time_period=8) at 0x1 [level: 3.000000, waiters: 0]>"
    )
    assert tg.stats()["gate"]["aiolimiter"]["granted"] == before + 1


def test_another_loop_is_warned_of_and_works():
    """Also where the first one is not closed."""
    limiter = AsyncLimiter(5, 60)
    first = asyncio.new_event_loop()
    first.run_until_complete(limiter.acquire())
    with pytest.warns(RuntimeWarning, match="re-used across loops"):
        asyncio.run(limiter.acquire())
    first.close()


def test_without_a_loop_it_says_so():
    """As aiolimiter does."""
    with pytest.raises(RuntimeError):
        AsyncLimiter(1).has_capacity()
