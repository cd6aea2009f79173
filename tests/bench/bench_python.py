# SPDX-License-Identifier: Apache-2.0
"""What tidegate costs in Python, beside the standard library: bench_python.py --json FILE.

Every figure is the median of several rounds. ``wall_us`` is time, ``loop_cpu_us`` what the loop's
thread spent, ``cpu_us`` what the process spent, each for one operation. Without uvloop its figures
are missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import tidegate as tg

try:
    import uvloop
except ImportError:
    uvloop = None  # type: ignore[assignment]

TRIVIAL = "SELECT 1 AS one"
ROUNDS = 7
DEADLINES = 10_000

Figures = dict[str, Any]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def medians(rounds: list[Figures]) -> Figures:
    return {name: round(statistics.median(r[name] for r in rounds), 3) for name in rounds[0]}


async def measured(count: int, work: Callable[[], Awaitable[Any]]) -> Figures:
    """The cost of `work`, for each of the `count` operations that it makes."""
    wall, loop_cpu, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    await work()
    return {
        "wall_us": (time.perf_counter() - wall) / count * 1e6,
        "loop_cpu_us": (time.thread_time() - loop_cpu) / count * 1e6,
        "cpu_us": (time.process_time() - cpu) / count * 1e6,
    }


async def in_flight(
    width: int, count: int, one: Callable[[], Awaitable[Any]], rounds: int = ROUNDS
) -> Figures:
    """`count` operations, `width` of them at any time."""

    async def some() -> None:
        for _ in range(count // width):
            await one()

    async def all_of_them() -> None:
        await asyncio.gather(*(some() for _ in range(width)))

    await all_of_them()
    return medians([await measured(count, all_of_them) for _ in range(rounds)])


def blocked(ex: tg.Executor, path: Path, release: threading.Event) -> tg.Database:
    """A database whose queries wait: the executor's one permit is with a function that sleeps."""
    begun = threading.Event()
    _ = ex.call(lambda: begun.set() or release.wait(), timeout=300)
    begun.wait()
    return ex.sqlite(path)


async def completion(path: Path, rounds: int = 60) -> Figures:
    """One batch of 100 ends for the loop, until the futures are set or the tasks have run.

    The operations stand in a queue and are cancelled together: nothing else runs meanwhile.
    """
    release = threading.Event()
    ex = tg.Executor(max_running=1)
    db = blocked(ex, path, release)

    async def until_delivered(done: Callable[[], bool]) -> float:
        start = time.perf_counter()
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0)
        return (time.perf_counter() - start) / 100 * 1e6

    async def to_futures() -> float:
        operations = [db.query(TRIVIAL, timeout=200) for _ in range(100)]
        awaiting = [operation.__await__() for operation in operations]
        futures = [next(one) for one in awaiting]
        for operation in operations:
            operation.cancel()
        return await until_delivered(futures[-1].done)

    async def to_tasks() -> float:
        operations = [db.query(TRIVIAL, timeout=200) for _ in range(100)]

        async def wait(operation: tg.Operation[Any]) -> None:
            with suppress(asyncio.CancelledError, tg.Cancelled):
                await operation

        tasks = [asyncio.ensure_future(wait(operation)) for operation in operations]
        await asyncio.sleep(0)
        for operation in operations:
            operation.cancel()
            with suppress(tg.Cancelled):
                operation.answer()  # making the error is no part of the delivery
        return await until_delivered(lambda: all(task.done() for task in tasks))

    figures = {
        "futures_us": round(statistics.median([await to_futures() for _ in range(rounds)]), 3),
        "tasks_us": round(statistics.median([await to_tasks() for _ in range(rounds)]), 3),
    }
    release.set()
    return figures


async def call_soon_threadsafe(width: int = 100, count: int = 20_000) -> Figures:
    """The peer of completion(): a Python thread that ends futures one by one."""
    loop = asyncio.get_running_loop()
    waiting: list[asyncio.Future[None]] = []
    more = threading.Semaphore(0)
    ends = threading.Event()

    def produce() -> None:
        while not ends.is_set():
            more.acquire()
            if waiting:
                loop.call_soon_threadsafe(waiting.pop().set_result, None)

    async def one() -> None:
        future = loop.create_future()
        waiting.append(future)
        more.release()
        await future

    thread = threading.Thread(target=produce)
    thread.start()
    figures = await in_flight(width, count, one, rounds=3)
    ends.set()
    more.release()
    thread.join()
    return figures


def sqlite_call(path: Path) -> Callable[[], list[Any]]:
    """The trivial query by the standard library, with a connection for each thread."""
    local = threading.local()

    def ask() -> list[Any]:
        connection = getattr(local, "connection", None)
        if connection is None:
            connection = local.connection = sqlite3.connect(path)
        return connection.execute(TRIVIAL).fetchall()

    return ask


async def submit_complete(ex: tg.Executor, path: Path) -> Figures:
    """A trivial query from submission to its answer, at 64 in flight and one at a time."""
    loop = asyncio.get_running_loop()
    db = ex.sqlite(path, name="submit")
    ask = sqlite_call(path)
    with ThreadPoolExecutor(4) as pool:

        async def query() -> None:
            await db.query(TRIVIAL)

        async def call() -> None:
            await ex.call(int)

        async def coroutine() -> None:
            await ex.call(noop)

        async def noop() -> None:
            pass

        async def run_in_executor() -> None:
            await loop.run_in_executor(pool, ask)

        async def wait_for() -> None:
            await asyncio.wait_for(loop.run_in_executor(pool, ask), 15)

        works = {
            "query": (query, 20_000, 2_000),
            "run_in_executor": (run_in_executor, 6_000, 1_000),
            "wait_for": (wait_for, 4_000, 1_000),
            "call": (call, 4_000, 1_000),
            "coroutine": (coroutine, 6_000, 2_000),
        }
        figures: Figures = {}
        for name, (one, many, few) in works.items():
            figures[name] = {
                "64": await in_flight(64, many - many % 64, one),
                "1": await in_flight(1, few, one),
            }
    return figures


def lateness(late: list[float]) -> Figures:
    ordered = sorted(late)
    share = {"p50_ms": 0.50, "p99_ms": 0.99, "max_ms": 1.0}
    return {name: round(ordered[int(s * (len(ordered) - 1))] * 1e3, 3) for name, s in share.items()}


async def deadlines(path: Path, spread: Callable[[], float]) -> Figures:
    """10,000 queries that cannot run, each with a deadline of its own."""
    release = threading.Event()
    with tg.Executor(queue=2 * DEADLINES, max_running=1) as ex:
        db = blocked(ex, path, release)
        settled: list[float] = []
        delivered: list[float] = []

        async def wait() -> None:
            operation = db.query(TRIVIAL, timeout=spread(), default=None)
            answer = await operation
            delivered.append(time.monotonic() - operation._deadline)
            assert answer.timings is not None
            settled.append(answer.timings.settled_at - operation._deadline)

        await asyncio.gather(*(wait() for _ in range(DEADLINES)))
        release.set()
    return {"settled": lateness(settled), "delivered": lateness(delivered)}


async def asyncio_deadlines(spread: Callable[[], float]) -> Figures:
    """The same by asyncio's own timeouts."""
    late = []

    async def wait() -> None:
        seconds = spread()
        until = time.monotonic() + seconds
        try:
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), seconds)
        except asyncio.TimeoutError:
            late.append(time.monotonic() - until)

    await asyncio.gather(*(wait() for _ in range(DEADLINES)))
    return {"delivered": lateness(late)}


def with_busy_thread(run: Callable[[], Figures]) -> Figures:
    """The same beside a Python thread that computes."""
    ends = threading.Event()

    def compute() -> None:
        while not ends.is_set():
            sum(range(1000))

    thread = threading.Thread(target=compute)
    thread.start()
    try:
        return run()
    finally:
        ends.set()
        thread.join()


def late(run: Run, path: Path) -> Figures:
    numbers = random.Random(1)

    def spread() -> float:
        return numbers.uniform(1.5, 4.5)

    def both() -> Figures:
        return {
            "tidegate": run(deadlines(path, spread)),
            "asyncio": run(asyncio_deadlines(spread)),
        }

    return {"idle": both(), "busy_thread": with_busy_thread(both)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    path_of_figures: Path | None = parser.parse_args().json

    figures: Figures = {}
    runs: dict[str, Run] = {"asyncio": asyncio.run}
    if uvloop is not None:
        runs["uvloop"] = uvloop.run
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        sqlite3.connect(path).close()
        for name, run in runs.items():
            print(f"measuring on {name} …", file=sys.stderr, flush=True)
            with tg.Executor(queue=100_000, query_timeout=300) as ex:
                figures[name] = {
                    "completion_100": run(completion(path)),
                    "call_soon_threadsafe_100": run(call_soon_threadsafe()),
                    "submit_complete": run(submit_complete(ex, path)),
                    "deadline_10000": late(run, path),
                }
    text = json.dumps(figures, indent=2)
    print(text) if path_of_figures is None else path_of_figures.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
