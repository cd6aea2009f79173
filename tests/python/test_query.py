"""Queries and their answers, in synchronous code."""

import json
import pickle
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tidegate as tg


def test_rows_are_a_list_of_dicts_with_columns(db: tg.Database) -> None:
    """The value of a query is what a JSON encoder takes as it is."""
    answer = db.query("SELECT make, price FROM cars ORDER BY price").result()

    assert answer.value[:2] == [{"make": "Škoda", "price": 7000}, {"make": "Audi", "price": 9000}]
    assert answer.value.columns == ("make", "price")
    assert json.loads(json.dumps(answer.value)) == answer.value
    assert isinstance(answer.value, tg.Rows)


def test_rows_are_made_once(db: tg.Database) -> None:
    """Whoever asks gets the same rows."""
    operation = db.query("SELECT * FROM cars")
    answer = operation.result()

    assert answer.value is operation.value
    assert answer is operation.result()


def test_columns_are_known_without_rows(db: tg.Database) -> None:
    """An empty result names its columns."""
    rows = db.query("SELECT make, model FROM cars WHERE price < 0").result().value

    assert rows == []
    assert rows.columns == ("make", "model")


def test_params_go_by_name_and_by_position(db: tg.Database) -> None:
    """Both kinds of placeholder are bound."""
    by_name = db.query(
        "SELECT model FROM cars WHERE make = :m AND price > @p", {"m": "Audi", "p": 9000}
    )
    by_position = db.query("SELECT model FROM cars WHERE make = ? AND price > ?", ["Audi", 9000])

    assert [{"model": "A3"}] == by_name.result().value == by_position.result().value


def test_params_are_never_spliced_into_the_statement(db: tg.Database) -> None:
    """Quotes, comments and NUL are text like any other."""
    evil = "Audi'; DROP TABLE cars; --\0\""
    answer = db.query("SELECT :e AS e, (SELECT count(*) FROM cars) AS n", {"e": evil}).result()

    assert [{"e": evil, "n": 3}] == answer.value


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)


# How fast the machine makes values proves nothing.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=values)
def test_every_value_comes_back_as_it_was(cars: Path, value: Any) -> None:
    """What is bound is what is read."""
    with tg.Executor() as ex:
        got = ex.sqlite(cars).query("SELECT ? AS v", [value]).result().value[0]["v"]

    assert (type(value), value) == (type(got), got)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"a": object()}, "'a'"),
        ({"a": 2**63}, "'a'"),
        ([1, [2]], "number 2"),
        ({"a": "\ud800"}, "'a'"),
        ({1: 2}, "name of a parameter"),
        ("text", "mapping"),
        (5, "mapping"),
    ],
)
def test_a_param_that_cannot_be_bound_is_named(db: tg.Database, params: Any, named: str) -> None:
    """It is refused at once, before anything runs."""
    with pytest.raises(tg.InvalidArgument, match=named):
        db.query("SELECT :a", params)


@pytest.mark.parametrize("wrong", [5, None, b"SELECT 1", "SELECT '\ud800'"])
def test_texts_are_texts(ex: tg.Executor, db: tg.Database, wrong: Any) -> None:
    """The statement and the label are str, without lone surrogates."""
    with pytest.raises(tg.InvalidArgument, match="sql"):
        db.query(wrong)
    with pytest.raises(tg.InvalidArgument, match="label"):
        db.query("SELECT 1", label=wrong)
    with pytest.raises(tg.InvalidArgument, match="label"):
        ex.call(int, label=wrong)


def test_a_missing_param_fails_the_query(db: tg.Database) -> None:
    """A statement whose parameters are not all given does not run."""
    with pytest.raises(tg.InvalidArgument, match="'b'"):
        db.query("SELECT :a, :b", {"a": 1}).result()


def test_bad_sql_is_a_query_error(db: tg.Database) -> None:
    """The engine's own words come through."""
    operation = db.query("SELEC 1")
    with pytest.raises(tg.QueryError, match="syntax error"):
        operation.result()

    assert not operation.ok
    assert operation.source is None
    assert isinstance(operation.error, tg.QueryError)
    assert operation.timings is not None


def test_a_database_is_read_only_unless_asked(ex: tg.Executor, cars: Path, tmp_path: Path) -> None:
    """Writing needs writable=True, which also makes the file."""
    with pytest.raises(tg.QueryError, match="writes"):
        ex.sqlite(cars).query("DELETE FROM cars").result()
    made = ex.sqlite(tmp_path / "new.db", writable=True, concurrency=1)
    made.query("CREATE TABLE t (a)").result()
    made.query("INSERT INTO t VALUES (1)").result()

    assert made.query("SELECT a FROM t").result().value == [{"a": 1}]


def test_a_database_that_is_not_there_is_unavailable(ex: tg.Executor, tmp_path: Path) -> None:
    """It is a ConnectionError, and it is retryable."""
    with pytest.raises(ConnectionError) as caught:
        ex.sqlite(tmp_path / "none.db").query("SELECT 1").result()

    assert isinstance(caught.value, tg.EngineUnavailable)
    assert caught.value.retryable


def test_a_broken_database_is_corrupt(ex: tg.Executor, tmp_path: Path) -> None:
    """Garbage is told from absence."""
    path = tmp_path / "broken.db"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(tg.EngineCorrupt):
        ex.sqlite(path).query("SELECT * FROM t").result()


def test_a_locked_database_is_busy(ex: tg.Executor, tmp_path: Path) -> None:
    """It waits for the lock as long as busy_timeout says, no longer."""
    path = tmp_path / "locked.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE t (a)")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(tg.EngineBusy):
            ex.sqlite(path, busy_timeout="20ms").query("SELECT * FROM t").result()
    finally:
        holder.close()


def test_too_many_rows_are_refused(ex: tg.Executor, cars: Path) -> None:
    """The bound is on the answer, nothing of which is kept."""
    with pytest.raises(tg.TooLarge):
        ex.sqlite(cars, max_rows=2).query("SELECT * FROM cars").result()


def test_a_default_stands_in_for_a_late_answer(db: tg.Database, tools: SimpleNamespace) -> None:
    """[Q1] It is used as it is, and the answer says so."""
    nothing: list[Any] = []
    operation = db.query(tools.ENDLESS, timeout=0.05, default=nothing)
    answer = operation.result()

    assert answer.value is nothing
    assert (answer.source, answer.degraded) == ("default", True)
    assert isinstance(answer.reason, tg.Timeout)
    assert operation.ok
    assert operation.error is answer.reason


def test_a_default_may_be_made_from_the_error(db: tg.Database) -> None:
    """A callable gets the error, once."""
    seen = []
    operation = db.query("SELEC 1", default=lambda error: seen.append(error) or "made")

    assert "made" == operation.result().value == operation.value
    assert [error.cause for error in seen] == ["query_error"]


def test_a_default_that_raises_leaves_the_first_error(db: tg.Database) -> None:
    """[Q3] Its own exception is chained."""
    operation = db.query("SELEC 1", default=lambda _: 1 / 0)

    for _ in range(2):
        with pytest.raises(tg.QueryError) as caught:
            operation.result()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_late_work_is_really_stopped(db: tg.Database, lane: Any, tools: SimpleNamespace) -> None:
    """[Q1] After the deadline the ticks of the virtual machine are those of others alone."""
    with pytest.raises(tg.Timeout):
        db.query(tools.ENDLESS, timeout=0.05).result()
    tools.eventually(lambda: lane("executor")["zombies"] == 0)
    ticks = []
    for _ in range(3):
        db.query(tools.count_to(20_000)).result()
        ticks.append(lane("sqlite")["progress_ticks"])

    assert ticks[0] > 0
    assert ticks[2] - ticks[1] == ticks[1] - ticks[0]


def test_cancel_ends_the_operation(db: tg.Database, tools: SimpleNamespace) -> None:
    """It does so at once, and again it does nothing."""
    operation = db.query(tools.ENDLESS)
    operation.cancel()
    operation.cancel()

    assert operation.done
    with pytest.raises(tg.Cancelled):
        operation.result()


def test_what_is_cancelled_has_no_default(db: tg.Database, tools: SimpleNamespace) -> None:
    """Who cancels wants no answer."""
    operation = db.query(tools.ENDLESS, default=[])
    operation.cancel()

    assert not operation.ok
    with pytest.raises(tg.Cancelled):
        operation.result()


def test_a_queue_that_is_full_refuses(cars: Path, tools: SimpleNamespace) -> None:
    """Refused at once means that it has ended when query() returns."""
    with tg.Executor(queue=1) as ex:
        db = ex.sqlite(cars, concurrency=1)
        operations = [db.query(tools.ENDLESS) for _ in range(3)]

        assert operations[2].done
        with pytest.raises(tg.Overloaded) as caught:
            operations[2].result()
        assert caught.value.cause == "queue_full"


def test_a_closed_executor_ends_and_refuses(cars: Path, tools: SimpleNamespace) -> None:
    """What is in flight ends as Closed, which is a RuntimeError."""
    ex = tg.Executor()
    db = ex.sqlite(cars)
    operation = db.query(tools.ENDLESS)
    ex.close()

    for ended in (operation, db.query("SELECT 1")):
        with pytest.raises(RuntimeError) as caught:
            ended.result()
        assert isinstance(caught.value, tg.Closed)


def test_an_operation_keeps_its_executor(cars: Path) -> None:
    """Dropping every name of the executor does not end what it runs."""
    operation = tg.Executor().sqlite(cars).query("SELECT count(*) AS n FROM cars")

    assert operation.result().value == [{"n": 3}]


def test_an_answer_says_where_the_time_went(db: tg.Database) -> None:
    """Its points in time are in order and on the clock of time.monotonic()."""
    timings = db.query("SELECT 1").result().timings

    assert timings is not None
    assert timings.queued >= 0
    assert timings.ran > 0
    assert timings.settled_at == pytest.approx(timings.submitted + timings.elapsed)


def test_answers_and_rows_pickle(db: tg.Database) -> None:
    """A cache may keep them."""
    answer = db.query("SELECT make FROM cars").result()
    copy = pickle.loads(pickle.dumps(answer))

    assert (answer.value, answer.source, answer.timings) == (copy.value, copy.source, copy.timings)
    assert copy.value.columns == ("make",)


def test_text_that_is_no_utf8_is_replaced(ex: tg.Executor, tmp_path: Path) -> None:
    """A broken text does not break the answer."""
    path = tmp_path / "latin.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t AS SELECT CAST(x'e9e9' AS TEXT) AS a")
    connection.commit()
    connection.close()

    assert ex.sqlite(path).query("SELECT a FROM t").result().value == [{"a": "\ufffd\ufffd"}]
