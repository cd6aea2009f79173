"""The database breaks while the server serves: every answer in time and marked, then recovery."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from .serving import PAGE, crash_while_writing, locked, make_slow, replace, until

QUERY_TIMEOUT, LATE = 3, 8.0  # together less than four queries in turn, and than the default


@contextmanager
def replaced_by_garbage(database: Path):
    good = database.read_bytes()
    replace(database, os.urandom(1 << 20))
    yield
    replace(database, good)


@contextmanager
def overwritten_with_garbage(database: Path):
    good = database.read_bytes()
    database.write_bytes(os.urandom(len(good)))  # the same file, still open in the server
    yield
    replace(database, good)


@contextmanager
def replaced_by_a_text(database: Path):
    good = database.read_bytes()
    replace(database, b"this is no database\n" * 100)
    yield
    replace(database, good)


@contextmanager
def truncated_to_nothing(database: Path):
    good = database.read_bytes()
    os.truncate(database, 0)
    yield
    database.write_bytes(good)


@contextmanager
def truncated_to_its_first_page(database: Path):
    good = database.read_bytes()
    replace(database, good[:4096])
    yield
    replace(database, good)


@contextmanager
def deleted(database: Path):
    away = database.with_suffix(".away")
    database.rename(away)
    yield
    away.rename(database)


@contextmanager
def replaced_by_a_folder(database: Path):
    away = database.with_suffix(".away")
    database.rename(away)
    database.mkdir()
    yield
    database.rmdir()
    away.rename(database)


@contextmanager
def left_by_a_writer_that_crashed(database: Path):
    crash_while_writing(database)
    yield
    with closing(sqlite3.connect(database)) as connection:  # the next writer cleans up
        connection.execute("SELECT count(*) FROM listings").fetchone()


@contextmanager
def slow(database: Path):
    good = database.read_bytes()
    make_slow(database)
    yield
    replace(database, good)


@contextmanager
def emptied_of_its_tables(database: Path):
    good = database.read_bytes()
    replace(database, b"")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE other (x)")
    yield
    replace(database, good)


FAULTS = [
    replaced_by_garbage,
    overwritten_with_garbage,
    replaced_by_a_text,
    truncated_to_nothing,
    truncated_to_its_first_page,
    deleted,
    replaced_by_a_folder,
    locked,
    left_by_a_writer_that_crashed,
    slow,
    emptied_of_its_tables,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_answer_is_in_time_and_marked_and_it_recovers(start_uncached, fault: Callable):
    server = start_uncached(
        executor__query_timeout=f"{QUERY_TIMEOUT}s", server__probe_timeout="200ms"
    )
    assert server.get().meta["source"] == "fresh"
    healthy = server.get("/health").json
    with fault(server.database):
        for query in ("?limit=4", "?limit=9", "?make=Audi"):
            answer = server.get(PAGE + query)
            assert answer.status == 200
            assert answer.seconds < QUERY_TIMEOUT + LATE
            assert (answer.meta["source"], answer.meta["degraded"]) == ("default", True)
            assert all(part["reason"] for part in answer.meta["parts"].values())
            assert len(answer.cars) >= 4
        assert server.get("/health/ready").status == 503
        assert server.get("/health/live").status == 200
        assert server.get("/metrics").status == 200
        sick = server.get("/health")
        assert sick.status == 200
        assert sick.json["status"] == "degraded"
        assert sick.json["database"] != healthy["database"]
        assert sick.json["database"]["message"]
    until(server.ready, what="the server to be ready")
    until(lambda: server.get().meta["source"] == "fresh", what="a fresh answer")
    for _ in range(20):  # on every connection of the server's to the file
        assert server.get().meta["source"] == "fresh"
    assert server.get("/health").json["status"] == "ok"


def test_a_file_cut_in_half_gives_no_false_cars(start_uncached, listings):
    server = start_uncached(executor__query_timeout=f"{QUERY_TIMEOUT}s")
    os.truncate(server.database, server.database.stat().st_size // 2)
    for limit in range(1, 20):
        answer = server.get(f"{PAGE}?limit={limit}")
        assert answer.status == 200
        assert answer.seconds < QUERY_TIMEOUT + LATE
        assert all(listings[car["id"]]["price_gbp"] == car["price_gbp"] for car in answer.cars)
        assert answer.meta["degraded"] == any(
            part["source"] == "default" for part in answer.meta["parts"].values()
        )


def test_parts_that_work_are_shown_where_others_fail(start_uncached):
    server = start_uncached()
    with closing(sqlite3.connect(server.database)) as connection:
        connection.execute("DROP TABLE medians")
    answer = server.get()
    assert (answer.meta["source"], answer.meta["degraded"]) == ("default", True)
    assert answer.meta["parts"]["best_value"]["reason"] == "query_error"
    assert [car["reason"] for car in answer.cars] == ["newest", "low_mileage", "segment", "newest"]
