"""A redis-server of the tests' own, which they may kill and start again."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .waiting import until

_given: set[int] = set()


def new_port() -> int:
    """A free port that no test of this process had: the library counts by address."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


class Redis:
    """An empty Redis on a free port of this machine; started anew it is empty again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.starts = folder, 0
        self.port = new_port()
        while not self._comes_up():  # somebody else may have taken the port
            assert self.starts < 20, self.log_file.read_text()
            self.port = new_port()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """On its port again, which somebody else may have for a moment."""
        until(self._comes_up, 20, "redis-server on its port")

    def _comes_up(self) -> bool:
        """Whether it serves; it may have ended, for its port was taken."""
        self.starts += 1
        log_file = self.log_file = self.folder / f"redis-{self.starts}.log"
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        command += ["--maxmemory", "64mb"]
        with log_file.open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

        def serves() -> bool:
            return b"Ready to accept" in log_file.read_bytes()

        until(lambda: serves() or self.process.poll() is not None, 20, "redis-server")
        return self.process.poll() is None

    def ask(self, *words: str) -> bytes:
        """The first bytes of what it answers to a command of words without spaces."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(4096)

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
