"""The end of the interpreter with work in flight: always clean, never late."""

import itertools
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PRELUDE = """
import asyncio, atexit, os, socket, sys, threading
import tidegate as tg
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
ex = tg.Executor()
db = ex.sqlite(sys.argv[1])
cache = tg.Cache()
http = tg.AsyncClient(timeout=60)
hole = socket.create_server(("127.0.0.1", 0))  # takes connections and never says a word
NEVER = "http://127.0.0.1:%d/" % hole.getsockname()[1]
NOBODY = "http://127.0.0.1:1/"
forever = threading.Event()
begun = threading.Semaphore(0)
def stuck():
    begun.release()
    forever.wait()
def run(main):
    if sys.argv[2] == "uvloop":
        import uvloop
        return uvloop.run(main)
    return asyncio.run(main)
def daemon(target):
    def quietly():
        try:
            target()
        except (RuntimeError, tg.Error):
            pass
    threading.Thread(target=quietly, daemon=True).start()
    begun.acquire()
"""

SCENARIOS = {
    "queries": """
kept = [db.query(ENDLESS) for _ in range(20)]
""",
    "dropped queries": """
for _ in range(20):
    db.query(ENDLESS)
""",
    "stuck calls": """
kept = [ex.call(stuck) for _ in range(4)]
for _ in kept:
    begun.acquire()
""",
    "calls that wait": """
kept = [ex.call(stuck, lane=ex.callables("one", concurrency=1)) for _ in range(20)]
begun.acquire()
""",
    "zombies": """
for _ in range(4):
    ex.call(stuck, timeout=0.01, default=None).result()
""",
    "idle threads": """
ex.call(int).result()
db.query("SELECT 1").result()
""",
    "a task that waits": """
async def main():
    async def wait():
        await db.query(ENDLESS)
    global kept
    kept = [asyncio.create_task(wait()) for _ in range(10)]
    await asyncio.sleep(0)
run(main())
""",
    "a loop that was never closed": """
loop = asyncio.new_event_loop()
async def main():
    global kept
    kept = asyncio.ensure_future(db.query(ENDLESS))
    await asyncio.sleep(0)
loop.run_until_complete(main())
kept._log_destroy_pending = False
""",
    "a daemon thread that waits": """
for _ in range(5):
    daemon(lambda: begun.release() or db.query(ENDLESS).result())
""",
    "daemon threads that ask on and on": """
def ask():
    begun.release()
    while True:
        db.query("SELECT count(*) FROM cars").result()
for _ in range(3):
    daemon(ask)
""",
    "daemon threads that call on and on": """
def ask():
    begun.release()
    while True:
        ex.call(int).result()
for _ in range(3):
    daemon(ask)
""",
    "a loop in a daemon thread": """
async def main():
    begun.release()
    while True:
        await asyncio.gather(*(db.query("SELECT count(*) FROM cars") for _ in range(8)))
for _ in range(2):
    daemon(lambda: run(main()))
""",
    "a page in a daemon thread": """
async def main():
    begun.release()
    while True:
        async with tg.page(5) as page:
            for _ in range(5):
                page.query(db, "SELECT count(*) FROM cars", default=[])
                page.add(ex.call(int, default=0))
daemon(lambda: run(main()))
""",
    "coroutines": """
async def work():
    await asyncio.get_running_loop().create_future()
async def main():
    global kept
    kept = [ex.call(work) for _ in range(20)]
    await asyncio.sleep(0)
run(main())
""",
    "a coroutine that never began": """
loop = asyncio.new_event_loop()
async def never():
    os._exit(3)
def ask():
    global kept
    kept = ex.call(never)
    loop.stop()
loop.call_soon(ask)
loop.run_forever()
loop.close()
""",
    "futures": """
pool = ex.as_executor()
kept = [pool.submit(stuck) for _ in range(3)]
begun.acquire()
""",
    "a thread that is no daemon": """
def ask():
    for _ in range(50):
        assert db.query("SELECT count(*) AS n FROM cars").result().value == [{"n": 3}]
        if sys.version_info[:2] != (3, 12):  # which refuses new threads once the main one ended
            assert ex.call(int).result().value == 0
threading.Thread(target=ask).start()
""",
    "an exit hook that asks": """
atexit.register(lambda: db.query("SELECT 1").result())
db.query("SELECT 1").result()
""",
    "an exit hook that comes too late": """
def ask():
    for verb in (lambda: db.query("SELECT 1"), lambda: ex.call(int)):
        try:
            verb()
        except RuntimeError as error:
            assert isinstance(error, tg.Closed)
        else:
            os._exit(3)
atexit.unregister(tg.shutdown)
atexit.register(ask)
atexit.register(tg.shutdown)
kept = db.query(ENDLESS)
""",
    "an explicit shutdown": """
kept = [db.query(ENDLESS), ex.call(stuck)]
begun.acquire()
tg.shutdown(0.01)
assert all(isinstance(operation.error, tg.Closed) for operation in kept)
""",
    "loads of a cache": """
kept = [cache.get_or_load(key, stuck) for key in range(4)]
for _ in kept:
    begun.acquire()
""",
    "loads of a cache that wait": """
narrow = tg.Cache("narrow", loaders=1)
kept = [narrow.get_or_load(key, stuck) for key in range(20)]
begun.acquire()
""",
    "loads that were dropped": """
for key in range(4):
    cache.get_or_load(key, stuck, timeout=0.01)
    begun.acquire()
""",
    "loads of a cache by coroutines": """
async def load():
    begun.release()
    await asyncio.get_running_loop().create_future()
async def main():
    global kept
    kept = [asyncio.ensure_future(cache.get_or_load(key, load)) for key in range(20)]
    while not begun.acquire(blocking=False):
        await asyncio.sleep(0)
run(main())
""",
    "loads of a loop that was never closed": """
loop = asyncio.new_event_loop()
async def load():
    await loop.create_future()
async def main():
    global kept
    kept = cache.get_or_load("k", load)
    await asyncio.sleep(0)
loop.run_until_complete(main())
""",
    "a cache full of objects": """
class Thing:
    def __del__(self):
        cache.get("k")
for key in range(1000):
    cache.put(key, Thing())
""",
    "daemon threads that load on and on": """
def ask():
    begun.release()
    for key in range(1 << 60):
        cache.get_or_load(key % 100, object, ttl=0).result()
for _ in range(3):
    daemon(ask)
""",
    "schedules of a cache": """
async def slow():
    begun.release()
    await asyncio.get_running_loop().create_future()
async def main():
    cache.refresh_every("task", slow, 0.001)
    while not begun.acquire(blocking=False):
        await asyncio.sleep(0)
cache.refresh_every("often", int, 0.001)
cache.refresh_every("stuck", stuck, 0.001)
begun.acquire()
run(main())
""",
    "cached functions in a daemon thread": """
@tg.cached(ttl=0)
def plain(n):
    return [n]
@tg.cached(ttl=0)
async def coroutine(n):
    await asyncio.sleep(0)
    return [n]
async def main():
    begun.release()
    while True:
        await asyncio.gather(*(coroutine(n) for n in range(8)))
        plain(1)
for _ in range(2):
    daemon(lambda: run(main()))
""",
    "requests": """
kept = [http.get(NEVER) for _ in range(20)]
""",
    "dropped requests": """
for _ in range(20):
    http.post(NEVER, content=bytes(1 << 20))
""",
    "requests that wait for a place": """
narrow = tg.AsyncClient(max_connections=1, pool_timeout=60, timeout=60)
kept = [narrow.get(NEVER) for _ in range(20)]
""",
    "a task that waits for a request": """
async def main():
    async def wait():
        await http.get(NEVER)
    global kept
    kept = [asyncio.create_task(wait()) for _ in range(10)]
    await asyncio.sleep(0)
run(main())
""",
    "a daemon thread that waits for a request": """
for _ in range(5):
    daemon(lambda: begun.release() or tg.Client(timeout=60).get(NEVER))
""",
    "daemon threads that request on and on": """
async def main():
    begun.release()
    while True:
        await asyncio.gather(*(http.get(NOBODY) for _ in range(8)), return_exceptions=True)
for _ in range(2):
    daemon(lambda: run(main()))
""",
    "a stream that a daemon thread reads": """
server = socket.create_server(("127.0.0.1", 0))
def answer():
    global peer
    begun.release()
    peer = server.accept()[0]
    peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 9\\r\\n\\r\\nhalf")
daemon(answer)
kept = tg.Client(timeout=60).stream("GET", "http://127.0.0.1:%d/" % server.getsockname()[1])
response = kept.__enter__()
daemon(lambda: begun.release() or response.read())
""",
    "bodies that threads read": """
def endless():
    begun.release()
    while True:
        yield bytes(1 << 16)
kept = [http.post(NEVER, content=endless()) for _ in range(4)]
begun.acquire()
""",
    "bodies that tasks read": """
async def endless():
    while True:
        yield bytes(1 << 16)
async def main():
    global kept
    kept = [http.post(NEVER, content=endless()) for _ in range(4)]
    for _ in range(10):
        await asyncio.sleep(0)
run(main())
""",
    "sys.exit in a page": """
with tg.page(15) as page:
    page.query(db, ENDLESS)
    sys.exit(0)
""",
}

QUICK, DEEP = 78, 1000
LONGEST = 2.0  # what the exit hook may wait for functions that do not return


def run_one(path: Path, scenario: str, loop: str) -> tuple[str, int, str, float]:
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + SCENARIOS[scenario], str(path), loop],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return f"{scenario} ({loop})", done.returncode, done.stderr, time.monotonic() - start


@pytest.mark.parametrize("runs", [QUICK, pytest.param(DEEP, marks=pytest.mark.deep)])
@pytest.mark.timeout(880)
def test_every_exit_is_clean(cars: Path, runs: int) -> None:
    """[F-4] The status is 0 and nothing is said, whatever is in flight."""
    work = itertools.islice(
        itertools.cycle(itertools.product(SCENARIOS, ["asyncio", "uvloop"])), runs
    )
    with ThreadPoolExecutor(max_workers=2 * (os.cpu_count() or 1)) as pool:
        done = list(pool.map(lambda pair: run_one(cars, *pair), work))

    assert [(name, code, err) for name, code, err, _ in done if code != 0 or err] == []
    assert runs == len(done)


@pytest.mark.parametrize("scenario", ["queries", "stuck calls", "a daemon thread that waits"])
def test_the_exit_is_bounded(cars: Path, scenario: str) -> None:
    """[F-4] The hook ends by itself long before the work would."""
    _, code, _, seconds = run_one(cars, scenario, "asyncio")

    assert code == 0
    assert seconds < LONGEST + 10  # the work itself would take 15 s


def test_no_call_is_taken_after_shutdown(cars: Path) -> None:
    """[F-4] Each verb raises Closed, which is a RuntimeError."""
    script = """
tg.shutdown()
async def work(): pass
async def main(): ex.call(work)
verbs = [
    lambda: db.query("SELECT 1"),
    lambda: db.query("SELECT 1", default=[]),
    lambda: ex.call(int),
    lambda: asyncio.run(main()),
    lambda: ex.as_executor().submit(int),
    lambda: cache.get_or_load("k", int),
    lambda: tg.Executor().sqlite(sys.argv[1]).query("SELECT 1"),
    lambda: http.get(NEVER),
    lambda: tg.Client().get(NEVER),
]
for verb in verbs:
    try:
        verb()
    except RuntimeError as error:
        assert isinstance(error, tg.Closed), error
    else:
        raise AssertionError(verb)
assert tg.shutdown() is True
"""
    command = [sys.executable, "-c", PRELUDE + script, str(cars), "asyncio"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")


def test_shutdown_waits_for_a_thread_that_is_being_started(cars: Path) -> None:
    """[F-4] CPython 3.11 crashes where it ends before the first step of a daemon thread."""
    script = """
starts, may_start = threading.Event(), threading.Event()
class Slow(threading.Thread):
    def start(self):
        starts.set()
        may_start.wait()
        super().start()
plain, threading.Thread = threading.Thread, Slow
asker = plain(target=lambda: ex.call(int))
asker.start()
starts.wait()
assert tg.shutdown(0.01) is False
may_start.set()
assert tg.shutdown(30) is True
asker.join()
"""
    command = [sys.executable, "-c", PRELUDE + script, str(cars), "asyncio"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
