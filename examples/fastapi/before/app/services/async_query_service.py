"""Runs BigQuery queries on a thread pool, so that they do not block the event loop."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

from app.queries import Query
from app.services.bigquery import Client, Rows, client
from app.settings import settings

log = logging.getLogger(__name__)


@dataclass
class QueryResult:
    """What a query came to: its rows, or its fallback."""

    label: str
    value: Rows
    source: str  # "fresh" or "default"

    @property
    def degraded(self) -> bool:
        return self.source == "default"


class Work:
    """One query on its way through the pool."""

    def __init__(self, query: Query, until: float | None) -> None:
        self.query = query
        self.until = until
        self.running = False
        self.given_up = False


class AsyncQueryService:
    """Runs queries in a pool of threads, each with a timeout and a fallback.

    A query that times out is answered with its fallback. A thread cannot be stopped, so it goes on
    with the query until BigQuery answers; until then it is counted as a zombie.
    """

    def __init__(
        self, bigquery: Client, *, threads: int, timeout: float, job_timeout: bool
    ) -> None:
        self._bigquery = bigquery
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bigquery")
        self._timeout = timeout
        self._job_timeout = job_timeout
        self._lock = threading.Lock()
        self._counts = {"fresh": 0, "default": 0}
        self._zombies = 0

    async def execute(self, query: Query) -> QueryResult:
        """One query. It never raises: there is always something to show."""
        work = Work(query, monotonic() + self._timeout if self._job_timeout else None)
        loop = asyncio.get_running_loop()
        try:
            rows = await asyncio.wait_for(
                loop.run_in_executor(self._pool, self._run, work), self._timeout
            )
        except asyncio.TimeoutError:
            self._give_up(work)
            log.warning("%s timed out after %g s", query.name, self._timeout)
            return self._result(query.name, query.fallback, "default")
        except asyncio.CancelledError:
            self._give_up(work)
            raise
        except Exception as error:
            log.warning("%s failed: %r", query.name, error)
            return self._result(query.name, query.fallback, "default")
        return self._result(query.name, rows, "fresh")

    async def execute_all(self, queries: Sequence[Query]) -> list[QueryResult]:
        """Several at once."""
        return list(await asyncio.gather(*(self.execute(query) for query in queries)))

    def stats(self) -> dict[str, Any]:
        """What was counted in this process."""
        return {
            "queries": dict(self._counts),
            "zombies": self._zombies,
            "bigquery_s": round(self._bigquery.seconds, 1),
        }

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _result(self, name: str, rows: Rows, source: str) -> QueryResult:
        self._counts[source] += 1
        return QueryResult(name, rows, source)

    def _run(self, work: Work) -> Rows:
        with self._lock:
            work.running = True
        try:
            timeout = None if work.until is None else work.until - monotonic()
            return self._bigquery.query(work.query.sql, work.query.params, timeout)
        finally:
            with self._lock:
                work.running = False
                if work.given_up:
                    self._zombies -= 1

    def _give_up(self, work: Work) -> None:
        with self._lock:
            if work.running:
                work.given_up = True
                self._zombies += 1


service = AsyncQueryService(
    client,
    threads=settings.query_threads,
    timeout=settings.query_timeout,
    job_timeout=settings.job_timeout,
)
