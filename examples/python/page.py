"""A page of a FastAPI kind: queries, a blocking function and a coroutine under one deadline."""

import asyncio
import json
import sys
from typing import Any

import tidegate as tg

ENDLESS = "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT * FROM n) SELECT count(*) FROM n"

ex = tg.Executor()  # at module level: it starts nothing, and works in forked workers
db = ex.sqlite(sys.argv[1] if len(sys.argv) > 1 else ":memory:", name="cars")


def exchange_rate() -> float:
    """A blocking function; it runs on a thread of its lane."""
    return 1.17


async def advertisement() -> str:
    """A coroutine function; it runs as a task of this loop."""
    raise ConnectionError("the advertiser is away")


async def home(make: str) -> dict[str, Any]:
    async with tg.page("18s") as page:
        cars = page.query(db, "SELECT :make AS make, 21000 AS price", {"make": make}, label="cars")
        report = page.query(db, ENDLESS, timeout="100ms", default=[], label="report")
        rate = page.add(ex.call(exchange_rate, default=1.0, label="rate"))
        ad = page.add(ex.call(advertisement, default=lambda error: str(error), label="ad"))
    return {
        "cars": cars.value,
        "report": report.value,
        "rate": rate.value,
        "ad": ad.value,
        "meta": {"partial": page.partial, "sources": page.sources()},
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(home("Audi")), indent=2))
