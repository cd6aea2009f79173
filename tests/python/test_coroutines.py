"""Coroutine functions as work."""

import asyncio
import contextvars
import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def figures(name: str) -> Any:
    return tg.stats()["executor"][name + ".tasks"]


def test_a_coroutine_function_runs_on_the_callers_loop(run: Any, ex: tg.Executor) -> None:
    """As a task of its own."""

    async def work(x: int) -> Any:
        await asyncio.sleep(0)
        return x, threading.current_thread(), asyncio.current_task()

    async def main() -> None:
        value = (await ex.call(work, 5)).value
        assert (5, threading.current_thread()) == value[:2]
        assert value[2] is not asyncio.current_task()

    run(main())


def test_its_exception_is_chained(run: Any, ex: tg.Executor) -> None:
    """[Q7] Also one that its arguments cause."""

    async def fail() -> None:
        raise LookupError("gone")

    async def main() -> None:
        with pytest.raises(tg.CallableFailed, match="gone") as caught:
            await ex.call(fail)
        assert isinstance(caught.value.__cause__, LookupError)
        with pytest.raises(tg.CallableFailed, match="TypeError"):
            await ex.call(fail, 5)  # type: ignore[call-overload]

    run(main())


def test_it_is_cancelled_at_its_deadline(run: Any, ex: tg.Executor, tools: Any) -> None:
    """[Q1] The task sees the cancel, the caller the default."""
    begun, seen = [], []

    async def work() -> None:
        begun.append(True)
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        for timeout in tools.GROWING:
            answer = await ex.call(work, timeout=timeout, default="default")
            assert answer.value == "default"
            assert isinstance(answer.reason, tg.Timeout)
            if begun:
                break
        await tools.eventually_in_loop(lambda: bool(seen))

    run(main())
    assert seen == ["cancelled"]


def test_a_task_that_does_not_obey_is_a_zombie(run: Any, ex: tg.Executor, tools: Any) -> None:
    """[Q1] Its caller is answered all the same, and its permit is back."""
    lane = ex.callables("stubborn", concurrency=1)

    async def main() -> None:
        release = asyncio.get_running_loop().create_future()

        begun = []

        async def stubborn() -> str:
            begun.append(True)
            while True:
                try:
                    return await asyncio.shield(release)
                except asyncio.CancelledError:
                    pass

        async def quick() -> str:
            return "quick"

        for timeout in tools.GROWING:
            late = ex.call(stubborn, timeout=timeout, default="default", lane=lane)
            assert (await late).value == "default"
            if begun:
                break
        assert (await ex.call(quick, lane=lane)).value == "quick"
        assert figures("stubborn")["zombies"] == 1
        release.set_result("late")
        await tools.eventually_in_loop(lambda: figures("stubborn")["zombies"] == 0)
        assert late.value == "default"

    run(main())


def test_no_more_run_than_there_are_permits(run: Any, ex: tg.Executor) -> None:
    """The next starts when one ends."""
    lane = ex.callables("narrow", concurrency=3)
    running = most = 0

    async def work(i: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return i

    async def main() -> None:
        answers = await asyncio.gather(*(ex.call(work, i, lane=lane) for i in range(50)))
        assert list(range(50)) == [answer.value for answer in answers]

    run(main())
    assert most == 3


def test_a_permit_of_another_lane_is_noticed(run: Any, cars: Any, tools: SimpleNamespace) -> None:
    """The executor's bound is common to all lanes, so whoever gives one back may be a thread."""
    gate = tools.Gate()

    async def work() -> str:
        return "ran"

    with tg.Executor(max_running=1) as ex:

        async def main() -> None:
            blocking = ex.call(gate)
            gate.await_begun()
            waiting = ex.call(work)
            assert not waiting.done
            gate.open.set()
            assert (await waiting).value == "ran"
            await blocking

        run(main())


def test_cancelling_the_caller_cancels_the_task(run: Any, ex: tg.Executor, tools: Any) -> None:
    """[A2] As for a query."""
    begun, seen = [], []

    async def work() -> None:
        begun.append(True)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("ended")

    async def main() -> None:
        async def wait() -> None:
            await ex.call(work)

        task = asyncio.create_task(wait())
        await tools.eventually_in_loop(lambda: bool(begun))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await tools.eventually_in_loop(lambda: bool(seen))

    run(main())


def test_two_loops_share_the_permits(run: Any, ex: tg.Executor) -> None:
    """[A1] Each task runs on the loop that asked for it."""
    lane = ex.callables("shared", concurrency=1)
    wrong = []

    async def work(thread: threading.Thread) -> None:
        await asyncio.sleep(0)
        if threading.current_thread() is not thread:
            wrong.append(thread)

    async def main() -> None:
        me = threading.current_thread()
        await asyncio.gather(*(ex.call(work, me, timeout=3600, lane=lane) for _ in range(100)))

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []


def test_the_callers_context_is_the_tasks(run: Any, ex: tg.Executor) -> None:
    """Captured at the call."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    async def look() -> str:
        seen = variable.get()
        variable.set("inner")
        return seen

    async def main() -> None:
        variable.set("outer")
        operation = ex.call(look)
        variable.set("later")
        assert (await operation).value == "outer"
        assert variable.get() == "later"

    run(main())


def test_a_loop_that_closes_frees_the_permit(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """[A1] A task that is destroyed while it runs ends its call."""
    lane = ex.callables("closed", concurrency=1)

    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        _ = ex.call(work, timeout=3600, lane=lane)
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        del task
    loop.close()
    del loop
    gc.collect()

    tools.eventually(lambda: figures("closed")["running"] == 0)


def test_asyncio_run_cancels_what_still_runs(run: Any, ex: tg.Executor) -> None:
    """[A1] The end of the loop is the end of its calls."""
    lane = ex.callables("ended")
    operations = []

    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        operations.append(ex.call(work, lane=lane))
        await asyncio.sleep(0)

    run(main())

    assert isinstance(operations[0].error, tg.Cancelled)
    assert figures("ended")["running"] + figures("ended")["zombies"] == 0


def test_callable_objects_and_partials_count_as_coroutine_functions(
    run: Any, ex: tg.Executor
) -> None:
    """What makes a coroutine when called is run as one."""
    import functools

    class Work:
        async def __call__(self, x: int) -> int:
            return x

    async def plain(x: int, y: int) -> int:
        return x + y

    async def main() -> None:
        assert (await ex.call(Work(), 3)).value == 3
        assert (await ex.call(functools.partial(plain, 3), 4)).value == 7

    run(main())


def test_nothing_is_kept_of_what_has_ended(run: Any, ex: tg.Executor) -> None:
    """Neither arguments nor values."""

    class Thing:
        pass

    async def work(thing: Thing) -> Thing:
        await asyncio.sleep(0)
        return thing

    async def main() -> None:
        thing = Thing()
        alive = weakref.ref(thing)
        await ex.call(work, thing)
        del thing
        await asyncio.sleep(0)
        gc.collect()
        assert alive() is None

    run(main())
