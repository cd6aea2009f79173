"""A redis-server of the tests' own, which they may kill and start again."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .waiting import until


class Redis:
    """An empty Redis on a free port of this machine; started anew it is empty again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.starts = folder, 0
        for _ in range(20):
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            if self.start():
                return
        raise AssertionError("redis-server does not start")  # somebody else had each of the ports

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> bool:
        """False where it has ended at once: its port was taken meanwhile."""
        self.starts += 1
        log_file = self.folder / f"redis-{self.starts}.log"
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        command += ["--maxmemory", "64mb"]
        with log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        is_ready = lambda: b"Ready to accept" in log_file.read_bytes()  # noqa: E731
        until(lambda: is_ready() or self.process.poll() is not None, 60, "redis-server")
        return is_ready()

    def kill(self) -> None:
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(20)


@contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    redis = Redis(folder)
    try:
        yield redis
    finally:
        redis.end()
