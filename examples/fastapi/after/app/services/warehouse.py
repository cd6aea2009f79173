"""BigQuery queries through tidegate: each ends by its deadline, with its rows or its fallback."""

from time import monotonic
from typing import Any

import tidegate as tg
from app.queries import Query
from app.services.bigquery import Rows, client
from app.settings import settings

ex = tg.Executor(query_timeout=settings.query_timeout)
gate = tg.Gate(
    "bigquery",
    breaker=True,
    share="host" if settings.state_dir else "process",
    state_dir=settings.state_dir or None,
)
lane = ex.callables("bigquery", concurrency=settings.query_threads, gate=gate)


def ask(query: Query) -> tg.Operation[Rows]:
    """Starts one query; inside a page it is bounded by that, too."""
    until = monotonic() + settings.query_timeout if settings.job_timeout else None
    return ex.call(run, query, until, default=query.fallback, lane=lane, label=query.name)


def run(query: Query, until: float | None) -> Rows:
    """On a thread of the lane."""
    timeout = None if until is None else until - monotonic()
    return client.query(query.sql, query.params, timeout)


def stats() -> dict[str, Any]:
    """What was counted in this process."""
    mine = tg.stats().get("executor", {}).get("bigquery", {})
    settled = mine.get("settled", {})
    return {
        "queries": {
            "fresh": settled.get("fresh", 0),
            "default": sum(settled.values()) - settled.get("fresh", 0),
        },
        "zombies": mine.get("zombies", 0),
        "bigquery_s": round(client.seconds, 1),
    }
