"""A running tidegate-server as the tests see it, and what they do to its database."""

import http.client
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from ..support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get(
    "TIDEGATE_SERVER", str(ROOT / "build/release/examples/server/tidegate-server")
)
DATA = ROOT / "examples/data/uk-used-cars.csv.gz"
PAGE = "/api/v1/home/recommendations"
ALERTS = "/api/v1/analytics/price-alerts"


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes, seconds: float) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cars(self) -> list[dict[str, Any]]:
        return self.json["recommendations"]

    @property
    def meta(self) -> dict[str, Any]:
        return self.json["meta"]

    @property
    def text(self) -> str:
        return self.body.decode()


class Server:
    """A running tidegate-server. Settings are flat keys, set through a configuration file."""

    def __init__(
        self, folder: Path, database: Path, settings: dict[str, Any], *arguments: str
    ) -> None:
        self.folder, self.database, self.port = folder, database, 0
        config = folder / "config.json"
        config.write_text(json.dumps(nested(settings)))
        self.out, self.err = folder / "stdout.txt", folder / "stderr.txt"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [
                    BINARY,
                    "--port=0",
                    f"--config={config}",
                    f"--data={DATA}",
                    f"--database={database}",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=clean_environment(),
            )

    def wait_until_serving(self, within: float = 60) -> "Server":
        def serving() -> bool:
            assert self.process.poll() is None, self.err.read_text()
            return "Ctrl-C" in self.out.read_text()

        until(serving, within, "the server to start")
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", self.out.read_text())[1])
        return self

    def get(self, path: str = PAGE, method: str = "GET", timeout: float = 30, **headers) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        start = time.monotonic()
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            body = response.read()
            seconds = time.monotonic() - start
            return Answer(response.status, dict(response.getheaders()), body, seconds)
        finally:
            connection.close()

    def connect(self, timeout: float = 30) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def raw(self, request: bytes, timeout: float = 30) -> bytes:
        """Sends bytes as they are and reads until the server closes."""
        with self.connect(timeout) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric that have these labels."""
        total = 0.0
        for line in self.get("/metrics").text.splitlines():
            match = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if match and match[1] == name:
                own = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
                if labels.items() <= own.items():
                    total += float(match[3])
        return total

    def ready(self) -> bool:
        return self.get("/health/ready").status == 200

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=15)


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return tree


def clean_environment(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("TIDEGATE_")} | more


ENDLESS = """
CREATE VIEW listings AS
  WITH RECURSIVE forever(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM forever)
  SELECT n AS id, CAST(n AS TEXT) AS make, 'A1' AS model, n AS year, n AS price_gbp,
         'x' AS transmission,
         n AS mileage_miles, 'x' AS fuel_type, n AS tax_gbp, n AS mpg, n AS engine_litres,
         n AS miles_per_year, CAST(n AS TEXT) AS segment
  FROM forever WHERE n < 0;
CREATE VIEW medians AS
  SELECT make, model, year, 10 AS listings, price_gbp AS median_gbp FROM listings;
CREATE VIEW price_alerts AS SELECT id, make, model, year AS below_percent FROM listings;
"""


def write(server: Server, sql: str, *parameters: object) -> None:
    """As another program that changes the listings."""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.execute(sql, parameters)


def replace(database: Path, content: bytes) -> None:
    """As a careful program does: the file is another one from one moment to the next."""
    draft = database.with_suffix(".draft")
    draft.write_bytes(content)
    draft.replace(database)


def make_slow(database: Path) -> None:
    """Puts a database in its place whose queries never yield a row and never end."""
    draft = database.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft)
    connection.executescript(ENDLESS)
    connection.close()
    draft.replace(database)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Nobody else reads it meanwhile."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


CRASH = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 5")  # the rest is written before the transaction ends
connection.execute("BEGIN")
connection.execute("UPDATE listings SET tax_gbp = 1, mpg = 20")
os.kill(os.getpid(), signal.SIGKILL)
"""


def crash_while_writing(database: Path) -> None:
    """Leaves a database that is half overwritten, with the journal that takes it back."""
    subprocess.run([sys.executable, "-c", CRASH, database], timeout=30)
    assert database.with_suffix(".db-journal").stat().st_size > 0
