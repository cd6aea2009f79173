"""Operations in event loops."""

import asyncio
import contextlib
import gc
import os
import threading
import weakref
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def loop_counts() -> Any:
    return SimpleNamespace(**tg.stats()["loop"])


def test_an_operation_is_awaited(run: Any, db: tg.Database) -> None:
    """Before and after it has ended, once and again."""

    async def main() -> None:
        operation = db.query("SELECT count(*) AS n FROM cars")
        answer = await operation
        assert answer.value == [{"n": 3}]
        assert answer is await operation

    run(main())


def test_awaiting_raises_the_failure(run: Any, db: tg.Database) -> None:
    """Each time anew, so that an error holds no frames of other tasks."""

    async def main() -> None:
        operation = db.query("SELEC 1")
        errors = []
        for _ in range(2):
            with pytest.raises(tg.QueryError) as caught:
                await operation
            errors.append(caught.value)
        assert errors[0] is not errors[1]

    run(main())


def test_many_operations_are_gathered(run: Any, db: tg.Database) -> None:
    """[A6] The loop wakes up far less often than operations end."""

    async def ask(n: int) -> int:
        return (await db.query("SELECT ? AS n", [n], timeout=3600)).value[0]["n"]

    async def main() -> None:
        numbers = range(900)
        assert list(numbers) == await asyncio.gather(*map(ask, numbers))

    before = loop_counts()
    run(main())
    after = loop_counts()

    taken = after.completions - before.completions
    assert 0 < taken <= 900
    assert after.wakeups - before.wakeups <= max(10, taken / 2)


def test_ten_thousand_are_awaited_at_once(run: Any, cars: Path) -> None:
    """[A6] More than one wake-up may take."""

    async def main(db: tg.Database) -> None:
        answers = await asyncio.gather(*(db.query("SELECT 1") for _ in range(10_000)))
        assert {"fresh"} == {answer.source for answer in answers}

    with tg.Executor(queue=20_000, query_timeout=3600) as ex:
        run(main(ex.sqlite(cars)))


def event_descriptors() -> int:
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found += "eventfd" in os.readlink(f"/proc/self/fd/{descriptor}")
    return found


def test_a_loop_may_be_run_again_and_again(run: Any, db: tg.Database) -> None:
    """[A1] Each has a bridge of its own, which goes with it: no descriptor is left."""

    async def main() -> None:
        operation = db.query("SELECT 1")
        assert (await operation).source == "fresh"

    before = event_descriptors()
    for _ in range(5):
        run(main())
    gc.collect()

    assert event_descriptors() == before


def test_several_loops_share_one_database(run: Any, db: tg.Database) -> None:
    """[A1] In several threads at once."""
    failures = []

    async def main(number: int) -> None:
        for i in range(100):
            answer = await db.query("SELECT ? AS v", [number * 1000 + i])
            assert answer.value[0]["v"] == number * 1000 + i

    def work(number: int) -> None:
        try:
            run(main(number))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []


def test_one_operation_is_awaited_in_two_loops(run: Any, ex: tg.Executor, tools: Any) -> None:
    """Both see the same answer."""
    gate = tools.Gate()
    operation = ex.call(gate, "both")
    values = []

    async def main() -> None:
        values.append((await operation).value)

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.open.set()
    for thread in threads:
        thread.join(30)

    assert values == ["both", "both"]


def test_completions_for_a_closed_loop_are_dropped(db: tg.Database, tools: Any) -> None:
    """[A1] They are counted, and disturb nobody."""
    operation = None

    async def wait() -> None:
        await operation  # type: ignore[misc]

    async def main() -> asyncio.Task[None]:
        nonlocal operation
        operation = db.query(tools.ENDLESS, timeout=20)
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        return task

    before = loop_counts()
    loop = asyncio.new_event_loop()
    task = loop.run_until_complete(main())
    loop.close()
    assert operation is not None
    operation.cancel()

    assert loop_counts().dropped - before.dropped == 1
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    assert operation.done
    assert db.query("SELECT 1").result().source == "fresh"


def test_closing_the_loop_closes_the_descriptor(run: Any, db: tg.Database, tools: Any) -> None:
    """[A1] Also where a coroutine that waits is still referred to."""

    async def main() -> None:
        operation = db.query(tools.ENDLESS, timeout=20)
        awaiting = operation.__await__()
        kept.append(awaiting)
        next(awaiting)
        assert event_descriptors() > before
        operation.cancel()

    kept: list[Any] = []
    before = event_descriptors()
    run(main())

    assert before == event_descriptors()


def test_cancelling_the_task_cancels_the_query(
    run: Any, db: tg.Database, lane: Any, tools: Any
) -> None:
    """[A2] The ticks of its virtual machine stand still: counted, not timed."""

    async def main() -> tg.Operation[Any]:
        operation = db.query(tools.ENDLESS, timeout=30)

        async def wait() -> None:
            await operation

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return operation

    operation = run(main())
    assert isinstance(operation.error, tg.Cancelled)
    tools.eventually(lambda: lane("executor")["zombies"] == 0)
    ticks = []
    for _ in range(3):
        db.query(tools.count_to(20_000)).result()
        ticks.append(lane("sqlite")["progress_ticks"])
    assert ticks[2] - ticks[1] == ticks[1] - ticks[0]


def test_a_timeout_around_the_await_cancels_the_query(
    run: Any, db: tg.Database, tools: Any
) -> None:
    """[A2] asyncio's own tools work as on any awaitable."""

    async def main() -> None:
        operation = db.query(tools.ENDLESS, timeout=30)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(operation, 0.02)
        assert isinstance(operation.error, tg.Cancelled)

    run(main())


def test_a_shield_keeps_the_query(run: Any, ex: tg.Executor, tools: Any) -> None:
    """[A2] A cancelled wait for a shielded operation leaves it in flight."""
    gate = tools.Gate()

    async def main() -> None:
        operation = ex.call(gate)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.shield(operation), 0.02)
        assert not operation.done
        gate.open.set()
        assert (await operation).value == "through"

    run(main())


def test_a_task_that_was_cancelled_twice_ends(run: Any, db: tg.Database, tools: Any) -> None:
    """[A2] A cancel during a cancel is one."""

    async def main() -> None:
        async def wait() -> None:
            await db.query(tools.ENDLESS, timeout=30)

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_a_cancel_that_meets_the_result_is_safe(run: Any, db: tg.Database) -> None:
    """[A2] Whichever is first, no future is set twice and no task is left behind."""

    async def main() -> None:
        outcomes = set()
        for round_ in range(300):

            async def wait() -> Any:
                return (await db.query("SELECT 1")).source

            task = asyncio.create_task(wait())
            for _ in range(round_ % 7):
                await asyncio.sleep(0)
            task.cancel()
            try:
                outcomes.add(await task)
            except asyncio.CancelledError:
                outcomes.add("cancelled")
        assert outcomes <= {"cancelled", "fresh"}

    run(main())


def test_a_failing_sibling_cancels_in_a_group(run: Any, db: tg.Database, tools: Any) -> None:
    """[A2] gather() and groups of tasks cancel what they wrap."""

    async def main() -> None:
        slow = db.query(tools.ENDLESS, timeout=30)

        async def fail() -> None:
            raise LookupError

        async def wait() -> None:
            await slow

        tasks = [asyncio.create_task(wait()), asyncio.create_task(fail())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in pending:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(done) == 1
        assert isinstance(slow.error, tg.Cancelled)

    run(main())


def test_a_stuck_loop_does_not_delay_the_end(run: Any, db: tg.Database, tools: Any) -> None:
    """[A4] The operation is settled at its deadline, though the loop is blocked until another's."""

    async def main() -> bool:
        first = db.query(tools.ENDLESS, timeout=0.2, default=None)
        second = db.query(tools.ENDLESS, timeout=2.0, default=None)
        blocker = threading.Thread(target=second.result)
        blocker.start()
        waiting = asyncio.ensure_future(first)
        await asyncio.sleep(0)
        blocker.join()  # on the loop's thread
        freed_at = monotonic()
        await waiting
        assert first.timings is not None
        late = first.timings.settled_at - first._deadline
        assert late >= 0
        return late < (freed_at - first._deadline) / 2

    tools.one_of_three(lambda: run(main()))


def test_a_slow_callback_blocks_nothing_but_its_loop(run: Any, db: tg.Database) -> None:
    """[A4] Completions queue up, and all come."""

    async def main() -> None:
        operations = [db.query("SELECT 1") for _ in range(200)]
        waiting = asyncio.gather(*operations)
        await asyncio.sleep(0)
        helper = threading.Thread(target=lambda: [o.result() for o in operations])
        helper.start()
        helper.join()  # the loop is blocked until all have ended
        assert {"fresh"} == {answer.source for answer in await waiting}

    run(main())


def test_an_operation_is_awaited_in_a_loop_only(db: tg.Database, tools: Any) -> None:
    """Outside there is nobody who could be woken."""
    awaiting = db.query(tools.ENDLESS, timeout=1).__await__()
    with pytest.raises(RuntimeError, match="event loop"):
        next(awaiting)


def test_waiting_in_a_loop_is_refused_at_once(run: Any, db: tg.Database, tools: Any) -> None:
    """result() on the loop's thread would block it; of what has ended it does not."""

    async def main() -> None:
        operation = db.query(tools.ENDLESS, timeout=30)
        with pytest.raises(RuntimeError, match="await"):
            operation.result()
        with pytest.raises(RuntimeError, match="async with"), tg.page(1):
            pass
        operation.cancel()
        with pytest.raises(tg.Cancelled):
            operation.result()

    run(main())


def test_the_context_of_the_first_task_is_not_kept(run: Any, db: tg.Database) -> None:
    """The loop's reader runs in a context of its own."""
    import contextvars

    class Thing:
        pass

    variable: contextvars.ContextVar[Thing] = contextvars.ContextVar("thing")
    died = []

    async def main() -> None:
        async def first() -> None:
            thing = Thing()
            died.append(weakref.ref(thing))
            variable.set(thing)
            await db.query("SELECT 1")

        await asyncio.create_task(first())
        await asyncio.sleep(0)
        gc.collect()
        assert died[0]() is None

    run(main())


def test_an_abandoned_await_cancels(run: Any, db: tg.Database, tools: Any) -> None:
    """Closing the coroutine is giving up."""

    async def main() -> None:
        operation = db.query(tools.ENDLESS, timeout=30)

        async def wait() -> None:
            await operation

        coroutine = wait()
        with contextlib.suppress(StopIteration):
            coroutine.send(None)
        coroutine.close()
        assert isinstance(operation.error, tg.Cancelled)

    run(main())


def test_cycles_through_an_operation_are_collected(db: tg.Database, tools: Any) -> None:
    """An operation, its default and a task that awaits it may refer to one another."""

    class Thing:
        operation: Any

        def default(self, error: tg.Error) -> None:
            return None

    thing = Thing()
    thing.operation = db.query("SELECT 1", default=thing.default)
    thing.operation.result()
    alive = weakref.ref(thing)
    del thing

    tools.eventually(lambda: gc.collect() >= 0 and alive() is None)


def test_a_loop_that_is_never_closed_is_collected(db: tg.Database) -> None:
    """The bridge, the loop and its reader are a cycle."""
    loop = asyncio.new_event_loop()

    async def main() -> None:
        await db.query("SELECT 1")

    loop.run_until_complete(main())
    alive = weakref.ref(loop)
    del loop
    with pytest.warns(ResourceWarning):
        gc.collect()

    assert alive() is None
