"""gunicorn --preload: four workers go on with handles that were used before they were forked."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from .serving import until

APP = Path(__file__).parent / "app"
WORKERS = 4


class Gunicorn:
    """Serves the application on a socket that the test has opened, so that no port is raced for."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "cars.db"
        connection = sqlite3.connect(self.database)
        connection.execute("CREATE TABLE cars (make TEXT, model TEXT)")
        connection.executemany("INSERT INTO cars VALUES (?, ?)", [("Audi", "A1"), ("Audi", "A3")])
        connection.commit()
        connection.close()
        self._log = (folder / "gunicorn.log").open("w+")
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            command = [sys.executable, "-W", "error::DeprecationWarning:tidegate", "-m", "gunicorn"]
            command += ["--preload", "--workers", str(WORKERS), "--no-control-socket"]
            command += ["--worker-class", "uvicorn_worker.UvicornWorker"]
            command += [
                "--bind",
                f"fd://{listener.fileno()}",
                "--graceful-timeout",
                "10",
                "cars:app",
            ]
            self.process = subprocess.Popen(
                command,
                cwd=APP,
                env={**os.environ, "CARS_DB": str(self.database)},
                stdout=self._log,
                stderr=subprocess.STDOUT,
                pass_fds=[listener.fileno()],
            )

    def get(self, path: str) -> dict[str, Any]:
        response = httpx.get(self.url + path, timeout=30)
        assert response.status_code == 200, response.text + self.log()
        answer: dict[str, Any] = response.json()
        return answer

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    server = Gunicorn(tmp_path)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait(30)
        server._log.close()


@pytest.mark.timeout(180)
def test_every_worker_answers(gunicorn: Gunicorn) -> None:
    """[F-1] Queries, calls and pages work in each, in coroutines and in threads."""
    seen: dict[int, list[dict[str, Any]]] = {}
    with ThreadPoolExecutor(16) as pool:
        end = monotonic() + 60
        while monotonic() < end:  # until the kernel has given each worker a connection
            for answer in pool.map(gunicorn.get, ["/cars?make=Audi", "/threads"] * 16):
                seen.setdefault(answer["pid"], []).append(answer)
            if len(seen) >= WORKERS:
                break

    assert len(seen) == WORKERS, gunicorn.log()
    for pid, answers in seen.items():
        assert pid != gunicorn.process.pid
        for answer in answers:
            assert answer["parent"] == gunicorn.process.pid
            assert answer["before"] == [{"n": 2}]
            if "called" in answer:
                assert answer["cars"] == [{"model": "A1"}, {"model": "A3"}]
                assert (answer["called"], answer["slow"]) == (pid, "default")
                assert answer["partial"]
            else:
                assert (answer["cars"], answer["source"]) == ([{"n": 2}], "fresh")
    assert gunicorn.stop() == 0, gunicorn.log()
    assert "Traceback" not in gunicorn.log()
    assert "multi-threaded" not in gunicorn.log()


def test_a_stop_lets_requests_in_flight_end(gunicorn: Gunicorn) -> None:
    """[F-8] SIGTERM: they are answered, and the exit is clean."""
    with ThreadPoolExecutor(4) as pool:
        hanging = [pool.submit(gunicorn.get, f"/hang?number={number}") for number in range(4)]
        begun = f"{gunicorn.database.name}.hanging-*"
        until(lambda: len(list(gunicorn.database.parent.glob(begun))) == 4, 60, "all to hang")
        code = gunicorn.stop()
        values = [future.result()["value"] for future in hanging]

    assert code == 0, gunicorn.log()
    assert values == ["default"] * 4
    assert "Traceback" not in gunicorn.log()
