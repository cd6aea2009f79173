"""The FastAPI example as its tests see it: both applications, a Redis, and a load."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from .serving import ROOT, clean_environment, until

ENTRYPOINT = ROOT / "examples/fastapi/docker-entrypoint.sh"
SCALE = 0.1  # the times of a bad hour, 1:10
# The front end's 20 s, and what a busy machine may take besides; a job that never ends takes 60.
BROWSER = 20 * SCALE + 12
MAKES = ["Audi", "BMW", "Ford", "Hyundai", "Skoda", "Toyota", "Vauxhall", "Volkswagen"]


class App:
    """One of the two applications under gunicorn, started as the container starts it."""

    def __init__(self, which: str, folder: Path, database: Path, **environment: str) -> None:
        self.which = which
        self._asked = False
        folder.mkdir(exist_ok=True)
        self._log = folder / "gunicorn.log"
        settings = {
            "CARS_DB": str(database),
            "LATENCY_SCALE": str(SCALE),
            "QUERY_TIMEOUT": str(15 * SCALE),
            "PAGE_TIMEOUT": str(18 * SCALE),
            "GRACEFUL_TIMEOUT": "1",
            "PYTHON": sys.executable,
            **environment,
        }
        with (
            self._log.open("wb") as log,
            socket.create_server(("127.0.0.1", 0), backlog=2048) as listener,
        ):
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.process = subprocess.Popen(
                [ENTRYPOINT, which, "--bind", f"fd://{listener.fileno()}"],
                cwd=folder,
                env=clean_environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )

    def wait_until_serving(self, workers: int) -> "App":
        """Until each worker has started."""

        def started() -> bool:
            assert self.process.poll() is None, self.log()
            return self.log().count("Application startup complete") >= workers

        until(started, 60, f"{workers} workers of {self.which}")
        return self

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **options)

    def ask_to_stop(self) -> None:
        """Once: a second signal kills an interpreter that is just ending."""
        if not self._asked:
            self._asked = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Its exit code. A worker that outlived it would not notice by itself."""
        self.ask_to_stop()
        try:
            return self.process.wait(30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)

    def log(self) -> str:
        return self._log.read_text()


@dataclass
class Outcome:
    """What a load came to, as the browsers saw it; zombies as the workers did."""

    sources: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    zombies: dict[int, int] = field(default_factory=dict)
    bigquery: dict[int, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        asked = self.sources.total()
        shares = [
            f"{100 * self.sources[source] / asked:7.1f} %"
            for source in ("failed", "default", "stale", "cached", "fresh")
        ]
        p50, p95 = (self.quantile(share) / SCALE for share in (0.5, 0.95))
        paid = sum(self.bigquery.values()) / SCALE / asked
        return (
            f"{name:24} {asked:5} {' '.join(shares)} {p50:6.1f} {p95:6.1f} "
            f"{sum(self.zombies.values()):7} {paid:9.1f}"
        )

    def quantile(self, share: float) -> float:
        return sorted(self.seconds)[int(share * (len(self.seconds) - 1))]


HEAD = (
    f"{'':24} {'asked':>5} {'failed':>9} {'default':>9} {'stale':>9} {'cached':>9} {'fresh':>9} "
    f"{'p50/s':>6} {'p95/s':>6} {'zombies':>7} {'BigQuery/s':>9}"
)


def requests(seed: int, rate: float, seconds: float, sets: int) -> list[tuple[float, str]]:
    """When which address is asked for: a Poisson process over so many sets of parameters."""
    draw = random.Random(seed)
    paths = []
    for number in range(sets):
        make = MAKES[number % len(MAKES)]
        if number % 3:
            paths.append(f"/api/v1/home/recommendations?limit={1 + number // 8 % 50}&make={make}")
        else:
            paths.append(
                f"/api/v1/analytics/price-alerts?below_percent={5 + number // 8 % 45}&make={make}"
            )
    at, found = 0.0, []
    while (at := at + draw.expovariate(rate)) < seconds:
        found.append((at, draw.choice(paths)))
    return found


async def load(app: App, wanted: list[tuple[float, str]]) -> Outcome:
    """Asks for each at its time, on a connection of its own, and notes what came of it."""
    outcome = Outcome()
    asked_all = asyncio.Event()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)

    async def ask(client: httpx.AsyncClient, at: float, path: str) -> None:
        await asyncio.sleep(begin + at - time.monotonic())
        asked = time.monotonic()
        try:
            async with asyncio.timeout(BROWSER):
                response = await client.get(path)
            response.raise_for_status()
            outcome.sources[response.json()["meta"]["source"]] += 1
        except (httpx.HTTPError, TimeoutError) as error:
            outcome.sources["failed"] += 1
            outcome.failures.append(f"{path}: {error!r}")
        outcome.seconds.append(time.monotonic() - asked)

    async def look(client: httpx.AsyncClient) -> None:
        while not asked_all.is_set():
            stats = (await client.get("/stats")).json()
            most = outcome.zombies.get(stats["pid"], 0)
            outcome.zombies[stats["pid"]] = max(most, stats["zombies"])
            outcome.bigquery[stats["pid"]] = stats["bigquery_s"]
            await asyncio.sleep(0.05)

    async with httpx.AsyncClient(base_url=app.url, limits=limits, timeout=30) as client:
        begin = time.monotonic()
        looking = asyncio.create_task(look(client))
        await asyncio.gather(*(ask(client, at, path) for at, path in wanted))
        asked_all.set()
        await looking
    return outcome


def bad_hour(
    start: Callable[..., App], wanted: list[tuple[float, str]], variants: dict[str, dict[str, str]]
) -> dict[str, Outcome]:
    """The same load on several variants side by side; each has a Redis database of its own."""
    workers = int(next(iter(variants.values()))["WORKER_COUNT"])
    apps = {name: start(BIGQUERY_HOUR="bad", **settings) for name, settings in variants.items()}
    for app in apps.values():
        app.wait_until_serving(workers)
        assert app.get("/health").json()["redis"] == "ok"

    async def all_of_them() -> list[Outcome]:
        return await asyncio.gather(*(load(app, wanted) for app in apps.values()))

    outcomes = dict(zip(apps, asyncio.run(all_of_them()), strict=True))
    for app in apps.values():
        app.ask_to_stop()
    for app in apps.values():
        assert app.stop() == 0, app.log()
    return outcomes
