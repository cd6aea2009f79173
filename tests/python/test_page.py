"""Many calls under one deadline."""

import asyncio
import threading
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def test_a_page_is_left_when_all_have_ended(run: Any, db: tg.Database) -> None:
    """Every call has its own answer."""

    async def main() -> None:
        async with tg.page(18) as page:
            good = page.query(db, "SELECT count(*) AS n FROM cars", label="good")
            bad = page.query(db, "SELEC 1", label="bad")
            saved = page.query(db, "SELEC 1", default=[], label="saved")
        assert good.value == [{"n": 3}]
        assert [bad.ok, saved.ok] == [False, True]
        assert page.partial
        assert page.sources() == {"good": "fresh", "bad": "error", "saved": "default"}

    run(main())


def test_a_page_works_in_synchronous_code(db: tg.Database) -> None:
    """The same, with with."""
    with tg.page("5s") as page:
        rows = [page.query(db, "SELECT ? AS v", [i]) for i in range(20)]

    assert list(range(20)) == [row.value[0]["v"] for row in rows]
    assert not page.partial


def test_no_call_outlives_the_page(run: Any, db: tg.Database, tools: SimpleNamespace) -> None:
    """[Q2] Many that are late together cost the page's deadline, which is their reason."""

    async def main() -> None:
        async with tg.page(0.2) as page:
            late = [page.query(db, tools.ENDLESS, timeout=15, default=None) for _ in range(10)]
        assert all(operation.done for operation in late)
        assert {"default"} == set(page.sources().values())
        assert all(isinstance(operation.error, tg.Timeout) for operation in late)

    run(main())


def test_what_is_asked_inside_inherits_the_deadline(
    run: Any, ex: tg.Executor, db: tg.Database, tools: SimpleNamespace
) -> None:
    """In whatever function, task or call; not after the page was left."""

    async def deep() -> tg.Operation[Any]:
        return db.query("SELECT 1")

    async def main() -> None:
        async with tg.page(9) as page:
            direct = db.query("SELECT 1")
            in_task = await asyncio.create_task(deep())
            in_call = (await ex.call(lambda: db.query("SELECT 1"))).value
            context_of_a_task = asyncio.create_task(later(left := asyncio.Event()))
        for operation in (direct, in_task, in_call):
            assert operation._deadline == pytest.approx(page.deadline, abs=1e-6)
        left.set()
        assert (await context_of_a_task)._deadline > page.deadline + 5
        assert db.query("SELECT 1")._deadline > page.deadline + 5

    async def later(left: asyncio.Event) -> tg.Operation[Any]:
        await left.wait()
        return db.query("SELECT 1")

    run(main())


def test_a_page_inside_a_page_ends_with_it(run: Any) -> None:
    """The earlier deadline counts."""

    async def main() -> None:
        async with tg.page(5) as outer:
            async with tg.page(60) as inner:
                assert inner.deadline == outer.deadline
            async with tg.page(1) as shorter:
                assert shorter.deadline < outer.deadline

    run(main())


def test_an_operation_from_outside_may_be_added(
    run: Any, ex: tg.Executor, tools: SimpleNamespace
) -> None:
    """Leaving the page gives it up at the page's deadline, whatever its own is."""
    gate = tools.Gate()

    async def main() -> None:
        stranger = ex.call(gate, timeout=60)
        async with tg.page(0.05) as page:
            assert page.add(stranger) is stranger
        assert stranger.done
        assert monotonic() >= page.deadline

    run(main())
    stranger = ex.call(gate, timeout=60)
    with tg.page(0.05) as page:
        page.add(stranger)
    assert stranger.done
    gate.open.set()


def test_what_is_no_operation_is_refused(run: Any) -> None:
    """With a hint."""

    async def main() -> None:
        async with tg.page(1) as page:
            with pytest.raises(tg.InvalidArgument, match="operations"):
                page.add("nothing")  # type: ignore[arg-type]

    run(main())


def test_an_exception_leaves_the_page_at_once(
    run: Any, db: tg.Database, tools: SimpleNamespace
) -> None:
    """Its calls are cancelled, not awaited."""
    operations = []

    async def main() -> None:
        async with tg.page(30) as page:
            operations.append(page.query(db, tools.ENDLESS))
            raise LookupError

    with pytest.raises(LookupError):
        run(main())

    def synchronous() -> None:
        with tg.page(30) as page:
            operations.append(page.query(db, tools.ENDLESS))
            raise LookupError

    with pytest.raises(LookupError):
        synchronous()

    assert all(isinstance(operation.error, tg.Cancelled) for operation in operations)


def test_a_cancelled_task_cancels_its_page(
    run: Any, db: tg.Database, tools: SimpleNamespace
) -> None:
    """[A2] All of the calls, not only the one that is being awaited."""
    operations = []

    async def work(entered: asyncio.Event) -> None:
        async with tg.page(30) as page:
            operations.extend(page.query(db, tools.ENDLESS) for _ in range(3))
            entered.set()

    async def main() -> None:
        entered = asyncio.Event()
        task = asyncio.create_task(work(entered))
        await entered.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert all(isinstance(operation.error, tg.Cancelled) for operation in operations)


def test_pages_of_several_tasks_are_independent(run: Any, db: tg.Database) -> None:
    """The current page belongs to the task."""

    async def work(timeout: float) -> None:
        async with tg.page(timeout) as page:
            await asyncio.sleep(0)
            assert db.query("SELECT 1")._deadline == pytest.approx(page.deadline, abs=1e-6)

    async def main() -> None:
        await asyncio.gather(*(work(1 + i / 10) for i in range(20)))

    run(main())


def test_pages_of_several_threads_are_independent(db: tg.Database) -> None:
    """And to the thread."""
    failures = []

    def work(timeout: float) -> None:
        try:
            with tg.page(timeout) as page:
                operation = page.query(db, "SELECT 1")
            assert operation._deadline == pytest.approx(page.deadline, abs=1e-6)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(5 + i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert failures == []


def test_equal_labels_are_told_apart(db: tg.Database) -> None:
    """And calls without one have their number."""
    with tg.page(5) as page:
        for label in ("a", "a", ""):
            page.query(db, "SELECT 1", label=label)

    assert list(page.sources()) == ["a", "a#2", "3"]


def test_a_page_is_entered_once() -> None:
    """Its deadline would be the old one."""
    page = tg.page(5)
    with page:
        pass
    with pytest.raises(RuntimeError, match="once"), page:
        pass
