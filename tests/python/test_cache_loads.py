"""The loads of a cache: one for all who want a key, stale values where it fails or is late."""

import asyncio
import contextvars
import gc
import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg


def test_a_loader_fills_the_cache(cache: tg.Cache[Any]) -> None:
    """Fresh by its load, then cached, without another."""
    thing = object()
    first = cache.get_or_load("k", lambda: thing).result()
    again = cache.get_or_load("k", lambda: pytest.fail("loaded twice"))

    assert (first.value is thing, first.source, first.age) == (True, "fresh", 0)
    assert first.timings is not None
    assert again.done
    assert again.value is thing
    assert again.source == "cached"


async def test_a_coroutine_loads_on_its_loop(cache: tg.Cache[Any]) -> None:
    thread = threading.current_thread()

    async def load() -> Any:
        await asyncio.sleep(0)
        return threading.current_thread()

    answer = await cache.get_or_load("k", load)
    assert answer.value is thread
    assert (await cache.get_or_load("k", load)).source == "cached"


def test_a_loader_runs_in_its_caller_s_context(cache: tg.Cache[Any], run: Any) -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def load() -> str:
        return variable.get()

    async def main() -> str:
        variable.set("task's")
        return str((await cache.get_or_load("coroutine", load)).value)

    variable.set("thread's")
    assert cache.get_or_load("function", variable.get).result().value == "thread's"
    assert run(main()) == "task's"


def test_a_loader_may_take_its_load(cache: tg.Cache[Any], run: Any) -> None:
    """It knows the key as it was given, and says how long the value lives."""

    def load(context: tg.LoadContext) -> Any:
        context.ttl("7d")
        context.stale_for("30d")
        context.ttl(0)
        assert not context.stopped
        assert context.deadline > 0
        return context.key

    async def load_async(context: tg.LoadContext) -> Any:
        return load(context)

    async def main() -> Any:
        return (await cache.get_or_load(("b", 2), load_async)).value

    key = ("a", 1)
    assert cache.get_or_load(key, load).result().value is key
    assert run(main()) == ("b", 2)
    for loaded in (key, ("b", 2)):
        found = cache.peek(loaded)
        assert found is not None
        assert found.source == "stale"


def test_what_a_loader_says_of_its_value_counts(cache: tg.Cache[Any]) -> None:
    def negative(context: tg.LoadContext) -> None:
        context.ttl(0)
        context.negative()

    def uncached(context: tg.LoadContext) -> int:
        context.uncached()
        return 1

    def heavy(context: tg.LoadContext) -> int:
        context.weight(1 << 40)
        return 2

    assert cache.get_or_load("negative", negative).result().value is None
    assert cache.peek("negative") is None  # never stale
    assert cache.get_or_load("uncached", uncached).result().value == 1
    assert cache.peek("uncached") is None
    answer = cache.get_or_load("heavy", heavy).result()
    assert (answer.value, answer.version) == (2, 0)
    assert cache.put("heavy", 3, weight=1 << 40) == 0
    assert len(cache) == 0


def test_a_fallback_is_marked_and_not_kept(cache: tg.Cache[Any], run: Any) -> None:
    """A stale value is better; the reason is the loader's."""

    def load(context: tg.LoadContext) -> str:
        context.degraded(tg.EngineUnavailable("the bank is away"))
        return "fallback"

    async def load_async(context: tg.LoadContext) -> str:
        context.degraded()
        return "fallback"

    async def main() -> tg.Answer[Any]:
        return await cache.get_or_load("k", load_async)

    answers = [cache.get_or_load("k", load).result(), run(main())]
    for answer, cause in zip(answers, ("engine_unavailable", "callable_failed"), strict=True):
        assert (answer.value, answer.source, answer.degraded) == ("fallback", "default", True)
        assert answer.version == 0
        assert answer.reason is not None
        assert answer.reason.cause == cause
    assert len(cache) == 0
    cache.put("other", "stale", ttl=0)
    answer = cache.get_or_load("other", load).result()
    assert (answer.value, answer.source) == ("stale", "stale")
    assert "the bank is away" in str(answer.reason)


@pytest.mark.parametrize("count", [1000])
def test_a_thousand_tasks_share_one_load(cache: tg.Cache[Any], run: Any, count: int) -> None:
    loads = []

    async def load() -> Any:
        loads.append(1)
        await asyncio.sleep(0)
        return object()

    async def main() -> None:
        answers = await asyncio.gather(*(cache.get_or_load("k", load) for _ in range(count)))
        assert len({id(answer.value) for answer in answers}) == 1

    run(main())
    assert len(loads) == 1


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.deep)])
@pytest.mark.timeout(300)
def test_a_thousand_threads_share_one_load(tools: SimpleNamespace, count: int) -> None:
    cache: tg.Cache[Any] = tg.Cache("threads", load_timeout=300)
    gate = tools.Gate()
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.get_or_load("k", gate).result().value))
        for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    gate.await_begun()
    gate.open.set()
    for thread in threads:
        thread.join()

    assert found == ["through"] * count
    assert not gate.begun.acquire(blocking=False)


def test_an_exception_reaches_all_who_wait(cache: tg.Cache[Any], tools: SimpleNamespace) -> None:
    """One exception object is the cause of every failure."""
    gate = tools.Gate()

    def load() -> None:
        gate()
        raise LookupError("gone")

    operations = [cache.get_or_load("k", load) for _ in range(3)]
    gate.open.set()
    causes = []
    for operation in operations:
        with pytest.raises(tg.CallableFailed, match="LookupError: gone") as caught:
            operation.result()
        causes.append(caught.value.__cause__)

    assert isinstance(causes[0], LookupError)
    assert causes[0].__traceback__ is not None
    assert causes == [causes[0]] * 3


def test_a_value_that_cannot_be_weighed_fails_its_load(cache: tg.Cache[Any], run: Any) -> None:
    """As what the loader raises would, and no thread ends by it."""

    class Heavy:
        def __sizeof__(self) -> int:
            raise LookupError("no scales")

    async def load() -> Heavy:
        return Heavy()

    async def main() -> None:
        await cache.get_or_load("coroutine", load)

    for ask in (lambda: cache.get_or_load("k", Heavy).result(), lambda: run(main())):
        with pytest.raises(tg.CallableFailed, match="LookupError: no scales") as caught:
            ask()
        assert isinstance(caught.value.__cause__, LookupError)


async def test_an_exception_of_a_coroutine_is_chained(cache: tg.Cache[Any]) -> None:
    async def load() -> None:
        raise LookupError("gone")

    with pytest.raises(tg.CallableFailed, match="LookupError: gone") as caught:
        await cache.get_or_load("k", load)
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_failed_load_is_answered_with_the_stale_value(cache: tg.Cache[Any]) -> None:
    """The reason is the failure, with what was raised behind it."""

    def load() -> None:
        raise LookupError("gone")

    cache.put("k", 1, ttl=0)
    answer = cache.get_or_load("k", load).result()

    assert (answer.value, answer.source, answer.degraded) == (1, "stale", True)
    assert isinstance(answer.reason, tg.CallableFailed)
    assert isinstance(answer.reason.__cause__, LookupError)


def test_a_late_load_is_answered_with_the_stale_value(
    cache: tg.Cache[Any], tools: SimpleNamespace
) -> None:
    """And stores its own when it comes."""
    gate = tools.Gate()
    cache.put("k", 1, ttl=0)
    answer = cache.get_or_load("k", gate, soft_timeout=0).result()
    assert (answer.value, answer.source) == (1, "stale")
    assert isinstance(answer.reason, tg.Timeout)

    gate.open.set()
    tools.eventually(lambda: cache.get("k") == "through")


def test_a_failure_is_remembered_if_it_shall(tools: SimpleNamespace) -> None:
    cache: tg.Cache[Any] = tg.Cache("remembers", error_ttl="1m")
    calls = []

    def load() -> None:
        calls.append(1)
        raise LookupError

    for _ in range(3):
        with pytest.raises(tg.CallableFailed):
            cache.get_or_load("k", load).result()
    assert len(calls) == 1


@pytest.mark.parametrize("takes_context", [True, False])
def test_a_failed_load_keeps_nothing_alive(
    cache: tg.Cache[Any], tools: SimpleNamespace, run: Any, takes_context: bool
) -> None:
    """Its exception has frames that know of the load, which must not know of it any more."""

    class Thing:
        pass

    def fail() -> None:
        thing = Thing()
        things.append(weakref.ref(thing))
        raise LookupError("gone")

    def load(*_: Any) -> None:
        fail()

    async def load_async(*_: Any) -> None:
        fail()

    def load_with(context: tg.LoadContext) -> None:
        fail()

    async def load_async_with(context: tg.LoadContext) -> None:
        fail()

    def is_gone() -> bool:
        cache.get("other")  # what the cache's own thread let go of goes at the next use
        gc.collect()
        return things[0]() is None

    async def main() -> None:
        with pytest.raises(tg.CallableFailed):
            await cache.get_or_load("k", load_async_with if takes_context else load_async)
        await tools.eventually_in_loop(is_gone)

    things: list[weakref.ref[Thing]] = []
    run(main())
    things.clear()
    loader: Any = load_with if takes_context else load
    with pytest.raises(tg.CallableFailed):
        cache.get_or_load("k", loader).result()
    tools.eventually(is_gone)


@pytest.mark.parametrize("plain", [True, False])
def test_a_remembered_failure_keeps_nothing_of_the_user_s_alive(
    tools: SimpleNamespace, plain: bool
) -> None:
    """With its exception where that carries plain values, else with its text alone."""
    cache: tg.Cache[Any] = tg.Cache("keeps nothing", error_ttl="1h")

    class Thing:
        pass

    def load() -> None:
        thing = Thing()
        things.append(weakref.ref(thing))
        raise LookupError("gone" if plain else thing)

    def fail() -> Any:
        with pytest.raises(tg.CallableFailed) as caught:
            cache.get_or_load("k", load).result()
        return caught.value

    things: list[weakref.ref[Thing]] = []
    assert isinstance(fail().__cause__, LookupError)

    def is_gone() -> bool:
        cache.get("other")  # what the cache's own thread let go of goes at the next use
        gc.collect()
        return things[0]() is None

    tools.eventually(is_gone)
    again, and_again = fail(), fail()
    assert len(things) == 1
    assert str(again).startswith("LookupError: ")
    if plain:
        assert [repr(one.__cause__) for one in (again, and_again)] == ["LookupError('gone')"] * 2
        assert again.__cause__ is not and_again.__cause__
    else:
        assert again.__cause__ is None


async def test_a_cancelled_caller_leaves_the_load_alone(cache: tg.Cache[Any]) -> None:
    """Also the first, whose loader it is."""
    gate = asyncio.Event()
    begun = asyncio.Event()

    async def load() -> str:
        begun.set()
        await gate.wait()
        return "loaded"

    async def ask() -> Any:
        return await cache.get_or_load("k", load)

    first = asyncio.create_task(ask())
    await begun.wait()
    second = asyncio.create_task(ask())
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    gate.set()
    assert (await second).value == "loaded"


def test_a_caller_s_timeout_leaves_the_load_alone(
    cache: tg.Cache[Any], tools: SimpleNamespace
) -> None:
    gate = tools.Gate()
    late = cache.get_or_load("k", gate, timeout=0.001)
    patient = cache.get_or_load("k", gate)
    with pytest.raises(tg.Timeout):
        late.result()
    gate.open.set()

    assert patient.result().value == "through"


def test_a_page_s_deadline_counts(cache: tg.Cache[Any], tools: SimpleNamespace) -> None:
    gate = tools.Gate()
    with tg.page(0.001) as page:
        operation = page.add(cache.get_or_load("k", gate, timeout=60))
    assert isinstance(operation.error, tg.Timeout)
    gate.open.set()


def test_a_loader_is_not_bound_by_its_caller_s_page(
    cache: tg.Cache[Any], ex: tg.Executor, run: Any
) -> None:
    """What it starts ends by the load's deadline; others may want the value."""

    def deadline() -> float:
        return ex.call(int)._deadline

    async def deadline_async() -> float:
        return deadline()

    async def main() -> Any:
        async with tg.page(8) as page:
            answer = await cache.get_or_load("coroutine", deadline_async)
            return page.deadline, answer.value

    with tg.page(8) as page:
        assert cache.get_or_load("function", deadline).result().value > page.deadline + 5
    outer, inner = run(main())
    assert inner > outer + 5


def test_a_loader_is_told_that_it_is_given_up(tools: SimpleNamespace) -> None:
    cache: tg.Cache[Any] = tg.Cache("impatient", load_timeout=0.01)
    begun = threading.Event()

    def load(context: tg.LoadContext) -> str:
        begun.set()
        tools.eventually(lambda: context.stopped)
        return "late"

    while not begun.is_set():  # its time may be over before there is a thread
        with pytest.raises(tg.Timeout):
            cache.get_or_load("k", load).result()
    tools.eventually(lambda: cache.get("k") == "late", "what comes late is kept all the same")


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_a_load_fails_when_its_loop_closes(
    cache: tg.Cache[Any], kind: str, tools: SimpleNamespace
) -> None:
    """Whoever waits elsewhere is told, and the next load begins anew."""
    uvloop = pytest.importorskip("uvloop")
    loop = asyncio.new_event_loop() if kind == "asyncio" else uvloop.new_event_loop()
    begun = asyncio.Event()

    async def load() -> None:
        begun.set()
        await loop.create_future()

    async def ask() -> Any:
        operation = cache.get_or_load("k", load)
        await begun.wait()
        return operation

    first = loop.run_until_complete(ask())
    second = cache.get_or_load("k", lambda: 1)
    loop.close()
    for operation in (first, second):
        with pytest.raises(tg.Cancelled, match="loop of the loader was closed"):
            operation.result(20)
    assert cache.get_or_load("k", lambda: 2).result(20).value == 2


def test_a_load_fails_whose_loop_closes_before_it_begins(cache: tg.Cache[Any]) -> None:
    loop = asyncio.new_event_loop()

    async def load() -> None:
        pytest.fail("it never ran")

    async def ask() -> Any:
        return cache.get_or_load("k", load)

    operation = loop.run_until_complete(ask())
    loop.close()
    with pytest.raises(tg.Cancelled):
        operation.result(20)


def test_tasks_that_end_with_their_loop_fail_the_load(cache: tg.Cache[Any], run: Any) -> None:
    async def load() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> Any:
        task = asyncio.ensure_future(cache.get_or_load("k", load))
        await asyncio.sleep(0)
        return cache.get_or_load("k", load), task

    operation, _ = run(main())
    with pytest.raises(tg.Cancelled):
        operation.result(20)


def test_stuck_loaders_give_their_permits_back(tools: SimpleNamespace) -> None:
    """A load that is given up holds up no other."""
    cache: tg.Cache[Any] = tg.Cache("hung", loaders=1, load_timeout=0.01)
    gate = tools.Gate()
    for key in range(2):
        with pytest.raises(tg.Timeout):
            cache.get_or_load(key, gate).result()
    patient: tg.Cache[Any] = tg.Cache("hung", loaders=1)
    assert patient.get_or_load("k", lambda: 1).result().value == 1
    gate.open.set()


def test_no_more_loaders_run_than_may(tools: SimpleNamespace) -> None:
    cache: tg.Cache[Any] = tg.Cache("bounded", loaders=2)
    gate = tools.Gate()
    operations = [cache.get_or_load(key, gate) for key in range(5)]
    gate.await_begun(2)
    assert not gate.begun.acquire(blocking=False)
    gate.open.set()
    for operation in operations:
        assert operation.result().value == "through"


def test_one_call_is_one_hit(tools: SimpleNamespace) -> None:
    """Also where it is time to load ahead, and it looks more than once."""
    gate = tools.Gate()
    cache: tg.Cache[Any] = tg.Cache("one hit", refresh_ahead=1e-9, jitter=0)
    cache.put("k", "old", ttl=3600)
    tools.eventually(lambda: (found := cache.peek("k")) is not None and found.age > 0.001)
    for _ in range(3):
        before = cache.stats().hits
        assert cache.get_or_load("k", gate).value == "old"
        assert cache.stats().hits == before + 1
    assert cache.stats().misses == 0
    gate.open.set()


def test_refresh_ahead_answers_at_once_and_loads_behind(tools: SimpleNamespace) -> None:
    cache: tg.Cache[Any] = tg.Cache("ahead", refresh_ahead=1e-9, jitter=0)
    cache.put("k", "old", ttl=3600)
    tools.eventually(lambda: (found := cache.peek("k")) is not None and found.age > 0)
    operation = cache.get_or_load("k", lambda: "new")

    assert operation.done
    assert operation.value == "old"
    tools.eventually(lambda: cache.get("k") == "new")
