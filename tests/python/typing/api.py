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
    page.add(5)  # type: ignore[arg-type]

pool: concurrent.futures.Executor = ex.as_executor("ads")
assert_type(pool.submit(plain, 1, "b"), concurrent.futures.Future[float])
assert_type(tg.stats(), dict[str, Any])
assert_type(tg.shutdown(), bool)
error: Exception = tg.Timeout("late")
