"""Four processes with one tidegate.Cache in one Redis."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.redis_process import redis_server
from .serving import clean_environment, until

# Does what each line of its input says, and answers by a line.
PROGRAM = """
import sys

import tidegate

cache = tidegate.Cache("prices", redis=sys.argv[1], redis_timeout=5)
for line in sys.stdin:
    what, _, value = line.strip().partition(" ")
    if what == "load":
        answer = cache.get_or_load("price", lambda: value).result()
        print(answer.source, answer.value, flush=True)
    elif what == "invalidate":
        print(cache.invalidate("price"), flush=True)
    elif what == "has":
        print("price" in cache, flush=True)
    elif what == "heard":
        print(cache.stats().tier.invalidations_heard, flush=True)
    elif what == "up":
        print(cache.stats().tier.up, flush=True)
    elif what == "stored":
        print(cache.stats().tier.stored, flush=True)
"""


class Process:
    """One of them."""

    def __init__(self, url: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, line: str) -> str:
        """What it answers, when it has done that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def stop(self) -> int:
        """It ends with its input."""
        try:
            self._process.communicate(timeout=30)
        finally:
            self._process.kill()
            self._process.wait(30)
        return self._process.returncode


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with redis_server(tmp_path) as redis:
        started = [Process(redis.url) for _ in range(4)]
        yield started
        assert [process.stop() for process in started] == [0] * 4


def test_what_one_process_invalidates_no_other_serves_again(processes: list[Process]) -> None:
    """Each of the four in turn, and from the moment that the others have heard of it."""
    first, *others = processes
    assert first.tell("load 0") == "fresh 0"
    until(lambda: first.tell("stored") == "1", what="the first value in Redis")
    assert [process.tell("load none") for process in others] == ["cached 0"] * 3
    for process in processes:
        until(lambda process=process: process.tell("up") == "True", what="Redis")

    for number, teller in enumerate(processes, 1):
        assert [process.tell("has") for process in processes] == ["True"] * 4
        heard = {process: process.tell("heard") for process in processes}
        assert teller.tell("invalidate") == "True"
        for process in processes:
            if process is not teller:
                before = heard[process]
                until(
                    lambda process=process, before=before: process.tell("heard") != before,
                    what="the invalidation",
                )
            assert process.tell("has") == "False"  # from then on
        values = [process.tell(f"load {number}").split()[1] for process in processes]
        assert values == [str(number)] * 4
