# SPDX-License-Identifier: Apache-2.0
"""The C ABI through ctypes, as another language sees it: sizes, calling convention, callbacks."""

import ctypes as c
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED = 0, 1, 3, 4
ENDLESS = b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

Handle, Out, Text = c.c_void_p, c.POINTER(c.c_void_p), c.c_char_p
CallFn = c.CFUNCTYPE(c.c_int32, Handle, c.c_void_p, Out, Out)
DoneFn = c.CFUNCTYPE(None, Handle, c.c_void_p)
FreeFn = c.CFUNCTYPE(None, c.c_void_p)


class SqliteOptions(c.Structure):
    _fields_ = (
        ("struct_size", c.c_size_t),
        ("config", Handle),
        ("writable", c.c_int32),
        ("reserved", c.c_int32),
    )


class QueryOptions(c.Structure):
    _fields_ = (
        ("struct_size", c.c_size_t),
        ("timeout_ms", c.c_int64),
        ("page", Handle),
        ("label", Text),
        ("fallback", Handle),
        ("use_fallback", c.c_int32),
        ("reserved", c.c_int32),
    )


class Answer(c.Structure):
    _fields_ = (
        ("struct_size", c.c_size_t),
        ("source", c.c_int32),
        ("degraded", c.c_int32),
        ("age_ms", c.c_int64),
        ("submitted_ns", c.c_int64),
        ("queued_ns", c.c_int64),
        ("ran_ns", c.c_int64),
        ("settled_ns", c.c_int64),
        ("version", c.c_uint64),
    )


class Event(c.Structure):
    _fields_ = (
        ("tag", c.c_uint64),
        ("op", Handle),
        ("status", c.c_int32),
        ("reserved", c.c_int32),
    )


SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "version": (Text, []),
    "error_message": (Text, [Handle]),
    "error_name": (Text, [Handle]),
    "error_free": (None, [Handle]),
    "bytes_create": (c.c_int32, [c.c_char_p, c.c_size_t, Out, Out]),
    "bytes_data": (c.c_void_p, [Handle]),
    "bytes_size": (c.c_size_t, [Handle]),
    "bytes_release": (None, [Handle]),
    "params_create": (c.c_int32, [Out, Out]),
    "params_destroy": (None, [Handle]),
    "params_set_text": (c.c_int32, [Handle, Text, Text, c.c_int64]),
    "params_set_double": (c.c_int32, [Handle, Text, c.c_double]),
    "executor_create": (c.c_int32, [Handle, Out, Out]),
    "executor_destroy": (None, [Handle]),
    "executor_add_sqlite": (c.c_int32, [Handle, Text, Text, c.POINTER(SqliteOptions), Out]),
    "executor_add_callables": (c.c_int32, [Handle, Text, c.c_int32, Out]),
    "executor_query": (
        c.c_int32,
        [Handle, Text, Text, Handle, c.POINTER(QueryOptions), Out, Out],
    ),
    "executor_call": (
        c.c_int32,
        [Handle, Text, CallFn, c.c_void_p, FreeFn, c.c_void_p, Out, Out],
    ),
    "op_wait": (c.c_int32, [Handle, c.c_int64]),
    "op_done": (c.c_int, [Handle]),
    "op_cancel": (c.c_int32, [Handle]),
    "op_on_done": (c.c_int32, [Handle, DoneFn, c.c_void_p, FreeFn, Out]),
    "op_status": (c.c_int32, [Handle, Out]),
    "op_answer": (c.c_int32, [Handle, c.POINTER(Answer), Out]),
    "op_rows": (c.c_int32, [Handle, Out, Out]),
    "op_bytes": (c.c_int32, [Handle, Out, Out]),
    "op_release": (None, [Handle]),
    "rows_size": (c.c_size_t, [Handle]),
    "rows_int64": (c.c_int64, [Handle, c.c_size_t, c.c_size_t]),
    "rows_double": (c.c_double, [Handle, c.c_size_t, c.c_size_t]),
    "rows_text": (c.c_void_p, [Handle, c.c_size_t, c.c_size_t, c.POINTER(c.c_size_t)]),
    "rows_release": (None, [Handle]),
    "page_create": (c.c_int32, [c.c_int64, Out, Out]),
    "page_wait": (c.c_int32, [Handle, c.c_int64]),
    "page_destroy": (None, [Handle]),
    "queue_create": (c.c_int32, [Out, Out]),
    "queue_fd": (c.c_int, [Handle]),
    "queue_add": (c.c_int32, [Handle, Handle, c.c_uint64, Out]),
    "queue_next": (c.c_size_t, [Handle, c.POINTER(Event), c.c_size_t]),
    "queue_destroy": (None, [Handle]),
    "runtime_handle_count": (c.c_size_t, []),
}


def load() -> dict[str, object]:
    library = c.CDLL(os.environ["TIDEGATE_C_LIBRARY"])
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, f"tidegate_{name}")
        function.restype, function.argtypes = result, arguments
    return {name: getattr(library, f"tidegate_{name}") for name in SIGNATURES}


class Library:
    """tidegate_* as attributes; made() calls a function whose last but one argument is a result."""

    def __init__(self) -> None:
        self.__dict__.update(load())

    def made(self, name: str, *arguments: object) -> int:
        out = c.c_void_p()
        status = getattr(self, name)(*arguments, c.byref(out), None)
        assert status == OK
        assert out.value is not None
        return out.value


@pytest.fixture(scope="module")
def tg() -> Library:
    return Library()


@pytest.fixture
def executor(tg: Library, tmp_path: Path) -> Iterator[int]:
    before = tg.runtime_handle_count()
    executor = tg.made("executor_create", None)
    options = SqliteOptions(c.sizeof(SqliteOptions), writable=1)
    path = str(tmp_path / "cars.db").encode()
    assert tg.executor_add_sqlite(executor, b"db", path, c.byref(options), None) == OK
    assert tg.executor_add_callables(executor, b"calls", 2, None) == OK
    for sql in (
        b"CREATE TABLE cars (make TEXT, price REAL)",
        b"INSERT INTO cars VALUES ('Kia', 9)",
    ):
        op = tg.made("executor_query", executor, b"db", sql, None, None)
        assert tg.op_wait(op, -1) == OK
        assert tg.op_status(op, None) == OK
        tg.op_release(op)
    yield executor
    tg.executor_destroy(executor)

    # The last reference to a call may go on the library's thread, just after its end was told.
    patience = time.monotonic() + 30
    while tg.runtime_handle_count() != before and time.monotonic() < patience:
        threading.Event().wait(0.001)

    assert before == tg.runtime_handle_count()


def text_of(tg: Library, rows: int, row: int, column: int) -> bytes:
    size = c.c_size_t()
    data = tg.rows_text(rows, row, column, c.byref(size))
    return c.string_at(data, size.value)


def test_a_query_with_parameters_yields_rows(tg: Library, executor: int) -> None:
    params = tg.made("params_create")
    assert tg.params_set_text(params, b"make", b"Kia", -1) == OK
    assert tg.params_set_double(params, b"most", 10.5) == OK
    sql = b"SELECT make, price FROM cars WHERE make = :make AND price < :most"
    op = tg.made("executor_query", executor, b"db", sql, params, None)
    assert tg.op_wait(op, -1) == OK
    rows = tg.made("op_rows", op)

    assert tg.rows_size(rows) == 1
    assert text_of(tg, rows, 0, 0) == b"Kia"
    assert tg.rows_double(rows, 0, 1) == 9.0

    for give_back, handle in (("rows_release", rows), ("op_release", op)):
        getattr(tg, give_back)(handle)
    tg.params_destroy(params)


def test_the_structs_have_the_sizes_of_the_header(tg: Library, executor: int) -> None:
    options = QueryOptions(c.sizeof(QueryOptions), timeout_ms=30, use_fallback=1)
    op = tg.made("executor_query", executor, b"db", ENDLESS, None, c.byref(options))
    assert tg.op_wait(op, -1) == OK
    answer = Answer(c.sizeof(Answer))
    assert tg.op_answer(op, c.byref(answer), None) == OK

    assert (answer.source, answer.degraded) == (3, 1)
    assert answer.submitted_ns + answer.queued_ns + answer.ran_ns == answer.settled_ns

    tg.op_release(op)
    options.struct_size -= 1
    out = c.c_void_p()
    arguments = (executor, b"db", b"SELECT 1", None, c.byref(options), c.byref(out), None)
    assert tg.executor_query(*arguments) == INVALID_ARGUMENT


def test_operations_are_driven_from_one_poll(tg: Library, executor: int) -> None:
    queue = tg.made("queue_create")
    for tag in range(5):
        op = tg.made("executor_query", executor, b"db", b"SELECT %d" % tag, None, None)
        assert tg.queue_add(queue, op, tag, None) == OK
        tg.op_release(op)
    poll = select.poll()
    poll.register(tg.queue_fd(queue), select.POLLIN)
    events, seen = (Event * 3)(), {}
    while len(seen) < 5:
        assert poll.poll(30_000)
        for event in events[: tg.queue_next(queue, events, 3)]:
            rows = tg.made("op_rows", event.op)
            seen[event.tag] = tg.rows_int64(rows, 0, 0)
            tg.rows_release(rows)
            tg.op_release(event.op)

    assert {tag: tag for tag in range(5)} == seen
    tg.queue_destroy(queue)


def test_a_python_function_runs_on_a_thread_of_the_library(tg: Library, executor: int) -> None:
    ran_in, freed, heard = [], threading.Event(), threading.Event()

    @CallFn
    def call(stop: int, user: int, result: object, error: object) -> int:
        ran_in.append(threading.get_ident())
        return tg.bytes_create(b"from \0Python", 12, result, error)

    free = FreeFn(lambda user: freed.set())
    done = DoneFn(lambda op, user: heard.set())
    op = tg.made("executor_call", executor, b"calls", call, 7, free, None)
    assert tg.op_on_done(op, done, None, FreeFn(0), None) == OK
    assert tg.op_wait(op, -1) == OK
    assert freed.wait(30)
    assert heard.wait(30)
    data = tg.made("op_bytes", op)

    assert c.string_at(tg.bytes_data(data), tg.bytes_size(data)) == b"from \0Python"
    assert ran_in != [threading.get_ident()]
    tg.bytes_release(data)
    tg.op_release(op)


def test_an_error_is_an_object_of_the_callers(tg: Library, executor: int) -> None:
    op = tg.made("executor_query", executor, b"db", b"SELECT nothing", None, None)
    assert tg.op_wait(op, -1) == OK
    error = c.c_void_p()
    assert tg.op_status(op, c.byref(error)) == INVALID_ARGUMENT

    assert tg.error_name(error) == b"query_error"
    assert b"nothing" in tg.error_message(error)
    tg.error_free(error)
    assert b"no tidegate_error" in tg.error_message(error)
    tg.op_release(op)


@pytest.mark.parametrize("wrong", [None, 1, 4096, 2**64 - 1])
def test_a_number_that_is_no_handle_is_refused(tg: Library, wrong: int | None) -> None:
    assert tg.op_wait(wrong, -1) == INVALID_ARGUMENT
    assert tg.op_done(wrong) == 0
    tg.op_release(wrong)


CLOSE = """
import sys
sys.path.insert(0, {folder!r})
import _ctypes
from test_ctypes import *

library = c.CDLL(os.environ["TIDEGATE_C_LIBRARY"])
tg = Library()
executor = tg.made("executor_create", None)
assert tg.executor_add_sqlite(executor, b"db", b":memory:", None, None) == OK
op = tg.made("executor_query", executor, b"db", ENDLESS, None, None)
for _ in range(3):
    _ctypes.dlclose(library._handle)
assert "libtidegate-c" in Path("/proc/self/maps").read_text()
assert tg.op_cancel(op) == OK
assert tg.op_wait(op, -1) == OK
"""


def test_the_library_stays_where_it_is_while_its_threads_run() -> None:
    script = CLOSE.format(folder=str(Path(__file__).parent))
    run = subprocess.run([sys.executable, "-c", script], timeout=50, check=False)
    assert run.returncode == 0


EXIT = """
import sys
sys.path.insert(0, {folder!r})
from test_ctypes import *

tg = Library()
executor = tg.made("executor_create", None)
assert tg.executor_add_callables(executor, b"calls", 2, None) == OK
entered = threading.Semaphore(0)

@CallFn
def waits(stop, user, result, error):
    entered.release()
    threading.Event().wait()

@CallFn
def works(stop, user, result, error):
    entered.release()
    while True:
        pass

done = DoneFn(lambda op, user: None)
for call in (waits, works):
    op = tg.made("executor_call", executor, b"calls", call, None, FreeFn(0), None)
    tg.op_on_done(op, done, None, FreeFn(0), None)
    entered.acquire()
"""


def exits(times: int) -> None:
    script = EXIT.format(folder=str(Path(__file__).parent))
    for _ in range(times):
        run = subprocess.run(
            [sys.executable, "-c", script], timeout=50, check=False, stderr=subprocess.PIPE
        )
        assert (run.returncode, run.stderr) == (0, b"")


def test_the_interpreter_exits_while_callables_wait_and_work() -> None:
    exits(3)


@pytest.mark.deep
def test_the_interpreter_exits_while_callables_wait_and_work_many_times() -> None:
    exits(100)
