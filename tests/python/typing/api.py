"""What type checkers must see. Checked by mypy in test_typing.py, never run."""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import Any, Literal

from typing_extensions import assert_type

import tidegate as tg

ex = tg.Executor(max_running=8, query_timeout="5s")
db = ex.sqlite("cars.db", concurrency=2)


def plain(a: int, b: str) -> float:
    return a + len(b)


async def coroutine(a: int) -> str:
    return str(a)


def from_error(error: tg.Error) -> int:
    return error.attempts


# A query yields rows; with a default, rows or that.
assert_type(db.query("SELECT 1"), tg.Operation[tg.Rows])
assert_type(db.query("SELECT 1", {"a": 1}, timeout=1.5).result(), tg.Answer[tg.Rows])
assert_type(db.query("SELECT ?", [1]).value, tg.Rows)
assert_type(db.query("SELECT 1", cache=300, default=None).value, tg.Rows | None)
assert_type(db.query("SELECT 1", cache=tg.Cache[int]("c"), ttl="1m").value, tg.Rows)
assert_type(db.key("SELECT 1", [1]), bytes)
assert_type(db.query("SELECT 1", default=None).value, tg.Rows | None)
assert_type(db.query("SELECT 1", default=from_error).value, tg.Rows | int)
assert_type(db.query("SELECT 1").value[0]["a"], Any)
assert_type(db.query("SELECT 1").value.columns, tuple[str, ...])

# A call yields what its function returns, with its arguments checked.
assert_type(ex.call(plain, 1, "b"), tg.Operation[float])
assert_type(ex.call(coroutine, 1), tg.Operation[str])
assert_type(ex.call(plain, 1, "b", default="none").value, float | str)
ex.call(plain, "a", 1)  # type: ignore
ex.call(plain, 1)  # type: ignore
db.query(1)  # type: ignore[call-overload]
db.query("SELECT 1", {"a": object()})  # type: ignore[dict-item]
db.query("SELECT 1", timeout=[])  # type: ignore[call-overload]
db.query("SELECT 1", cache=[])  # type: ignore[call-overload]

# What an operation tells.
operation = ex.call(plain, 1, "b")
assert_type(operation.ok, bool)
assert_type(operation.done, bool)
assert_type(operation.source, Literal["fresh", "cached", "stale", "default"] | None)
assert_type(operation.degraded, bool)
assert_type(operation.age, float)
assert_type(operation.error, tg.Error | None)
assert_type(operation.timings, tg.Timings | None)

answer = operation.result("1s")
assert_type(answer.value, float)
assert_type(answer.source, Literal["fresh", "cached", "stale", "default"])
assert_type(answer.reason, tg.Error | None)
assert_type(tg.Answer(5, "default").value, int)


async def main() -> None:
    assert_type(await db.query("SELECT 1"), tg.Answer[tg.Rows])
    async with tg.page(18) as page:
        assert_type(page, tg.Page)
        assert_type(page.query(db, "SELECT 1"), tg.Operation[tg.Rows])
        assert_type(page.query(db, "SELECT 1", default=3).value, tg.Rows | int)
        assert_type(page.add(ex.call(coroutine, 1)), tg.Operation[str])
    assert_type(page.partial, bool)
    assert_type(page.sources(), dict[str, str])
    first, second = await asyncio.gather(ex.call(coroutine, 1), db.query("SELECT 1"))
    assert_type(first, tg.Answer[str])
    assert_type(second, tg.Answer[tg.Rows])


with tg.page("1s") as page:
    page.add(5)  # type: ignore[type-var]

pool: concurrent.futures.Executor = ex.as_executor("ads")
assert_type(pool.submit(plain, 1, "b"), concurrent.futures.Future[float])
assert_type(tg.stats(), dict[str, Any])
assert_type(tg.shutdown(), bool)
error: Exception = tg.Timeout("late")

# A cache gives what it holds; a loader is a function or a coroutine function, and may take a load.
prices: tg.Cache[float] = tg.Cache("prices", ttl="5m")


def load() -> float:
    return 1.0


def load_with(context: tg.LoadContext) -> float:
    context.ttl(5)
    return 1.0


async def load_async() -> float:
    return 1.0


async def load_async_with(context: tg.LoadContext) -> float:
    return float(context.key)


assert_type(prices.get("k"), float | None)
assert_type(prices.get("k", "none"), float | str)
assert_type(prices.peek("k"), tg.Answer[float] | None)
assert_type(prices.put("k", 1.0, ttl="1m"), int)
assert_type(prices.get_or_load("k", load), tg.Operation[float])
assert_type(prices.get_or_load("k", load_with, timeout=1).result(), tg.Answer[float])
assert_type(prices.get_or_load("k", load_async).value, float)
assert_type(prices.get_or_load("k", load_async_with), tg.Operation[float])
assert_type(prices.stats().hits, int)
prices.put("k", "text")  # type: ignore[arg-type]
prices.get_or_load("k", plain)  # type: ignore[arg-type]


# A decorated function keeps its signature.
@tg.cached(ttl="5m", max_entries=10)
def cached_plain(a: int, b: str = "") -> float:
    return 1.0


@tg.cached(ignore=("a",))
async def cached_coroutine(a: int) -> str:
    return ""


assert_type(cached_plain(1, b="b"), float)
assert_type(cached_plain.answer(1), tg.Answer[float])
assert_type(cached_plain.refresh(1), float)
assert_type(cached_plain.invalidate(1), bool)
cached_plain("a")  # type: ignore[arg-type]
cached_plain.invalidate("a")  # type: ignore[arg-type]
tg.cached(max_entrys=10)  # type: ignore[call-arg]


async def use_cached() -> None:
    assert_type(await cached_coroutine(1), str)
    assert_type((await cached_coroutine.answer(1)).value, str)
    assert_type(await prices.get_or_load("k", load_async), tg.Answer[float])
    await cached_coroutine("a")  # type: ignore[arg-type]


# A request is an operation whose answer is the response itself.
http = tg.AsyncClient(timeout="5s")
exchange = http.get("http://a/", params={"a": 1, "b": ["c", None]}, headers=[("A", "b")])
assert_type(exchange, tg.Exchange)
assert_type(exchange.result(5), tg.Response)
assert_type(exchange.value, tg.Response)
assert_type(exchange.timings, tg.HttpTimings | None)
assert_type(tg.page(1).add(exchange), tg.Exchange)
assert_type(http.post("http://a/", json=[1], timeout=5, idempotent=True).value.json(), Any)
http.get("http://a/", tiemout=5)  # type: ignore[call-arg]
http.post("http://a/", content="text")  # type: ignore[arg-type]


async def requests() -> None:
    response = await http.get("http://a/")
    assert_type(response, tg.Response)
    assert_type(response.headers["a"], str)
    assert_type(response.headers.all("a"), list[str])
    assert_type(response.timings.first_byte, float)
    assert_type(response.raise_for_status().text, str)
    async with tg.AsyncClient(tg.Config(), service="encar") as client:
        assert_type(client.stats().in_flight, int)


with tg.Client() as sync:
    assert_type(sync.put("http://a/", data={"a": 1}), tg.Response)


# A function that is tried again keeps its signature.
@tg.retry
def tried(a: int, b: str = "") -> float:
    return 1.0


@tg.retry(attempts=3, on=(ConnectionError,), policy=tg.RetryPolicy(backoff="1s"))
async def tried_coroutine(a: int) -> str:
    return ""


assert_type(tried(1, b="b"), float)
tried("a")  # type: ignore[arg-type]
tg.retry(attempt=3)  # type: ignore[call-overload]


async def use_tried() -> None:
    assert_type(await tried_coroutine(1), str)
    await tried_coroutine("a")  # type: ignore[arg-type]


# A mock takes a handler, and a client takes a mock.
def handler(request: tg.testing.Request) -> tg.testing.Response:
    assert_type(request.params, dict[str, str])
    return tg.testing.Response(200, json=[], headers={"A": "b"})


async def handler_async(request: tg.testing.Request) -> tg.testing.Response:
    return tg.testing.Response(text=request.path)


mocked = tg.AsyncClient(transport=tg.testing.MockTransport(handler))
assert_type(mocked.get("http://a/"), tg.Exchange)
tg.Client(transport=tg.testing.MockTransport(tg.testing.Faults(["timeout", 200])))
tg.testing.MockTransport(handler_async)
tg.Client(transport=handler)  # type: ignore[arg-type]
with tg.testing.mock_transport(handler) as mock, tg.testing.no_network():
    assert_type(mock.requests, list[tg.testing.Request])
