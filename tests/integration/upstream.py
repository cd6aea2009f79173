"""A simulated remote service, as its tests see it: examples/upstreams."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from .serving import ROOT, clean_environment, until

FOLDER = ROOT / "examples/upstreams"


class Upstream:
    """One on a port of this machine, which stays its own while it is down."""

    def __init__(self, name: str, folder: Path, *arguments: str) -> None:
        self._reserved = socket.socket()
        self._reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reserved.bind(("127.0.0.1", 0))  # nobody listens here, and nobody else is given it
        self.url = f"http://127.0.0.1:{self._reserved.getsockname()[1]}"
        port = self.url.rpartition(":")[2]
        self._command = [sys.executable, str(FOLDER / f"{name}.py"), f"--port={port}", *arguments]
        self._log = folder / f"{name}-{port}.log"
        self.start()

    def start(self) -> None:
        """Its counts are at zero then, and it knows nothing of before."""
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command,
                env=clean_environment(PYTHONDONTWRITEBYTECODE="1"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

        def serves() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return f" on {self.url}\n" in self._log.read_text()

        until(serves, 60, "the upstream")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)

    def close(self) -> None:
        """It must end well, where it was not killed."""
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(20) == 0, self._log.read_text()
            assert self._log.read_text().count("\n") == 1, self._log.read_text()
        self._reserved.close()

    def set(self, **what: Any) -> None:
        httpx.post(f"{self.url}/simulation", json=what, timeout=30).raise_for_status()

    @property
    def told(self) -> dict[str, Any]:
        """What it has seen."""
        seen: dict[str, Any] = httpx.get(f"{self.url}/simulation", timeout=30).json()
        return seen

    def started(self, what: str) -> int:
        """How many requests like "GET /api/duty" have come."""
        return int(self.told["starts"].get(what, 0))
