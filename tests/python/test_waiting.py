"""Synchronous waiting: timeouts and signals."""

import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg

INTERRUPTED = """
import sys, tidegate as tg, threading, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
db = tg.Executor().sqlite(sys.argv[1])
operation = db.query(sys.argv[2], timeout=50)
watch = threading.Thread(target=lambda: (sys.stdin.readline(), os.kill(os.getpid(), signal.SIGINT)))
watch.start()
try:
    print("waiting", flush=True)
    operation.result()
except KeyboardInterrupt:
    print("interrupted", operation.done)
"""


def test_a_wait_ends_before_the_operation(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """NotReady is a TimeoutError, and the operation goes on."""
    gate = tools.Gate()
    operation = ex.call(gate)
    with pytest.raises(TimeoutError) as caught:
        operation.result(timeout="1ms")

    assert isinstance(caught.value, tg.NotReady)
    assert (operation.source, operation.ok, operation.error) == (None, False, None)
    with pytest.raises(tg.NotReady):
        _ = operation.value
    gate.open.set()
    assert operation.result().value == "through"


def test_a_signal_handler_runs_during_a_wait(db: tg.Database, tools: SimpleNamespace) -> None:
    """[F-8] What it raises comes out of result(), long before the operation's end."""

    class RingError(Exception):
        pass

    def ring(*_: Any) -> None:
        raise RingError

    before = signal.signal(signal.SIGALRM, ring)
    operation = db.query(tools.ENDLESS, timeout=50)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(RingError):
            operation.result()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert not operation.done
    operation.cancel()


def test_control_c_is_heard_during_a_wait(cars: Any, tools: SimpleNamespace) -> None:
    """[F-8] It is a KeyboardInterrupt, as everywhere."""
    import subprocess
    import sys

    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(cars), tools.ENDLESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    out, err = child.communicate("go\n", timeout=30)

    assert (out, err, child.returncode) == ("interrupted False\n", "", 0)


def test_many_threads_wait_for_one_operation(ex: tg.Executor, tools: SimpleNamespace) -> None:
    """All get the same answer."""
    gate = tools.Gate()
    operation = ex.call(gate, object())
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda: answers.append(operation.result())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    gate.open.set()
    for thread in threads:
        thread.join(20)

    assert len(answers) == 8
    assert len({id(answer) for answer in answers}) == 1
