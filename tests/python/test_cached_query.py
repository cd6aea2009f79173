"""Queries behind a cache."""

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

from ..support.redis_process import redis_server
from .conftest import ENDLESS, eventually

COUNT = "SELECT count(*) AS n FROM cars WHERE price > :price"
ALL = {"price": 0}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of its own, to be changed."""
    path = tmp_path / "cars.db"
    execute(path, "CREATE TABLE cars (make TEXT, price INTEGER)")
    execute(path, "INSERT INTO cars VALUES ('Audi', 9000), ('Kia', 7000), ('Kia', 5000)")
    return path


@pytest.fixture
def db(path: Path) -> Iterator[tg.Database]:
    with tg.Executor() as executor:
        yield executor.sqlite(path)


def execute(path: Path, sql: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(sql)
    connection.close()


def test_a_query_is_asked_once_and_says_how_old_its_answer_is(db: tg.Database, path: Path) -> None:
    cache: tg.Cache[Any] = tg.Cache("once", ttl="1h")
    first = db.query(COUNT, ALL, cache=cache).result()
    execute(path, "DELETE FROM cars")
    second = db.query(COUNT, ALL, cache=cache).result()

    assert (first.source, first.age, first.value) == ("fresh", 0.0, [{"n": 3}])
    assert (second.source, second.value) == ("cached", [{"n": 3}])
    assert second.value is first.value
    assert isinstance(second.value, tg.Rows)
    assert second.version == cache.peek(db.key(COUNT, ALL)).version  # type: ignore[union-attr]
    assert cache.stats().puts == 1


async def test_it_is_awaited_like_any_other(db: tg.Database) -> None:
    cache: tg.Cache[Any] = tg.Cache("awaited", ttl="1h")
    asked = [db.query(COUNT, ALL, cache=cache) for _ in range(20)]
    answers = await asyncio.gather(*asked)

    assert all(answer.value == [{"n": 3}] for answer in answers)
    assert cache.stats().puts == 1


def test_a_loop_that_ends_takes_no_query_with_it(db: tg.Database) -> None:
    cache: tg.Cache[Any] = tg.Cache("loop", ttl="1h")

    async def ask_only() -> None:
        db.query(COUNT, ALL, cache=cache)

    asyncio.run(ask_only())
    eventually(lambda: cache.get(db.key(COUNT, ALL)) == [{"n": 3}])


def test_no_thread_of_pythons_waits_for_it(db: tg.Database) -> None:
    cache: tg.Cache[Any] = tg.Cache("threads", ttl="1h")
    before = threading.active_count()
    asked = db.query(ENDLESS, cache=cache)

    assert threading.active_count() <= before  # one of an earlier test may just end
    asked.cancel()


def test_every_part_of_a_query_tells_its_answer_from_others(
    db: tg.Database, tmp_path: Path, path: Path
) -> None:
    other = tmp_path / "other.db"
    execute(other, "CREATE TABLE cars (make TEXT, price INTEGER)")
    cache: tg.Cache[Any] = tg.Cache("parts", ttl="1h")
    same = [{"price": 1, "make": "x"}, {"make": "x", "price": 1}]
    params: list[Any] = [None, (), [], {}, [1], [1.0], ["1"], [b"1"], [None], [1, 2], {"a": 1}]
    with tg.Executor() as executor:
        elsewhere = executor.sqlite(other)
        assert db.query(COUNT, ALL, cache=cache).result().value == [{"n": 3}]
        assert db.query(COUNT, {"price": 6000}, cache=cache).result().value == [{"n": 2}]
        assert elsewhere.query(COUNT, ALL, cache=cache).result().value == [{"n": 0}]

        assert db.key(COUNT, same[0]) == db.key(COUNT, same[1])
        assert db.key(COUNT) == db.key(COUNT, ()) == db.key(COUNT, {})
        assert len({db.key(COUNT, each) for each in params}) == len(params) - 3
        assert db.key(COUNT) != elsewhere.key(COUNT)
        assert db.key(COUNT) == executor.sqlite(path).key(COUNT)


def test_its_key_forgets_it(db: tg.Database, path: Path) -> None:
    cache: tg.Cache[Any] = tg.Cache("key", ttl="1h")
    db.query(COUNT, ALL, cache=cache).result()
    execute(path, "DELETE FROM cars")

    assert cache.invalidate(db.key(COUNT, ALL))
    assert db.query(COUNT, ALL, cache=cache).result().value == [{"n": 0}]


def test_stale_rows_come_before_the_default(db: tg.Database, path: Path) -> None:
    cache: tg.Cache[Any] = tg.Cache("stale", ttl="1h")
    db.query(COUNT, ALL, cache=cache).result()
    execute(path, "DROP TABLE cars")
    cache.expire_all()
    stale = db.query(COUNT, ALL, cache=cache, default=[]).result()
    never = db.query(COUNT, {"price": 1}, cache=cache, default=[]).result()

    assert (stale.source, stale.value, stale.degraded) == ("stale", [{"n": 3}], True)
    assert isinstance(stale.reason, tg.QueryError)
    assert (never.source, never.value, never.degraded) == ("default", [], True)
    assert isinstance(never.reason, tg.QueryError)


def test_a_failure_without_a_default_is_the_querys_own(db: tg.Database) -> None:
    cache: tg.Cache[Any] = tg.Cache("failure")
    with pytest.raises(tg.QueryError, match="nothing"):
        db.query("SELECT nothing", cache=cache).result()
    made = db.query("SELECT nothing", cache=cache, default=lambda error: error.cause).result()

    assert made.value == "query_error"
    assert len(cache) == 0


def test_the_timeout_is_that_of_the_wait(db: tg.Database, path: Path) -> None:
    cache: tg.Cache[Any] = tg.Cache("wait", ttl="1h")
    with tg.Executor() as executor:
        patient = executor.sqlite(path, busy_timeout=60)
        holder = sqlite3.connect(path)
        holder.execute("BEGIN EXCLUSIVE")
        late = patient.query(COUNT, ALL, cache=cache, timeout=0.2, default=[]).result()
        lost = patient.query(COUNT, ALL, cache=cache, timeout=0.01)
        with pytest.raises(tg.Timeout):
            lost.result()
        holder.close()
        answer = patient.query(COUNT, ALL, cache=cache).result()

    assert (late.source, late.value) == ("default", [])
    assert isinstance(late.reason, tg.Timeout)
    assert answer.value == [{"n": 3}]


def test_a_page_bounds_it(db: tg.Database) -> None:
    cache: tg.Cache[Any] = tg.Cache("page", ttl="1h")
    with tg.page(20) as page:
        cars = page.query(db, COUNT, ALL, cache=cache, label="cars")
        again = page.query(db, COUNT, ALL, cache=cache, label="again")
    with tg.page(0.05) as short:
        late = short.query(db, ENDLESS, cache=cache, default=[])

    assert cars.value == again.value == [{"n": 3}]
    assert page.sources()["cars"] == "fresh"
    assert not page.partial
    assert late.source == "default"


def test_a_duration_is_the_executors_own_cache(db: tg.Database, path: Path) -> None:
    first = db.query(COUNT, ALL, cache=300).result()
    execute(path, "DELETE FROM cars")

    assert db.query(COUNT, ALL, cache="5m").result().source == "cached"
    assert first.value == [{"n": 3}]
    with tg.Executor() as other:
        assert other.sqlite(path).query(COUNT, ALL, cache=300).result().value == [{"n": 0}]


def test_an_answer_may_live_for_another_time(db: tg.Database, path: Path) -> None:
    cache: tg.Cache[Any] = tg.Cache("life", ttl="1h")
    db.query(COUNT, ALL, cache=cache, ttl=0).result()
    execute(path, "DELETE FROM cars")

    assert db.query(COUNT, ALL, cache=cache).result().value == [{"n": 0}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"cache": {}}, "cache"),
        ({"cache": True}, "cache"),
        ({"cache": -1}, "cache"),
        ({"cache": "soon"}, "cache"),
        ({"cache": 300, "ttl": 1}, "ttl"),
        ({"ttl": 1}, "ttl"),
        ({"stale_for": 1}, "stale_for"),
        ({"cache": 300, "stale_for": -1}, "stale_for"),
        ({"cache": 300, "params": {"price": object()}}, "price"),
        ({"cache": 300, "sql": 7}, "sql"),
        ({"cache": 300, "timeout": -1}, "timeout"),
    ],
)
def test_what_is_wrong_is_said_at_once(db: tg.Database, given: dict[str, Any], said: str) -> None:
    with pytest.raises(tg.InvalidArgument, match=said):
        db.query(**{"sql": COUNT, "params": ALL, **given})


def test_rows_are_shared_by_redis_as_they_are(tmp_path: Path, path: Path) -> None:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    sql = "SELECT make, price, x'00ff' AS b, NULL AS z, 0.5 AS d FROM cars WHERE make = 'Audi'"
    row = {"make": "Audi", "price": 9000, "b": b"\x00\xff", "z": None, "d": 0.5}
    with redis_server(tmp_path) as redis, tg.Executor() as executor:
        db = executor.sqlite(path)
        one, two = (
            tg.Cache[Any]("shared-rows", redis=redis.url, redis_timeout=10) for _ in range(2)
        )
        assert db.query(sql, cache=one).result().value == [row]
        eventually(lambda: one.stats().tier.stored == 1)
        execute(path, "DROP TABLE cars")
        answer = db.query(sql, cache=two).result()

        assert (answer.source, answer.value) == ("cached", [row])
        assert answer.value.columns == ("make", "price", "b", "z", "d")
