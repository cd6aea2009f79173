"""Forks: every handle that was made before works in the parent and in the child."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..support.forks import in_child, unexpected
from ..support.http_server import http_server

PRELUDE = """
import asyncio, os, sys, threading, warnings
import tidegate as tg
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
ex = tg.Executor()
db = ex.sqlite(sys.argv[1])
lane = ex.callables("calls", concurrency=2)
cache = tg.Cache()
@tg.cached()
async def cached(a): return [a]

def use():
    key = os.getpid()
    cache.put(key, [key])
    assert cache.get(key) == [key]
    assert [42] == cache.get_or_load(("loaded", key), lambda: [42]).result(20).value
    assert [{"n": 3}] == db.query("SELECT count(*) AS n FROM cars").result(20).value
    kept = [db.query("SELECT ? AS n", [key], cache=cache).result(20) for _ in range(2)]
    assert [[{"n": key}]] * 2 == [answer.value for answer in kept]
    assert "cached" == kept[1].source
    assert 42 == ex.call(lambda: 42, lane=lane).result(20).value
    asyncio.run(use_async())

async def use_async():
    async def work(): return 43
    assert [{"n": 3}] == (await db.query("SELECT count(*) AS n FROM cars")).value
    assert 43 == (await ex.call(work, lane=lane)).value
    async def load(): return 44
    key = ("async", os.getpid(), len(cache))
    assert 44 == (await cache.get_or_load(key, load)).value
    assert await cached(1) is await cached(1)

def fork(work):
    # What the child prints on its stderr fails the test.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    return child

def reap(child):
    assert os.waitpid(child, 0)[1] == 0
"""

SCENARIOS = {
    "before the first use": """
child = fork(use)
use()
reap(child)
""",
    "after the first use": """
use()
child = fork(use)
use()
reap(child)
""",
    "twice": """
use()
def again():
    use()
    reap(fork(use))
    use()
reap(fork(again))
use()
""",
    "with a query in flight": """
operation = db.query(ENDLESS, timeout=30)
def in_child():
    use()
    assert not operation.done
    for ask in (lambda: operation.result(), lambda: asyncio.run(wait()), lambda: operation.value):
        try:
            ask()
        except RuntimeError as error:
            assert isinstance(error, (tg.Closed, tg.NotReady)), error
        else:
            raise AssertionError
async def wait():
    await operation
child = fork(in_child)
reap(child)
assert not operation.done
use()
operation.cancel()
""",
    "with values in the cache": """
cache.put("k", 1)
def in_child():
    assert cache.get("k") is None and cache.peek("k") is None and len(cache) == 0
    use()
reap(fork(in_child))
assert cache.get("k") == 1
""",
    "with loads in flight": """
gate = threading.Event()
begun = threading.Event()
def load():
    begun.set()
    gate.wait()
    return "parent's"
operation = cache.get_or_load("k", load)
async def hang(): await asyncio.get_running_loop().create_future()
loop = asyncio.new_event_loop()
async def ask(): return cache.get_or_load("l", hang)
other = loop.run_until_complete(ask())
assert begun.wait(20)
def in_child():
    global operation, other
    use()
    assert cache.get_or_load("k", lambda: "child's").result(20).value == "child's"
    try:
        operation.result()
    except tg.Closed:
        pass
    del operation, other
    import gc
    gc.collect()
    use()
reap(fork(in_child))
use()
gate.set()
assert operation.result(20).value == "parent's"
loop.close()
""",
    "with a load that was prepared and has not begun": """
from tidegate._loads import Loads
prepare = Loads.prepare
def fork_after(self, *args):
    made = prepare(self, *args)
    Loads.prepare = prepare
    reap(fork(use))  # ends the thread that was to run it
    return made
Loads.prepare = fork_after
assert cache.get_or_load("k", lambda: "loaded").result(20).value == "loaded"
""",
    "with a call in flight": """
gate = threading.Event()
begun = threading.Event()
def stuck():
    begun.set()
    gate.wait()
    return "parent's"
operation = ex.call(stuck, lane=lane)
assert begun.wait(20)
reap(fork(use))
use()
gate.set()
assert operation.result(20).value == "parent's"
""",
    "inside a call": """
def forks():
    return os.waitpid(fork(use), 0)[1]
assert ex.call(forks, lane=lane).result(20).value == 0
use()
""",
    "inside a call that goes on in the child": """
def forks():
    return os.fork()
child = ex.call(forks, lane=lane).result(20).value
reap(child)
use()
""",
    "inside a running loop": """
async def main():
    await use_async()
    reap(fork(use))
    await use_async()
asyncio.run(main())
""",
    "with a loop that is used in both": """
loop = asyncio.SelectorEventLoop(__import__("selectors").SelectSelector())
loop.run_until_complete(use_async())
child = fork(lambda: loop.run_until_complete(use_async()))
loop.run_until_complete(use_async())
reap(child)
loop.close()
""",
    "from another thread": """
use()
children = []
thread = threading.Thread(target=lambda: children.append(fork(use)))
thread.start()
thread.join()
reap(children[0])
use()
""",
    "by multiprocessing": """
import multiprocessing
use()
context = multiprocessing.get_context("fork")
processes = [context.Process(target=use) for _ in range(3)]
for process in processes:
    process.start()
for process in processes:
    process.join(20)
    assert process.exitcode == 0
use()
""",
    "with futures": """
pool = ex.as_executor("futures")
assert pool.submit(pow, 2, 3).result(20) == 8
def in_child():
    assert pool.submit(pow, 2, 4).result(20) == 16
reap(fork(in_child))
assert pool.submit(pow, 2, 5).result(20) == 32
""",
    "in a child that ends in each way": """
use()
for end in (lambda: os._exit(0), lambda: sys.exit(0), lambda: os.execv("/bin/true", ["true"])):
    child = os.fork()
    if child == 0:
        use()
        end()
    reap(child)
    use()
""",
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_handles_work_on_after_a_fork(cars: Path, tools: Any, scenario: str) -> None:
    """[F-1] The child starts empty, the parent notices nothing, CPython need not warn."""
    script = PRELUDE
    if "in flight" in scenario or "inside" in scenario or "thread" in scenario:
        # With work in flight there are threads, and CPython 3.12 is right to warn.
        script += "warnings.simplefilter('ignore', DeprecationWarning)\n"
    done = tools.run_script(script + SCENARIOS[scenario], str(cars))

    assert (done.returncode, unexpected(done.stderr)) == (0, "")


HTTP = """
http, sync, url = tg.AsyncClient(timeout=60), tg.Client(), sys.argv[2]
async def gather():
    return [r.status for r in await asyncio.gather(*(http.get(url) for _ in range(4)))]
def request():
    assert sync.get(url).status == 200
    assert asyncio.run(gather()) == [200] * 4
"""

HTTP_SCENARIOS = {
    "before the first request": """
child = fork(request)
request()
reap(child)
""",
    "over kept connections": """
request()
def in_child():
    assert not sync.get(url).reused
    request()
reap(fork(in_child))
assert sync.get(url).reused
request()
""",
    "with a request in flight": """
held = http.get(url + "/hold")
sys.stdin.readline()
async def wait():
    await held
def in_child():
    request()
    for ask in (held.result, lambda: asyncio.run(wait())):
        try:
            ask()
        except tg.Closed:
            pass
        else:
            raise AssertionError
reap(fork(in_child))
assert not held.done
request()
held.cancel()
""",
}


@pytest.mark.parametrize("scenario", HTTP_SCENARIOS)
def test_clients_work_on_after_a_fork(cars: Path, scenario: str) -> None:
    """[F-1] The child opens connections of its own and leaves its parent's alone."""
    script = PRELUDE + HTTP
    if "in flight" in scenario:
        script += "warnings.simplefilter('ignore', DeprecationWarning)\n"
    with http_server() as server:
        command = [sys.executable, "-W", "error", "-c", script + HTTP_SCENARIOS[scenario]]
        with subprocess.Popen(
            [*command, str(cars), server.url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if "in flight" in scenario:
                assert server.holding.acquire(timeout=20)
            _, stderr = process.communicate("\n", timeout=60)

    assert (process.returncode, unexpected(stderr)) == (0, "")


ENDS = {
    "os._exit": "os._exit(0)",
    "sys.exit": "sys.exit(0)",
    "exec": "os.execv('/bin/true', ['true'])",
    "SIGKILL": "os.kill(os.getpid(), signal.SIGKILL)",
}

PARENT = """
import signal
warnings.simplefilter("ignore", DeprecationWarning)  # there are threads, and that is the point
db = ex.sqlite(sys.argv[1], name="held", concurrency=2)  # a thread for the endless one, one beside

def opens():
    return tg.stats()["sqlite"]["held"]["opens"]

async def main():
    operation = db.query(ENDLESS, timeout=60)  # keeps the threads and their connections
    waiting = asyncio.ensure_future(operation)
    gate = threading.Event()
    call = ex.call(gate.wait, lane=lane)
    await use_async()
    assert opens() == 2
    for used_there in (False, True):
        child = os.fork()
        if child == 0:
            if used_there:
                use()
            END
        status = os.waitpid(child, 0)[1]
        assert os.waitstatus_to_exitcode(status) in (0, -signal.SIGKILL), status
        await use_async()
        assert not waiting.done() and not call.done
    gate.set()
    assert (await call).value is True
    operation.cancel()
    assert isinstance((await asyncio.gather(waiting, return_exceptions=True))[0], tg.Cancelled)
    assert opens() == 2, opens()
asyncio.run(main())
"""


@pytest.mark.parametrize("end", ENDS)
def test_what_the_parent_holds_outlives_its_children(cars: Path, tools: Any, end: str) -> None:
    """[F-2] Connections, calls in flight and the loop's descriptor, whatever ends a child."""
    done = tools.run_script(PRELUDE + PARENT.replace("END\n", ENDS[end] + "\n", 1), str(cars))
    assert (done.returncode, unexpected(done.stderr)) == (0, "")


def test_the_hook_can_be_turned_off(cars: Path, tools: Any) -> None:
    """TIDEGATE_ATFORK=0 leaves the threads alone; handles work all the same."""
    script = PRELUDE + (
        "warnings.simplefilter('ignore', DeprecationWarning)\n"
        "use()\n"
        "before = tg._native.core.thread_count()\n"
        "child = fork(use)\n"
        "assert tg._native.core.thread_count() == before > 0\n"
        "reap(child)\n"
        "use()\n"
    )
    done = tools.run_script(script, str(cars), TIDEGATE_ATFORK="0")

    assert (done.returncode, done.stderr) == (0, "")


FORKS_IDLE = """
from time import monotonic
until = monotonic() + 20
while True:
    use()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        reap(fork(lambda: None))
    if tg._native.core.thread_count() == 0 and threading.active_count() == 1 and not said:
        break
    # The machine may stand still for longer than a fork waits for idle threads.
    assert monotonic() < until, (tg._native.core.thread_count(), threading.enumerate(), said)
"""


def test_threads_are_joined_before_a_fork(cars: Path, tools: Any) -> None:
    """[F-1] A process that is idle has one thread when it forks."""
    done = tools.run_script(PRELUDE + FORKS_IDLE, str(cars))

    assert (done.returncode, unexpected(done.stderr)) == (0, "")


FORKS_UNDER_LOAD = """
warnings.simplefilter("ignore", DeprecationWarning)
stop = threading.Event()
def load():
    while not stop.is_set():
        db.query("SELECT count(*) FROM cars").result(20)
        ex.call(lambda: None, lane=lane).result(20)
threads = [threading.Thread(target=load) for _ in range(3)]
for thread in threads:
    thread.start()
def ask():
    assert [{"n": 3}] == db.query("SELECT count(*) AS n FROM cars").result(20).value
for i in range(int(sys.argv[2])):
    reap(fork(ask))
stop.set()
for thread in threads:
    thread.join()
use()
"""


@pytest.mark.parametrize("forks", [30, pytest.param(1000, marks=pytest.mark.deep)])
@pytest.mark.timeout(400)
def test_forks_under_load_never_deadlock(cars: Path, tools: Any, forks: int) -> None:
    """[F-3] Whatever mutex another thread holds at that moment."""
    done = tools.run_script(PRELUDE + FORKS_UNDER_LOAD, str(cars), str(forks), timeout=380)

    assert (done.returncode, unexpected(done.stderr)) == (0, "")


def test_a_child_of_a_test_ends_with_its_answer_also_where_it_throws(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Or a second pytest would go on from here."""
    assert in_child(lambda: True)
    assert not in_child(lambda: False)
    assert capfd.readouterr().err == ""

    def gives_up() -> bool:
        pytest.fail("what only the child finds out")

    assert not in_child(gives_up)
    assert "what only the child finds out" in capfd.readouterr().err
    assert not in_child(lambda: sys.exit(0))
