"""A small FastAPI application that has used tidegate before gunicorn forks its workers."""

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

import tidegate as tg

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

app = FastAPI()
ex = tg.Executor()
db = ex.sqlite(os.environ["CARS_DB"])

# Before the fork: native threads, threads for calls and a connection.
BEFORE = db.query("SELECT count(*) AS n FROM cars").result().value
PARENT = ex.call(os.getpid).result().value


def about(**more: Any) -> dict[str, Any]:
    return {"pid": os.getpid(), "parent": PARENT, "before": BEFORE, **more}


@app.get("/cars")
async def cars(make: str) -> dict[str, Any]:
    async with tg.page(10) as page:
        found = page.query(db, "SELECT model FROM cars WHERE make = :make", {"make": make})
        pid = page.add(ex.call(os.getpid))
        slow = page.query(db, ENDLESS, timeout=0.1, default=[], label="slow")
    return about(cars=found.value, called=pid.value, slow=slow.source, partial=page.partial)


@app.get("/threads")
def threads() -> dict[str, Any]:
    answer = db.query("SELECT count(*) AS n FROM cars").result()
    return about(cars=answer.value, source=answer.source)


def tell(number: int) -> None:
    """Where other processes see it."""
    Path(f"{os.environ['CARS_DB']}.hanging-{number}").touch()


@app.get("/hang")
async def hang(number: int) -> dict[str, Any]:
    operation = db.query(ENDLESS, timeout=2, default="default")
    tell(number)
    answer = await operation
    return about(value=answer.value)
