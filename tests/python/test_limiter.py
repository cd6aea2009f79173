"""tidegate.Limiter: how often something may start."""

import asyncio
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

from ..support.forks import in_child


def figures(name: str) -> Any:
    return tg.stats()["gate"][name]


def test_a_try_is_granted_or_refused_at_once():
    limiter = tg.Limiter(rate=tg.Rate(1, "1h", burst=2))
    assert [limiter.try_acquire() for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("limiter", "offers"),
    [
        (tg.Limiter, {"acquire", "penalize", "reserve", "stats", "try_acquire"}),
        (tg.KeyedLimiter, {"acquire", "penalize", "stats", "try_acquire"}),
    ],
)
def test_it_offers_what_is_described_and_nothing_of_its_inside(
    limiter: type[Any], offers: set[str]
) -> None:
    assert {name for name in dir(limiter) if not name.startswith("_")} == offers


def test_a_weight_takes_so_many_permits_and_must_fit_the_burst():
    limiter = tg.Limiter(rate=tg.Rate(1, "1h", burst=3))
    assert limiter.try_acquire(2)
    assert not limiter.try_acquire(2)
    assert limiter.try_acquire(1)
    for weight in (0, -1, 4, 2**40):
        with pytest.raises(tg.InvalidArgument):
            limiter.try_acquire(weight)
        with pytest.raises(tg.InvalidArgument):
            limiter.acquire(weight).result()


def test_several_rates_hold_together():
    limiter = tg.Limiter(rate=["1000/s", tg.Rate(2, "1h", 2, strict=True)])
    assert limiter.try_acquire()
    limiter.acquire().result(60)
    assert not limiter.try_acquire()


def test_who_would_be_too_late_is_refused_at_once_and_told_when_to_come_back():
    limiter = tg.Limiter(rate="1/h")
    assert limiter.try_acquire()
    operation = limiter.acquire(timeout=10)
    assert operation.done
    with pytest.raises(tg.RateLimited) as caught:
        operation.result()
    assert 3500 < caught.value.retry_after <= 3600
    assert (caught.value.cause, caught.value.retryable) == ("rate_limited", True)
    assert isinstance(caught.value, tg.Overloaded)
    assert pickle.loads(pickle.dumps(caught.value)).retry_after == caught.value.retry_after


def test_the_deadline_of_a_page_counts():
    limiter = tg.Limiter(rate="1/h")
    assert limiter.try_acquire()
    with tg.page(5), pytest.raises(tg.RateLimited):
        limiter.acquire().result()


def test_a_turn_is_awaited_and_says_how_long_it_took():
    async def main() -> None:
        limiter = tg.Limiter(rate="1000/s")
        async with limiter:
            pass
        async with limiter(timeout=60):
            pass
        answers = await asyncio.gather(*(limiter.acquire() for _ in range(20)))
        assert max(answer.value for answer in answers) > 0

    asyncio.run(main())


def test_a_cancelled_task_leaves_its_slot_to_the_next():
    async def main() -> None:
        limiter = tg.Limiter("cancels", rate="1/h")
        assert limiter.try_acquire()

        async def turn() -> None:
            await limiter.acquire()

        task = asyncio.create_task(turn())
        await asyncio.sleep(0)
        waiting = limiter.acquire()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        waiting.cancel()
        with pytest.raises(tg.Cancelled):
            await waiting
        assert figures("cancels")["lost"] == 0

    asyncio.run(main())


def test_a_block_waits_in_synchronous_code():
    limiter = tg.Limiter("synchronous blocks", pace="1ms", jitter="1ms", pause=(2, "1ms", "2ms"))
    for _ in range(5):
        with limiter:
            pass
        with limiter(timeout=60):
            pass
    assert figures("synchronous blocks")["granted"] == 10


def test_threads_get_no_more_than_the_burst():
    limiter = tg.Limiter(rate=tg.Rate(1, "1h", burst=50))
    granted = []

    def work() -> None:
        granted.extend(limiter.try_acquire() for _ in range(100))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 50


def test_a_full_line_refuses_the_next():
    limiter = tg.Limiter(rate="1/h", queue=1)
    assert limiter.try_acquire()
    waiting = limiter.acquire()
    with pytest.raises(tg.Overloaded) as caught:
        limiter.acquire().result()
    assert caught.value.cause == "queue_full"
    waiting.cancel()


def test_after_a_penalty_nothing_starts():
    limiter = tg.Limiter("fined", rate="1000/s")
    limiter.penalize(1800)
    assert not limiter.try_acquire()
    assert figures("fined")["penalties"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"rate": "0/s"},
        {"rate": tg.Rate(5, 0)},
        {"rate": tg.Rate(5, 1, 6, strict=True)},
        {"rate": ["1/s", "2/s", "3/s", "4/s", "5/s"]},
        {"pace": 0},
    ],
)
def test_what_cannot_be_promised_is_a_config_error(arguments):
    with pytest.raises(tg.ConfigError):
        tg.Limiter(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": "10"},
        {"rate": "x/s"},
        {"rate": "10/parsec"},
        {"rate": "nan/s"},
        {"rate": "-1/s"},
        {"rate": tg.Rate(1.5)},
        {"rate": tg.Rate(-1)},
        {"rate": tg.Rate(2**70)},
        *({"rate": tg.Rate(wrong)} for wrong in (float("nan"), float("inf"))),
        *({"rate": tg.Rate(5, wrong)} for wrong in (-1, float("nan"), float("inf"))),
        *({"pace": wrong} for wrong in (float("nan"), float("inf"))),
        {"rate": [3]},
        {"pace": -1},
        {"pause": (20, 1, 3)},
        {"rate": "1/s", "queue": -1},
    ],
)
def test_what_is_no_rate_is_an_invalid_argument(arguments):
    with pytest.raises(tg.InvalidArgument):
        tg.Limiter(**arguments)


def test_starts_that_never_wait_share_one_operation_that_nothing_changes():
    limiter, other = (tg.Limiter(rate=tg.Rate(1, "1h", burst=9)) for _ in range(2))
    operation = limiter.acquire()
    operation.cancel()
    assert operation is other.acquire(2, timeout=5)
    assert (operation.done, operation.ok, operation.error) == (True, True, None)
    assert (operation.value, operation.source, operation.result(0).value) == (0.0, "fresh", 0.0)

    async def wait() -> float:
        return (await operation).value + (await operation).value

    assert asyncio.run(wait()) == asyncio.run(wait()) == 0.0


def test_each_start_is_counted_once_however_it_is_asked_for():
    limiter = tg.Limiter("counted", rate=tg.Rate(1, "1h", burst=7))

    async def main() -> None:
        await limiter.acquire()
        async with limiter:
            pass
        async with limiter(2, timeout=1):
            pass

    asyncio.run(main())
    with limiter, limiter(timeout=1):
        assert limiter.try_acquire()
    for refused in (limiter.acquire(timeout=1), limiter.acquire(timeout=0.0)):
        assert isinstance(refused.error, tg.RateLimited)
    assert limiter.stats() == tg.LimiterStats(6, 2, 0, 0, 0)


@pytest.mark.parametrize("timeout", [-1, float("nan"), 1e9, 2**2000, True, "soon", "-1s", []])
def test_a_timeout_that_is_none_is_refused_also_where_nobody_has_to_wait(timeout):
    limiter = tg.Limiter("no_timeout", rate="1/h")
    with pytest.raises(tg.InvalidArgument):
        limiter.acquire(timeout=timeout)
    assert limiter.stats().granted == 0


def test_arguments_may_be_given_by_name_and_no_others():
    limiter = tg.Limiter(rate=tg.Rate(1, "1h", burst=9))
    assert limiter.acquire(weight=2, timeout="5s").result().value == 0.0
    assert limiter.acquire(weight=7, timeout=None).done
    assert not limiter.try_acquire()
    for arguments, named in [((1, 2), {}), ((1,), {"weight": 1}), ((), {"patience": 3})]:
        with pytest.raises(TypeError):
            limiter.acquire(*arguments, **named)
    with pytest.raises(TypeError):
        limiter.acquire("1")


def test_a_block_waits_or_says_that_it_cannot():
    limiter = tg.Limiter("no_turn", rate="1/h")
    assert limiter.try_acquire()

    async def late() -> None:
        async with limiter:
            raise AssertionError

    with tg.page(5):
        with pytest.raises(tg.RateLimited):
            asyncio.run(late())
        with pytest.raises(tg.RateLimited), limiter:
            raise AssertionError


def test_a_start_is_booked_for_later_and_its_slot_is_given_back_once():
    limiter = tg.Limiter("booked", rate="1/h")
    first = limiter.reserve(timeout=0)
    assert first.delay == 0.0
    second = limiter.reserve(timeout="1h")
    assert second.start - first.start == pytest.approx(3600)
    assert 3500 < second.delay <= 3600
    with pytest.raises(tg.RateLimited) as caught:
        limiter.reserve(timeout=10)
    assert 7100 < caught.value.retry_after <= 7200
    second.cancel()
    second.cancel()
    assert limiter.reserve().start == second.start
    first.cancel()  # others have booked behind it
    assert limiter.stats() == tg.LimiterStats(3, 1, 1, 0, 0)
    for weight in (0, 2):
        with pytest.raises(tg.InvalidArgument):
            limiter.reserve(weight)


def test_what_a_block_raises_is_raised():
    limiter = tg.Limiter(rate=tg.Rate(1, "1h", burst=9))

    async def fail() -> None:
        async with limiter as nothing:
            assert nothing is None
            raise KeyError

    with pytest.raises(KeyError):
        asyncio.run(fail())
    with pytest.raises(KeyError), limiter:
        raise KeyError


def test_its_figures_are_in_stats():
    limiter = tg.Limiter("figures", rate="1/h")
    limiter.try_acquire()
    limiter.try_acquire()
    assert figures("figures")["granted"] == 1
    assert figures("figures")["refused"] == 1


def shared(directory: Path, **limits: Any) -> tg.Limiter:
    return tg.Limiter("shared", share="host", state_dir=directory / "state", **limits)


def test_processes_of_a_host_count_together(tmp_path: Path) -> None:
    limiter = shared(tmp_path, rate=tg.Rate(1, "1h", burst=5))
    assert limiter.try_acquire()
    # Another program, and a child of this one.
    script = (
        "import sys, tidegate as tg\n"
        "limiter = tg.Limiter('shared', rate=tg.Rate(1, '1h', burst=5), share='host',"
        " state_dir=sys.argv[1])\n"
        "print(sum(limiter.try_acquire() for _ in range(2)))\n"
        "limiter.penalize(1800)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "state")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout == "2\n"
    assert not limiter.try_acquire()  # the penalty holds here
    assert in_child(lambda: not limiter.try_acquire())


def test_the_directory_of_what_is_shared_is_a_setting(tmp_path: Path) -> None:
    config = tg.Config()
    config.set("gate.state_dir", str(tmp_path / "state"))
    tg.Limiter("configured", rate="1/s", share="host", config=config)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_other_limits_under_a_name_that_is_used_are_a_config_error(tmp_path: Path) -> None:
    shared(tmp_path, rate="1/s")
    with pytest.raises(tg.ConfigError, match="limiter 'shared'"):
        shared(tmp_path, rate="2/s")


def test_a_directory_that_is_not_to_be_trusted_is_a_config_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for directory in (tmp_path, "relative"):
        with pytest.raises(tg.ConfigError):
            tg.Limiter("x", rate="1/s", share="host", state_dir=directory)
    with pytest.raises(tg.ConfigError, match="name of its own"):
        tg.Limiter(rate="1/s", share="host", state_dir=tmp_path / "state")
    with pytest.raises(tg.InvalidArgument):
        tg.Limiter("x", rate="1/s", share="world")  # type: ignore[arg-type]
