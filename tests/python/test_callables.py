"""Python functions on the lane's threads."""

import contextvars
import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def figures(name: str) -> Any:
    return tg.stats()["executor"][name]


def test_a_function_is_called_on_another_thread(ex: tg.Executor) -> None:
    """Its value is the answer's, the same object."""
    value = object()
    answer = ex.call(lambda x: (x, threading.current_thread()), value).result()

    assert answer.value[0] is value
    assert answer.value[1] is not threading.current_thread()
    assert answer.value[1].daemon
    assert answer.value[1].name.startswith("tidegate-")
    assert answer.timings is not None


def test_an_exception_is_chained(ex: tg.Executor) -> None:
    """[Q7] The operation fails with CallableFailed; its cause is what was raised."""

    def fail() -> None:
        raise LookupError("gone")

    operation = ex.call(fail)
    with pytest.raises(tg.CallableFailed, match="LookupError: gone") as caught:
        operation.result()

    assert isinstance(caught.value.__cause__, LookupError)
    assert caught.value.__cause__.__traceback__ is not None
    assert isinstance(operation.error, tg.CallableFailed)
    assert isinstance(operation.error.__cause__, LookupError)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_even_what_is_no_exception_is_caught(ex: tg.Executor, kind: Any) -> None:
    """[Q7] A thread of the lane survives whatever a function raises."""

    def fail() -> None:
        raise kind

    assert ex.call(fail, default="caught").result().value == "caught"
    assert ex.call(lambda: 2).result().value == 2


def test_an_exception_whose_text_fails_is_caught(ex: tg.Executor) -> None:
    """[Q7] The message then says so."""

    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def fail() -> None:
        raise BrokenError

    with pytest.raises(tg.CallableFailed, match="Broken"):
        ex.call(fail).result()


def test_a_default_stands_in_for_an_exception(ex: tg.Executor) -> None:
    """As for queries."""
    answer = ex.call(lambda: 1 / 0, default=lambda error: type(error.__cause__)).result()

    assert (ZeroDivisionError, "default") == (answer.value, answer.source)


def test_the_callers_context_is_the_functions(ex: tg.Executor) -> None:
    """Captured at the call, and not changed by it."""
    variable = contextvars.ContextVar("variable", default="unset")
    variable.set("outer")

    def look() -> str:
        seen = variable.get()
        variable.set("inner")
        return seen

    operation = ex.call(look)
    variable.set("later")

    assert operation.result().value == "outer"
    assert variable.get() == "later"


def test_a_stuck_function_gives_its_permit_back(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """[Q1] At the deadline; it is a zombie until it returns, and its result is dropped."""
    gate = tools.Gate()
    lane = ex.callables("stuck", concurrency=1)
    for timeout in tools.GROWING:
        stuck = ex.call(gate, "late", timeout=timeout, default="default", lane=lane)
        next_ = ex.call(lambda: "next", timeout=timeout + 20, lane="stuck")
        assert stuck.result().value == "default"
        assert next_.result().value == "next"
        if gate.begun.acquire(blocking=False):  # else it was given up before it ran
            break
    tools.eventually(lambda: figures("stuck")["zombies"] == 1)
    gate.open.set()
    tools.eventually(lambda: figures("stuck")["zombies"] == 0)
    assert figures("stuck")["late_results"] >= 1
    assert stuck.value == "default"


def test_stuck_functions_are_bounded(tools: SimpleNamespace) -> None:
    """[Q1] Past the ceiling calls are refused at once, and there are no more threads either."""
    gate = tools.Gate()
    with tg.Executor(zombies_per_permit=2) as ex:
        lane = ex.callables("bounded", concurrency=2)
        refused, timeouts = 0, [timeout for timeout in (0.01, *tools.GROWING) for _ in range(30)]
        for number, timeout in enumerate(timeouts):
            if refused and number >= 30:
                break
            operation = ex.call(gate, timeout=timeout, lane=lane)
            with pytest.raises(tg.Error):
                operation.result()
            assert operation.error is not None
            refused += operation.error.cause == "saturated"
        now = figures("bounded")
        gate.open.set()

    assert refused > 0
    assert now["zombies"] <= 2 + 4
    assert now["threads"] <= 2 + 4 + 1


def test_late_together_is_late_once(tools: SimpleNamespace) -> None:
    """[Q2] Eight of ten that hang cost their deadline, not the sum of their deadlines."""

    def attempt() -> bool:
        gate = tools.Gate()
        with tg.Executor() as ex:
            lane = ex.callables("page", concurrency=10)
            with tg.page("500ms") as page:
                for _ in range(8):
                    page.add(ex.call(gate, lane=lane))
                for i in range(2):
                    page.add(ex.call(lambda x: x, i, lane=lane))
            timings = [operation.timings for operation in page.operations]
            gate.open.set()
        sources = list(page.sources().values())
        settled = [t.settled_at for t in timings if t is not None]
        assert sources[:8] == ["error"] * 8
        return sources[8:] == ["fresh"] * 2 and max(settled) - page.deadline < 0.5

    tools.one_of_three(attempt)


def test_a_late_result_is_dropped(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """[Q4] Nothing keeps it."""

    class Thing:
        pass

    gate = tools.Gate()
    made: list[Any] = []

    def late() -> Thing:
        gate()
        thing = Thing()
        made.append(weakref.ref(thing))
        return thing

    lane = ex.callables("late")
    for timeout in tools.GROWING:
        operation = ex.call(late, timeout=timeout, default=None, lane=lane)
        operation.result()
        if gate.begun.acquire(blocking=False):  # else it was given up before it ran
            break
    gate.open.set()
    tools.eventually(lambda: figures("late")["late_results"] > 0)
    tools.eventually(lambda: made and made[0]() is None)

    assert operation.value is None


def test_a_cancelled_call_that_waits_never_runs(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """And what it would have called is let go."""

    class Thing:
        def __call__(self) -> None:
            raise AssertionError

    gate = tools.Gate()
    lane = ex.callables("queue", concurrency=1)
    running = ex.call(gate, lane=lane)
    gate.await_begun()
    thing = Thing()
    alive = weakref.ref(thing)
    waiting = ex.call(thing, lane=lane)
    del thing
    waiting.cancel()
    assert isinstance(waiting.error, tg.Cancelled)
    gate.open.set()

    assert running.result().value == "through"
    gc.collect()
    assert alive() is None


def test_functions_run_side_by_side(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """As many as the lane has permits."""
    gate = tools.Gate()
    lane = ex.callables("wide", concurrency=5)
    operations = [ex.call(gate, i, lane=lane) for i in range(12)]
    gate.await_begun(5)

    assert (figures("wide")["running"], figures("wide")["queued"]) == (5, 7)
    gate.open.set()
    assert list(range(12)) == [operation.result().value for operation in operations]


def test_threads_go_with_the_executor(tools: SimpleNamespace) -> None:
    """Dropping it ends them; no name of it is kept."""
    ex = tg.Executor()
    thread = ex.call(threading.current_thread).result().value
    del ex
    gc.collect()
    thread.join(10)

    assert not thread.is_alive()


def test_a_process_without_threads_says_so(
    ex: tg.Executor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The call fails at once, not at its deadline, and works when there are threads again."""

    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        operations = [ex.call(int, lane="none") for _ in range(40)]
        for operation in operations:
            assert operation.done
            assert isinstance(operation.error, tg.LocalResourceError)
    assert "can't start new thread" in caplog.text
    assert ex.call(int, lane="none").result(20).value == 0


def test_what_is_no_function_is_refused(ex: tg.Executor) -> None:
    """At once."""
    with pytest.raises(tg.InvalidArgument, match="fn"):
        ex.call(5)  # type: ignore[call-overload]


def test_a_coroutine_made_by_a_function_is_refused(ex: tg.Executor) -> None:
    """It would never be awaited."""

    async def work() -> int:
        return 1

    with pytest.raises(tg.CallableFailed, match="coroutine function itself"):
        ex.call(lambda: work()).result()
    with pytest.raises(tg.InvalidArgument, match="running event loop"):
        ex.call(work)


def test_idle_threads_keep_nothing(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """Neither the function nor its value lives on in them."""

    class Thing:
        def __call__(self) -> Any:
            return self

    thing = Thing()
    alive = weakref.ref(thing)
    assert ex.call(thing).result().value is thing
    del thing

    # The thread may hold it a moment longer than its caller waits.
    tools.eventually(lambda: gc.collect() >= 0 and alive() is None)
