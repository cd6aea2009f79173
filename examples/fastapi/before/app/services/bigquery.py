"""A simulated BigQuery: real rows from an SQLite file, after a time that BigQuery might take.

The client blocks, as the official one does: a thread that waits for a job waits until it has ended.
How long jobs take was fitted to a warehouse in a normal and in a bad hour: log-normal around one
second, with a long tail; some never end.
"""

import math
import os
import random
import sqlite3
import threading
from collections.abc import Mapping
from typing import Any

from app.settings import settings

Rows = list[dict[str, Any]]

MEDIAN, SIGMA = 1.0, 0.6
LONGEST = 600.0
# hour → how many jobs are slow, from what time on, how fast the tail falls; how many never end
HOURS = {
    "normal": (0.04, 5.0, 1.20, 0.001),
    "bad": (0.25, 10.0, 1.05, 0.02),
}


class Latency:
    """Draws how long a job takes, in seconds. The same seed and worker draw the same."""

    def __init__(self, hour: str, seed: str, worker: str) -> None:
        self._slow, self._least, self._alpha, self._hangs = HOURS[hour]
        self._random = random.Random(f"{seed}:{worker}")
        self._lock = threading.Lock()

    def draw(self) -> float:
        with self._lock:
            kind, size = self._random.random(), self._random.random()
            ordinary = self._random.lognormvariate(math.log(MEDIAN), SIGMA)
        if kind < self._hangs:
            return LONGEST
        if kind < self._hangs + self._slow:
            return min(LONGEST, self._least * math.pow(1 - size, -1 / self._alpha))
        return ordinary


class JobCancelledError(Exception):
    """The job was stopped by its timeout."""


class Client:
    """Runs jobs; any number of threads may use it.

    Attributes:
        busy: Jobs that run now.
        seconds: The time that all jobs together have run, which is what one pays for.
    """

    def __init__(self, path: str, latency: Latency, scale: float) -> None:
        self._path = path
        self._latency = latency
        self._scale = scale
        self._connections = threading.local()
        self._lock = threading.Lock()
        self.busy = 0
        self.seconds = 0.0

    def query(self, sql: str, params: Mapping[str, Any], timeout: float | None = None) -> Rows:
        """Runs one job and waits for it.

        Args:
            sql: The statement.
            params: The values of its ``:names``.
            timeout: After this time BigQuery stops the job by itself (``job_timeout_ms``).

        Raises:
            JobCancelledError: The timeout came first.
        """
        takes = self._latency.draw() * self._scale
        runs = takes if timeout is None else min(takes, max(0.0, timeout))
        with self._lock:
            self.busy += 1
        try:
            threading.Event().wait(runs)
        finally:
            with self._lock:
                self.busy -= 1
                self.seconds += runs
        if runs < takes:
            raise JobCancelledError(f"the job was stopped after {runs:g} s")
        return [dict(row) for row in self._connection().execute(sql, params)]

    def _connection(self) -> sqlite3.Connection:
        """One for each thread."""
        connection: sqlite3.Connection | None = getattr(self._connections, "one", None)
        if connection is None:
            connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
            connection.row_factory = sqlite3.Row
            self._connections.one = connection
        return connection


client = Client(
    settings.cars_db,
    Latency(settings.bigquery_hour, settings.bigquery_seed, os.environ.get("WORKER_NUMBER", "0")),
    settings.latency_scale,
)
