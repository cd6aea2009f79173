"""Workers on any host keep one limit, and leave a service alone together, through Redis.

shared.py redis://127.0.0.1:6379/0 runs three workers, as three hosts would.
"""

import subprocess
import sys
import time
from contextlib import ExitStack

import tidegate as tg


def work(url: str, sees: str) -> None:
    """One worker. It starts all it may, and then calls a service until that is to be left alone."""
    rate = tg.Rate(12, "1h", burst=12)
    limiter = tg.Limiter("starts", rate=rate, share="redis", redis=url, redis_timeout=5)
    print(sum(limiter.try_acquire() for _ in range(12)))

    breaker = tg.Breaker(
        "service", consecutive=5, open_for="1h", max_open_for="1h", share="redis", redis=url
    )
    calls = 0
    try:
        while True:
            permit = breaker.enter()
            calls += 1
            if sees == "down":
                permit.failure()
            else:
                permit.success()
                time.sleep(0.01)
    except tg.CircuitOpen:
        print(calls, flush=True)
    sys.stdin.read()  # until all have heard


def main(url: str) -> None:
    """Three workers, of which the first alone finds the service down."""
    command = [sys.executable, __file__, url]
    pipe = subprocess.PIPE
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen([*command, sees], stdin=pipe, stdout=pipe, text=True)
            )
            for sees in ("down", "up", "up")
        ]
        told = [[int(worker.stdout.readline()) for _ in range(2)] for worker in workers]
        for worker in workers:
            worker.communicate()
    print(f"starts: {sum(started for started, _ in told)} of 36, as 12 in an hour are all")
    print(f"failed calls: {told[0][1]}")
    print(f"workers that leave the service alone: {len(told)}")


if __name__ == "__main__":
    work(*sys.argv[1:]) if len(sys.argv) > 2 else main(*sys.argv[1:])
