"""Common pages are there before a client asks; readiness waits for them, and not for long."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from .serving import ALERTS, PAGE, Server, locked, until

MAKES = ["", "&make=Audi", "&make=BMW", "&make=Ford", "&make=Hyundai", "&make=Mercedes-Benz"]
MAKES += ["&make=Skoda", "&make=Toyota", "&make=Vauxhall", "&make=Volkswagen"]
COMMON = [f"{PAGE}?limit=4{make}" for make in MAKES] + [ALERTS]


@pytest.fixture
def prepared(built_database: Path, tmp_path: Path) -> Path:
    """A folder with a database to change before its server starts."""
    folder = tmp_path / "prepared"
    folder.mkdir()
    shutil.copyfile(built_database, folder / "cars.db")
    return folder


def loaded(server: Server) -> bool:
    return server.get("/health").json["prewarm"] == {"loaded": 11, "failed": 0, "pages": 11}


def make_alerts_slow(database: Path) -> None:
    """Home pages and the probe are as fast as before; a page of alerts never comes."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            DROP TABLE price_alerts;
            CREATE VIEW price_alerts AS
              WITH RECURSIVE forever(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM forever)
              SELECT n AS id, CAST(n AS TEXT) AS make, CAST(n AS TEXT) AS model, n AS below_percent
              FROM forever WHERE n < 0;
            """
        )


def test_the_common_pages_are_there_before_a_client_asks(start):
    server = start(log__level="info")
    until(server.ready, what="the server to be ready")
    assert loaded(server)
    for page in COMMON:
        assert server.get(page).meta["source"] == "cached"
    said = server.err.read_text()
    assert "loading 11 common pages" in said
    assert re.search(r"11 of 11 common pages are loaded after [\d.]+ m?s\n", said)


def test_they_are_loaded_again_before_their_time_is_up(start):
    server = start(cache__ttl="2s", cache__stale_for="0s")
    until(lambda: loaded(server), what="the common pages")

    def landed() -> int:
        stats = server.get("/api/v1/cache/stats").json["caches"]["recommendations"]
        return stats["landed"]["loaded"]

    before = landed()
    until(lambda: landed() >= before + 3 * len(MAKES), what="three rounds")
    until(
        lambda: all(server.get(page).meta["source"] == "cached" for page in COMMON),
        what="all pages at once",
    )


def test_readiness_waits_for_them(start, prepared):
    make_alerts_slow(prepared / "cars.db")
    server = start(folder=prepared.name, server__prewarm_timeout="1h")
    for _ in range(10):
        warming = server.get("/health/ready")
        assert (warming.status, warming.json["status"]) == (503, "warming")
        assert warming.json["database"]["status"] == "ok"
    assert server.get("/health/live").status == 200
    assert server.get(PAGE).status == 200


def test_readiness_does_not_wait_longer_than_it_is_told(start, prepared):
    make_alerts_slow(prepared / "cars.db")
    server = start(folder=prepared.name, server__prewarm_timeout="1ms")
    assert server.get("/health/ready").status == 200
    assert server.get("/health").json["prewarm"]["loaded"] < 11


def test_what_could_not_be_loaded_is_said_once_and_loaded_later(start, prepared):
    with locked(prepared / "cars.db"):
        server = start(
            folder=prepared.name, sqlite__busy_timeout="10ms", cache__ttl="200ms", log__level="info"
        )
        until(lambda: "could not be loaded: " in server.err.read_text(), what="the warning")
        tried = "tidegate_cache_landed_total"
        before = server.metric(tried, outcome="failed")
        until(lambda: server.metric(tried, outcome="failed") > before + 22, what="more rounds")
        assert server.get("/health").json["prewarm"]["loaded"] == 0
    until(lambda: loaded(server), what="the common pages")
    until(lambda: "11 of 11 common pages are loaded" in server.err.read_text(), what="the end")
    assert server.err.read_text().count("could not be loaded: ") == 1


def test_it_ends_well_while_it_loads(start, prepared):
    make_alerts_slow(prepared / "cars.db")
    server = start(folder=prepared.name)
    assert server.stop() == 0
    assert server.err.read_text() == ""


def test_without_it_nothing_is_loaded(start):
    server = start(server__prewarm=False)
    assert server.get("/health").json["prewarm"] == {"loaded": 0, "failed": 0, "pages": 11}
    assert server.get("/api/v1/cache/stats").json["caches"]["price_alerts"]["loads"] == 0
    assert server.ready()
