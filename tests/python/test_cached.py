"""The decorator: one key for one call, bare values, and a fresh hit without a task."""

import asyncio
import dataclasses
import datetime
import functools
import gc
import inspect
import pickle
import threading
import traceback
import weakref
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg

calls: list[Any] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:
    calls.clear()


@tg.cached(ttl=60)
def module_level(a: int) -> int:
    """Its docstring."""
    return a


def test_a_call_is_bound_to_the_signature() -> None:
    """However its arguments are given, and whichever are defaults."""

    @tg.cached()
    def f(a: Any, b: Any = 2, /, c: Any = 3, *, d: Any = 4, **more: Any) -> object:
        calls.append((a, b, c, d, more))
        return object()

    first = f(1)
    assert f(1, 2) is first
    assert f(1, 2, 3) is first
    assert f(1, c=3) is first
    assert f(1, 2, d=4) is first
    assert calls == [(1, 2, 3, 4, {})]
    others = [f(2), f(1, 3), f(1, 2, 4), f(1, d=5), f(1, e=5), f(1, e=6), f("1"), f(1.0), f(True)]
    assert len({id(other) for other in [first, *others]}) == 10


def test_any_number_of_arguments_is_one_key() -> None:
    @tg.cached()
    def f(a: Any, *rest: Any, b: Any = 1) -> object:
        return object()

    assert f(1, 2, 3) is f(1, 2, 3, b=1)
    assert f(1, (2, 3)) is not f(1, 2, 3)
    assert f(a=1) is f(1)


def test_a_wrong_call_is_a_type_error() -> None:
    @tg.cached()
    def f(a: Any) -> None: ...

    for wrong in (lambda: f(), lambda: f(1, 2), lambda: f(b=1)):  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(TypeError, match=r"a builtins\.object can be no part"):
        f(object())


async def test_a_coroutine_function_is_cached() -> None:
    @tg.cached()
    async def f(a: Any) -> object:
        calls.append(a)
        await asyncio.sleep(0)
        return object()

    first = await f(1)
    assert await f(1) is first
    assert await f(a=1) is first
    assert calls == [1]


@pytest.mark.parametrize("value", [None, (), (1, 2), ValueError("a value"), StopIteration(1), []])
def test_a_ready_coroutine_is_one_everywhere(run: Any, value: Any) -> None:
    """For await, tasks, gather, wait_for and asyncio.run; and any number of times."""

    @tg.cached()
    async def f() -> Any:
        return value

    async def main() -> None:
        assert await f() is value
        ready = f()
        assert await ready is value
        assert await ready is value
        assert await asyncio.create_task(f()) is value
        assert (await asyncio.gather(f(), f()))[1] is value
        assert await asyncio.wait_for(f(), 20) is value
        f().close()
        assert isinstance(f(), Coroutine)
        with pytest.raises(LookupError):
            f().throw(LookupError())
        with pytest.raises(StopIteration) as stopped:
            f().send(None)
        assert stopped.value.value is value

    run(main())
    assert run(f()) is value


def test_a_coroutine_function_is_seen_to_be_one() -> None:
    async def f(a: int) -> int:
        return a

    made = tg.cached()(f)
    assert asyncio.iscoroutinefunction(made)
    assert inspect.iscoroutinefunction(made)
    assert inspect.signature(made) == inspect.signature(f)
    assert not asyncio.iscoroutinefunction(module_level)


def test_a_cached_coroutine_function_may_be_called_and_load(ex: tg.Executor, run: Any) -> None:
    """Also where it has the value already, and through a partial."""

    @tg.cached()
    async def f(a: int) -> list[int]:
        return [a]

    async def main() -> None:
        cache: tg.Cache[Any] = tg.Cache()
        for _ in range(2):
            assert (await ex.call(f, 1)).value == [1]
            assert (await ex.call(functools.partial(f, 1))).value == [1]
        cache.put("other", 0)
        assert (await cache.get_or_load("k", functools.partial(f, 1))).value == [1]
        assert (await tg.cached()(f)(1)) == [1]

    run(main())


def test_it_looks_like_the_function() -> None:
    assert module_level.__name__ == "module_level"
    assert module_level.__doc__ == "Its docstring."
    assert module_level.__wrapped__(1) == 1
    assert pickle.loads(pickle.dumps(module_level)) is module_level


def test_a_thousand_tasks_share_one_call(run: Any) -> None:
    @tg.cached()
    async def f() -> object:
        calls.append(1)
        await asyncio.sleep(0)
        return object()

    async def main() -> None:
        found = await asyncio.gather(*(f() for _ in range(1000)))
        assert len({id(one) for one in found}) == 1

    run(main())
    assert calls == [1]


def test_a_shared_exception_has_the_traceback_of_the_load(run: Any) -> None:
    """It does not grow with each who waits for it."""

    @tg.cached()
    async def f() -> None:
        calls.append(1)
        await asyncio.sleep(0)
        raise LookupError("gone")

    async def failure() -> list[str]:
        try:
            await f()
        except LookupError as error:
            return [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return []

    async def main() -> None:
        found = await asyncio.gather(*(failure() for _ in range(20)))
        assert calls == [1]
        assert len({tuple(names) for names in found}) == 1
        assert found[0][0] == "failure"
        assert found[0][-1] == "f"

    run(main())


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Nothing can be set on it."""

    what: str


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_that_refuses_attributes_comes_as_it_is(run: Any) -> None:
    """The thread of the loader goes on: the next call has it too."""

    @tg.cached()
    def f(what: str) -> None:
        raise FrozenError(what)

    @tg.cached()
    async def g(what: str) -> None:
        raise FrozenError(what)

    for ask in (f, lambda what: run(g(what))):
        for what in ("gone", "gone", "lost"):
            with pytest.raises(FrozenError) as caught:
                ask(what)
            assert caught.value == FrozenError(what)


def test_an_exception_of_a_load_can_be_pickled() -> None:
    """Nothing was set on it."""

    @tg.cached()
    def f() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError) as caught:
        f()
    assert vars(caught.value) == {}
    assert str(pickle.loads(pickle.dumps(caught.value))) == "gone"


class NoCarError(LookupError):
    """Its arguments are not those of its super()."""

    def __init__(self, number: int, *, made: datetime.date) -> None:
        super().__init__(f"there is no car {number}")
        calls.append("made")
        self.number = number
        self.made = made


@pytest.mark.parametrize(
    "raised",
    [
        lambda: NoCarError(7, made=datetime.date(1999, 1, 1)),
        lambda: FrozenError("gone"),
        lambda: KeyError("k"),
        lambda: FileNotFoundError(2, "none there", "path"),
        lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        lambda: tg.QueryError("no such table", elapsed=1.5),
    ],
    ids=lambda make: type(make()).__name__,
)
def test_a_remembered_exception_is_raised_as_it_was(run: Any, raised: Any) -> None:
    """Each time one of its own, so that what one caller adds nobody else has."""
    loads: list[BaseException] = []

    def fail() -> None:
        error = raised()
        error.__dict__["__notes__"] = ["of the loader"]
        loads.append(error)
        raise error

    @tg.cached(error_ttl="1h")
    def f() -> None:
        fail()

    @tg.cached(error_ttl="1h")
    async def g() -> None:
        fail()

    for ask in (f, lambda: run(g())):
        loads.clear()
        found = []
        for _ in range(3):
            with pytest.raises(type(raised())) as caught:
                ask()
            found.append(caught.value)
            assert vars(caught.value)["__notes__"] == ["of the loader"]
            vars(caught.value)["__notes__"].append("of a caller")
        assert len(loads) == 1
        assert found[0] is loads[0]
        assert len({id(one) for one in found}) == 3
        assert len({(str(one), one.args) for one in found}) == 1
        assert vars(found[1]) == vars(found[0])
        assert all(one.__cause__ is None for one in found)


def test_a_remembered_exception_is_not_made_by_the_user_s_code() -> None:
    @tg.cached(error_ttl="1h")
    def f() -> None:
        raise NoCarError(7, made=datetime.date(1999, 1, 1))

    for _ in range(3):
        with pytest.raises(NoCarError, match="there is no car 7"):
            f()
    assert calls == ["made"]


def test_a_remembered_exception_that_carries_more_is_told_by_its_text() -> None:
    @tg.cached(error_ttl="1h")
    def f() -> None:
        raise LookupError(object())

    with pytest.raises(LookupError):
        f()
    with pytest.raises(tg.CallableFailed, match="LookupError: <object") as caught:
        f()
    assert caught.value.__cause__ is None


def test_what_the_function_raises_comes_as_it_is() -> None:
    @tg.cached()
    def f() -> None:
        raise LookupError("gone")

    @tg.cached()
    async def g() -> None:
        raise LookupError("gone")

    async def main() -> None:
        await g()

    for ask in (f, lambda: asyncio.run(main())):
        with pytest.raises(LookupError, match="gone") as caught:
            ask()
        assert caught.value.__cause__ is None


def test_a_stale_value_is_served_where_the_function_fails() -> None:
    """Silently by the call, with its reason by answer()."""

    @tg.cached(ttl=0)
    def f() -> str:
        calls.append(1)
        if len(calls) > 1:
            raise LookupError("gone")
        return "old"

    assert [f(), f()] == ["old", "old"]
    answer = f.answer()
    assert (answer.value, answer.source) == ("old", "stale")
    assert isinstance(answer.reason, tg.CallableFailed)


def test_a_key_of_one_s_own() -> None:
    @tg.cached(key=lambda a, b: a)
    def f(a: Any, b: Any) -> object:
        return object()

    assert f(1, 2) is f(1, b=object())
    assert f(1, 2) is not f(2, 2)


def test_what_is_ignored_is_no_part_of_the_key() -> None:
    @tg.cached(ignore=("session",))
    def f(session: Any, a: Any, b: Any = 1) -> object:
        return object()

    assert f(object(), 1) is f(object(), 1, 1)
    assert f(object(), 1) is f(a=1, session=print)
    assert f(object(), 1) is not f(object(), 2)


def test_the_members_of_a_cached_function() -> None:
    @tg.cached()
    def f(a: int) -> list[int]:
        return [a]

    first = f(1)
    assert f.key(1) == f.key(a=1)
    assert f.cache.get(f.key(1)) is first
    assert f.answer(1).value is first
    assert f.refresh(1) is f(1)
    assert f(1) is not first
    assert f.invalidate(1)
    assert not f.invalidate(1)
    assert f.stats().puts == 2


async def test_the_members_of_a_cached_coroutine_function() -> None:
    @tg.cached()
    async def f(a: int) -> list[int]:
        return [a]

    first = await f(1)
    assert (await f.answer(1)).value is first
    assert await f.refresh(1) is await f(1)
    assert f.invalidate(1)
    assert f.cache.get(f.key(1)) is None


class Shop:
    def __init__(self, number: int) -> None:
        self.number = number

    def __cache_key__(self) -> int:
        return self.number

    @tg.cached()
    def price(self, make: str) -> object:
        return object()

    @tg.cached()
    async def stock(self, make: str) -> object:
        return object()

    @classmethod
    @tg.cached(ignore=("cls",))
    def of_class(cls, make: str) -> object:
        return object()

    @staticmethod
    @tg.cached()
    def of_none(make: str) -> object:
        return object()


class Anonymous:
    @tg.cached()
    def price(self) -> object:
        return object()

    @tg.cached(ignore="self")
    def shared(self) -> object:
        return object()


def test_methods() -> None:
    """The instance is a part of the key, by __cache_key__."""
    shop = Shop(1)
    assert shop.price("Audi") is shop.price("Audi")
    assert shop.price("Audi") is Shop(1).price(make="Audi")
    assert shop.price("Audi") is not Shop(2).price("Audi")
    assert Shop.price(shop, "Audi") is shop.price("Audi")
    assert Shop.of_class("Audi") is shop.of_class("Audi")
    assert Shop.of_none("Audi") is shop.of_none("Audi")
    assert Shop.price.invalidate(shop, "Audi")


async def test_methods_that_are_coroutines() -> None:
    shop = Shop(1)
    assert await shop.stock("Audi") is await shop.stock("Audi")


def test_a_method_without_a_key_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"Anonymous can be no part.*__cache_key__\(\).*ignore="):
        Anonymous().price()
    assert Anonymous().shared() is Anonymous().shared()


def test_decorators_in_the_wrong_order_are_refused() -> None:
    for outer in (classmethod, staticmethod):
        with pytest.raises(tg.InvalidArgument, match="above @cached"):
            tg.cached()(outer(print))


def test_functions_may_share_a_cache() -> None:
    """Each by its own name."""
    cache: tg.Cache[Any] = tg.Cache("shared by functions")

    @tg.cached(cache=cache, name="f")
    def f(a: int) -> str:
        return "f"

    @tg.cached(cache=cache, name="g", ttl=0)
    def g(a: int) -> str:
        return "g"

    assert (f(1), g(1), f(1)) == ("f", "g", "f")
    assert f.cache is g.cache is cache
    assert cache.get(g.key(1)) is None  # a ttl of its own


@pytest.mark.parametrize(
    "make",
    [
        lambda: tg.cached(cache=tg.Cache(), max_entries=1),
        lambda: tg.cached(cache=tg.Cache())(lambda: 1),
        lambda: tg.cached(ignore="b")(module_level),
        lambda: tg.cached(ttl="soon")(lambda: 1)(),
        lambda: tg.cached(max_entries=0)(lambda: 1),
        lambda: tg.cached()(1),  # type: ignore[call-overload]
    ],
)
def test_wrong_arguments_are_refused(make: Any) -> None:
    with pytest.raises(tg.InvalidArgument):
        make()


def test_a_function_that_calls_itself_does_not_wait_for_itself(run: Any) -> None:
    """However deep, with one loader."""

    @tg.cached(loaders=1)
    def f(n: int) -> int:
        return n if n < 2 else f(n - 1) + f(n - 2)

    @tg.cached(loaders=1)
    async def g(n: int) -> int:
        if n < 2:
            return n
        one = await g(n - 1)
        return one + await g(n - 2)

    assert f(50) == 12586269025
    assert run(g(50)) == 12586269025


async def test_a_plain_function_may_be_called_in_a_loop() -> None:
    """It blocks the loop, as it would without a cache."""
    thread = threading.current_thread()

    @tg.cached()
    def f() -> bool:
        return threading.current_thread() is thread

    assert f() is False


def test_refresh_ahead_loads_behind(tools: SimpleNamespace) -> None:
    @tg.cached(ttl=3600, refresh_ahead=1e-9)
    def f() -> int:
        calls.append(1)
        return len(calls)

    assert f() == 1
    tools.eventually(lambda: f() > 1)


def test_one_call_is_one_hit(tools: SimpleNamespace) -> None:
    """Also where it is time to load ahead, and it looks more than once."""
    gate = tools.Gate()
    cache: tg.Cache[Any] = tg.Cache("one hit", refresh_ahead=1e-9, jitter=0)

    @tg.cached(cache=cache, name="f", ttl=3600)
    def f(a: int) -> Any:
        return gate()

    cache.put(f.key(1), "old")
    tools.eventually(lambda: (found := cache.peek(f.key(1))) is not None and found.age > 0.001)
    for _ in range(3):
        before = cache.stats().hits
        assert f(1) == "old"
        assert cache.stats().hits == before + 1
    assert cache.stats().misses == 0
    gate.open.set()


def test_a_function_goes_with_its_values() -> None:
    """Also where a value refers to the function."""

    class Thing:
        pass

    def make() -> Any:
        @tg.cached()
        def f() -> Any:
            thing: Any = Thing()
            thing.function = f
            return thing

        return weakref.ref(f())

    gone = make()
    gc.collect()
    assert gone() is None
