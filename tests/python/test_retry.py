"""Functions that are tried again."""

import asyncio
import concurrent.futures
import dataclasses
import functools
import inspect
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import tidegate as tg
from tidegate.testing import MockTransport, Response, VirtualTime, virtual_time

Call = Callable[..., Any]
Wrap = Callable[..., Call]


@pytest.fixture
def time() -> Iterator[VirtualTime]:
    with virtual_time() as made:
        yield made


class Flaky:
    """Raises what it is given, one after the other, and then returns its argument."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self, value: Any = "well") -> Any:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return value


@pytest.fixture(params=["sync", "async"])
def wrap(request: pytest.FixtureRequest, time: VirtualTime) -> Wrap:
    """A flaky function behind retry(), as a plain and as a coroutine function."""

    def wrapped(flaky: Flaky, **options: Any) -> Call:
        if request.param == "sync":

            @tg.retry(**options)
            def plain(value: Any = "well") -> Any:
                return flaky(value)

            return plain

        @tg.retry(**options)
        async def coroutine(value: Any = "well") -> Any:
            return flaky(value)

        return lambda *args: asyncio.run(coroutine(*args))

    return wrapped


def errors(count: int) -> list[ConnectionError]:
    return [ConnectionError(str(n)) for n in range(count)]


def notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", []))


def test_what_fails_is_tried_again_until_it_works(wrap: Wrap, time: VirtualTime) -> None:
    """With its arguments, after pauses within bounds that double."""
    flaky = Flaky(*errors(3))

    assert wrap(flaky, backoff=1, max_backoff=100)(7) == 7
    assert flaky.calls == 4
    for n, pause in enumerate(time.pauses):
        assert 0 <= pause <= 2**n
    assert len(time.pauses) == 3


def test_the_last_error_is_raised_and_tells_of_all(wrap: Wrap) -> None:
    """It is the function's own, with a note for each attempt."""
    last = ConnectionError("last")
    flaky = Flaky(ConnectionError("first"), last)

    with pytest.raises(ConnectionError) as caught:
        wrap(flaky, attempts=2)()
    assert caught.value is last
    assert [note.partition(" after ")[0] for note in notes(last)] == [
        "attempt 1 of 2: ConnectionError",
        "attempt 2 of 2: ConnectionError",
    ]
    assert ", then a pause of " in notes(last)[0]
    assert flaky.calls == 2


def test_an_error_that_refuses_attributes_is_raised_with_its_notes(wrap: Wrap) -> None:
    @dataclasses.dataclass(frozen=True)
    class FrozenError(ConnectionError):
        what: str

    last = FrozenError("last")

    with pytest.raises(FrozenError) as caught:
        wrap(Flaky(FrozenError("first"), last), attempts=2)()
    assert caught.value is last
    assert len(notes(last)) == 2


def test_without_arguments_it_is_tried_four_times(time: VirtualTime) -> None:
    """As requests are."""
    flaky = Flaky(*errors(9))
    with pytest.raises(ConnectionError):
        tg.retry(flaky.__call__)()
    assert flaky.calls == 4


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        asyncio.TimeoutError(),
        tg.ConnectionFailed(),
        tg.Overloaded(),
    ],
    ids=repr,
)
def test_what_passes_is_tried_again(wrap: Wrap, error: Exception) -> None:
    """Where nobody says what."""
    assert wrap(Flaky(error))() == "well"


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        KeyError(),
        OSError(),
        tg.InvalidArgument(),
        tg.TlsFailed(),
        tg.NotReady(),
        concurrent.futures.CancelledError(),
    ],
    ids=repr,
)
def test_what_does_not_pass_is_raised_at_once(wrap: Wrap, error: Exception) -> None:
    """Without a note: it was one attempt."""
    flaky = Flaky(error)

    with pytest.raises(type(error)):
        wrap(flaky)()
    assert flaky.calls == 1
    assert notes(error) == []


@pytest.mark.parametrize("on", [ValueError, (KeyError, ValueError), lambda e: "again" in str(e)])
def test_on_says_what_is_tried_again(wrap: Wrap, on: Any) -> None:
    """Classes, or a function."""
    assert wrap(Flaky(ValueError("again")), on=on)() == "well"
    flaky = Flaky(ConnectionError())
    with pytest.raises(ConnectionError):
        wrap(flaky, on=on)()
    assert flaky.calls == 1


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError(), GeneratorExit()],
    ids=repr,
)
def test_what_ends_a_program_or_a_task_is_not_tried_again(
    time: VirtualTime, error: BaseException
) -> None:
    """Whatever `on` says."""
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        tg.retry(on=lambda _: True)(flaky.__call__)()
    assert flaky.calls == 1


@pytest.mark.parametrize("error", [tg.Cancelled(), tg.Closed()], ids=repr)
def test_what_was_given_up_is_not_tried_again(wrap: Wrap, error: tg.Error) -> None:
    """Also where every Error is."""
    flaky = Flaky(error)
    with pytest.raises(type(error)):
        wrap(flaky, on=tg.Error)()
    assert flaky.calls == 1


def test_another_failure_ends_it_and_tells_of_the_first(wrap: Wrap) -> None:
    """The first would be forgotten otherwise."""
    last = ValueError("bad")
    with pytest.raises(ValueError, match="bad"):
        wrap(Flaky(ConnectionError(), last))()
    assert notes(last)[1:] == ["attempt 2: ValueError is not tried again"]


def test_a_cancelled_task_makes_no_further_attempt() -> None:
    """Also where it is cancelled inside a pause."""
    flaky = Flaky(*errors(9))
    begun = asyncio.Event()

    @tg.retry(on=ConnectionError, backoff=3600, max_backoff=3600)
    async def coroutine() -> None:
        begun.set()
        flaky()

    async def main() -> None:
        task = asyncio.ensure_future(coroutine())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert flaky.calls == 1


def test_what_an_error_asks_for_comes_on_top_of_the_pause(wrap: Wrap, time: VirtualTime) -> None:
    """And is not waited for where it is more than may be asked for."""
    patient, long = ConnectionError(), ConnectionError()
    patient.retry_after = 5  # type: ignore[attr-defined]
    long.retry_after = 61.0  # type: ignore[attr-defined]

    with pytest.raises(ConnectionError) as caught:
        wrap(Flaky(patient, long), backoff=0)()
    assert time.pauses == [5]
    assert caught.value is long


@pytest.mark.parametrize(
    ("fields", "pauses"),
    [
        ({"Retry-After": "7"}, [7.0]),
        ({"Retry-After": "7", "retry-after-ms": "250"}, [0.25]),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, [0.0]),
        ({"Retry-After": "soon"}, [0.0]),
        ({"Retry-After": "61"}, []),
        ({"RateLimit": '"hour";r=0;t=9'}, [9.0]),
    ],
)
def test_a_status_that_was_raised_says_when(
    wrap: Wrap, time: VirtualTime, fields: dict[str, str], pauses: list[float]
) -> None:
    """By the field of the server."""
    mock = MockTransport(lambda _: Response(503, headers=fields))
    response = tg.Client(transport=mock).get("http://a/", attempts=1)
    error = tg.HTTPStatusError("503", response=response)

    if pauses:
        assert wrap(Flaky(error), backoff=0)() == "well"
    else:
        with pytest.raises(tg.HTTPStatusError):
            wrap(Flaky(error), backoff=0)()
    assert time.pauses == pauses
    assert tg.HTTPStatusError("made by hand").retry_after is None


@pytest.mark.parametrize("asked", [None, "soon", True, -1, float("nan"), float("inf"), 10**40])
def test_a_wish_that_is_no_time_does_no_harm(wrap: Wrap, time: VirtualTime, asked: object) -> None:
    """It is passed over, or too long."""
    error = ConnectionError()
    error.retry_after = asked  # type: ignore[attr-defined]
    flaky = Flaky(error)

    try:
        wrap(flaky, backoff=0)()
    except ConnectionError:
        assert flaky.calls == 1
    else:
        assert time.pauses == [0]


def test_no_pause_reaches_the_deadline_of_the_page(time: VirtualTime) -> None:
    """The error is there at once, and says why."""
    error = ConnectionError()
    error.retry_after = 30  # type: ignore[attr-defined]
    flaky = Flaky(error)

    with tg.page(10), pytest.raises(ConnectionError):
        tg.retry(flaky.__call__)()
    assert time.pauses == []
    assert "s are left" in notes(error)[0]


def test_no_attempt_begins_after_the_timeout(wrap: Wrap, time: VirtualTime) -> None:
    """Counted from the call, with all that its attempts took."""

    class Slow(Flaky):
        def __call__(self, value: Any = "well") -> Any:
            time.advance(4)
            return super().__call__(value)

    flaky = Slow(*errors(9))
    with pytest.raises(ConnectionError):
        wrap(flaky, attempts=9, backoff=0, timeout="10s")()
    assert flaky.calls == 3


def test_all_calls_of_a_function_share_its_budget(wrap: Wrap, time: VirtualTime) -> None:
    """So what is down does not get four times its load."""
    flaky = Flaky(*errors(10_000))
    policy = tg.RetryPolicy(budget=0, budget_per_second=0, budget_most=5, backoff=0)
    call = wrap(flaky, policy=policy)
    for _ in range(10):
        with pytest.raises(ConnectionError) as caught:
            call()

    assert flaky.calls == 15
    assert "retry budget is used up" in notes(caught.value)[0]


def test_what_is_given_beside_a_policy_counts_more(wrap: Wrap) -> None:
    """The rest is the policy's."""
    flaky = Flaky(*errors(9))
    with pytest.raises(ConnectionError):
        wrap(flaky, policy=tg.RetryPolicy(attempts=9, backoff=0), attempts=2)()
    assert flaky.calls == 2


def test_a_plain_function_does_not_pause_a_loop(time: VirtualTime) -> None:
    """It is refused before its first attempt."""
    flaky = Flaky()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="event loop"):
            tg.retry(flaky.__call__)()

    asyncio.run(main())
    assert flaky.calls == 0


def test_a_plain_function_that_makes_a_coroutine_is_told_so(time: VirtualTime) -> None:
    """Its failure would come after the last attempt."""

    async def coroutine() -> None: ...

    with pytest.raises(TypeError, match="coroutine function itself"):
        tg.retry(lambda: coroutine())()


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> Any:
    yield 1


class Generates:
    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize(
    ("fn", "named"),
    [
        (generator, "generator"),
        (async_generator, "generator"),
        (functools.partial(functools.partial(generator)), "generator"),
        (Generates(), "generator"),
        (Flaky, "the class Flaky"),
        (staticmethod(len), "above @retry"),
        (classmethod(len), "above @retry"),
        (7, "a int"),
    ],
)
def test_what_cannot_be_tried_again_is_refused(fn: Any, named: str) -> None:
    """Where it is decorated."""
    with pytest.raises(tg.InvalidArgument, match=named):
        tg.retry(fn)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"on": BaseException}, tg.InvalidArgument),
        ({"on": (OSError, asyncio.CancelledError)}, tg.InvalidArgument),
        ({"on": "OSError"}, tg.InvalidArgument),
        ({"on": ()}, tg.InvalidArgument),
        ({"on": int}, tg.InvalidArgument),
        ({"timeout": "soon"}, tg.InvalidArgument),
        ({"policy": 3}, tg.InvalidArgument),
        ({"attempts": 0}, tg.ConfigError),
        ({"backoff": -1}, tg.ConfigError),
        ({"budget": "much"}, tg.ConfigError),
    ],
    ids=str,
)
def test_a_wrong_argument_is_refused(options: Any, kind: type[tg.Error]) -> None:
    """Before anything is called."""
    with pytest.raises(kind):
        tg.retry(**options)(len)


def test_a_function_stays_what_it_was() -> None:
    """Its name, its signature, its kind; and it binds as a method."""

    @tg.retry(attempts=2)
    async def fetch(make: str, *, limit: int = 4) -> list[str]:
        """Says what."""
        return [make] * limit

    class Shop:
        name = "shop"

        @tg.retry
        def ask(self, more: str) -> str:
            return self.name + more

        @staticmethod
        @tg.retry
        def fixed() -> str:
            return "fixed"

    assert (fetch.__name__, fetch.__doc__) == ("fetch", "Says what.")
    assert str(inspect.signature(fetch)) == "(make: str, *, limit: int = 4) -> list[str]"
    assert inspect.iscoroutinefunction(fetch)
    assert asyncio.run(fetch("Audi", limit=2)) == ["Audi", "Audi"]
    assert Shop().ask("!") == "shop!"
    assert Shop.fixed() == "fixed"


def test_partials_are_tried_again_too(time: VirtualTime) -> None:
    """Of plain and of coroutine functions."""

    async def coroutine(value: int) -> int:
        return flaky(value)  # type: ignore[no-any-return]

    flaky = Flaky(*errors(1))
    assert asyncio.run(tg.retry(functools.partial(coroutine, 3))()) == 3
    assert flaky.calls == 2


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="Python 3.10 shows no notes")
def test_a_traceback_shows_the_history(wrap: Wrap) -> None:
    """Where a program that knows nothing of it prints one."""
    with pytest.raises(ConnectionError) as caught:
        wrap(Flaky(*errors(9)), attempts=2)()
    assert "attempt 1 of 2" in "".join(traceback.format_exception(caught.value))


def test_functions_and_clients_of_one_budget_get_no_more_together_than_it_has(
    time: VirtualTime,
) -> None:
    """Attempts by hand too."""
    budget = tg.RetryBudget(0, 0, 4)
    flaky = Flaky(*errors(99))
    with pytest.raises(ConnectionError):
        tg.retry(budget=budget, attempts=3)(flaky.__call__)()
    assert (flaky.calls, budget.left) == (3, 2)
    assert budget.try_take()
    policy = tg.RetryPolicy(budget=budget, attempts=9)
    mock = MockTransport(lambda request: Response(503))
    for sent in (2, 1):
        http = tg.Client(transport=mock, retry=policy)
        assert http.get("http://example.com/").status == 503
        assert len(mock.requests) == sent
        mock.requests.clear()
    assert not budget.try_take()
    with pytest.raises(ConnectionError):
        tg.retry(policy=policy)(Flaky(*errors(1)).__call__)()


def test_each_call_of_one_brings_attempts_to_the_other(time: VirtualTime) -> None:
    """Calls that are good at once too."""
    budget = tg.RetryBudget(0.5, 0, 1)
    assert budget.try_take()
    good = tg.retry(budget=budget)(Flaky().__call__)
    assert [good(), good(), budget.left] == ["well", "well", 1]


@pytest.mark.parametrize(
    "arguments", [{"share": -1}, {"per_second": "3"}, {"holds": float("nan")}, {"share": True}]
)
def test_numbers_that_are_none_make_no_budget(arguments: Any) -> None:
    """Nor do those out of range."""
    with pytest.raises(tg.InvalidArgument):
        tg.RetryBudget(**arguments)
