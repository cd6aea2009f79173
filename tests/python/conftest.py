"""What the tests of the Python package share."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop

import tidegate as tg

from ..support.http_server import HttpServer, http_server
from ..support.redis_process import Redis, redis_server

# Runs until it is stopped.
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


def count_to(limit: int) -> str:
    """A query whose steps grow with `limit`."""
    return (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        f"WHERE i < {limit}) SELECT count(*) AS n FROM n"
    )


# Timeouts, to be tried in turn, of what has to be inside its function when it is late: a call that
# its deadline finds still waiting for a thread never runs.
GROWING = (0.05, 0.5, 5, 20)


def one_of_three(attempt: Callable[[], bool]) -> None:
    """For what is compared with the clock: the machine may stand still, but not each time."""
    assert any(attempt() for _ in range(3))


def eventually(predicate: Callable[[], bool], what: str = "") -> None:
    """Looks again and again until it is so: for what no event tells. Bounded."""
    until = time.monotonic() + 20
    while not predicate():
        assert time.monotonic() < until, f"it never came to be: {what or predicate}"
        os.sched_yield()


async def eventually_in_loop(predicate: Callable[[], bool]) -> None:
    """The same in an event loop."""
    until = time.monotonic() + 20
    while not predicate():
        assert time.monotonic() < until, "it never came to be"
        await asyncio.sleep(0)


class Gate:
    """A function that blocks until it is opened, and says when it has begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()

    def __call__(self, value: Any = "through") -> Any:
        self.begun.release()
        assert self.open.wait(30)
        return value

    def await_begun(self, count: int = 1) -> None:
        for _ in range(count):
            assert self.begun.acquire(timeout=20)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A server of the test's own."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with redis_server(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def cars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of three cars."""
    path = tmp_path_factory.mktemp("data") / "cars.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cars (make TEXT, model TEXT, price INTEGER)")
        rows = [("Audi", "A1", 9000), ("Audi", "A3", 12000), ("Škoda", "Fabia", 7000)]
        connection.executemany("INSERT INTO cars VALUES (?, ?, ?)", rows)
    connection.close()
    return path


@pytest.fixture
def ex() -> Iterator[tg.Executor]:
    with tg.Executor() as executor:
        yield executor


@pytest.fixture
def db(ex: tg.Executor, cars: Path, request: pytest.FixtureRequest) -> tg.Database:
    """A lane of its own where the test looks at its figures; a metric has 1,000 label sets."""
    return ex.sqlite(cars, name=request.node.name if "lane" in request.fixturenames else "cars")


@pytest.fixture
def lane(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """The figures of the test's database."""
    return lambda section: tg.stats()[section][request.node.name]


Runner = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Runner:
    """Runs a coroutine in a new event loop of each kind."""
    return asyncio.run if request.param == "asyncio" else uvloop.run


def run_script(
    script: str, *arguments: str, timeout: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a program in an interpreter of its own; its warnings are errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment},
    )


@pytest.fixture
def tools() -> SimpleNamespace:
    """The helpers above, for tests that cannot import them."""
    return SimpleNamespace(
        ENDLESS=ENDLESS,
        GROWING=GROWING,
        Gate=Gate,
        count_to=count_to,
        eventually=eventually,
        eventually_in_loop=eventually_in_loop,
        one_of_three=one_of_three,
        run_script=run_script,
    )


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> tg.Cache[Any]:
    return tg.Cache(request.node.name)


@pytest.fixture(scope="module")
def shared() -> Iterator[HttpServer]:
    """An HTTP server for a test that looks at its answers alone."""
    with http_server() as running:
        yield running


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """One of the test's own, for what the server saw."""
    with http_server() as running:
        yield running


# For a machine that is busy, where lateness is not what is tested.
PATIENT: dict[str, Any] = {
    "pool_timeout": 60,
    "connect_timeout": 60,
    "attempt_timeout": 60,
    "read_timeout": 60,
    "timeout": 60,
}


@pytest.fixture
def sync() -> Iterator[tg.Client]:
    with tg.Client(**PATIENT) as client:
        yield client


@pytest.fixture
def http() -> tg.AsyncClient:
    return tg.AsyncClient(**PATIENT)
