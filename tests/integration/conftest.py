"""Fixtures for the tests of the example server: each starts real processes on free ports.

No test sleeps: what has to happen is waited for with until(), by a deadline. The database is built
once per run, by the server itself, and every test gets a copy.
"""

import csv
import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from .serving import DATA, Server
from .upstream import Upstream


@pytest.fixture(scope="session")
def built_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once by the first server that is started, also where tests run in several processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    database = shared / "cars.db"
    server = Server(tmp_path_factory.mktemp("builder"), database, {}).wait_until_serving(300)
    assert server.stop() == 0
    return database


@pytest.fixture
def start(tmp_path: Path, built_database: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers of the test's own; each must end well when the test has ended."""
    servers: list[Server] = []

    def start_one(
        *arguments: str, database: bool = True, wait: bool = True, folder: str = "", **settings: Any
    ) -> Server:
        place = tmp_path / (folder or f"server-{len(servers)}")
        place.mkdir(exist_ok=True)
        if database and not (place / "cars.db").exists():
            shutil.copyfile(built_database, place / "cars.db")
        keys = {name.replace("__", "."): value for name, value in settings.items()}
        server = Server(place, place / "cars.db", keys, *arguments)
        servers.append(server)
        return server.wait_until_serving() if wait else server

    yield start_one
    for server in servers:
        assert server.stop() == 0, server.err.read_text()


@pytest.fixture
def start_uncached(start: Callable[..., Server]) -> Callable[..., Server]:
    """As start; nothing is kept, so that each page is made of what the database says then."""
    return partial(
        start,
        server__prewarm=False,
        cache__ttl="0s",
        cache__stale_for="0s",
        services__price_alerts__cache__ttl="0s",
    )


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Callable[..., Upstream]]:
    """Starts remote services of the test's own, by name."""
    upstreams: list[Upstream] = []

    def start_one(name: str, *arguments: str) -> Upstream:
        upstreams.append(Upstream(name, tmp_path, *arguments))
        return upstreams[-1]

    yield start_one
    for upstream in upstreams:
        upstream.close()


@pytest.fixture(scope="session")
def listings() -> dict[int, dict[str, Any]]:
    """The data file as it is, by id, numbers as numbers."""
    texts = {"make", "model", "transmission", "fuel_type"}
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = [
            {k: v if k in texts else float(v) if "." in v else int(v) for k, v in row.items()}
            for row in csv.DictReader(file)
        ]
    return {row["id"]: row for row in rows}
