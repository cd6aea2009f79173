"""Redis: servers share their pages through it, go on without it, and never show its password."""

import json
import shutil
import subprocess

import pytest

from ..support.redis_process import redis_server
from .serving import ALERTS, BINARY, PAGE, clean_environment, until, write

URLS = {
    "redis://127.0.0.1:1": "redis://127.0.0.1:1/0",
    "redis://:hunter2@127.0.0.1:1": "redis://***@127.0.0.1:1/0",
    "redis://me:hunter2@localhost:1/2": "redis://***@localhost:1/2",
    "redis://me:hunt%2Fer2@[::1]:1/": "redis://***@[::1]:1/0",
    "redis://me:hunt%40er2@127.0.0.1:1?db=3": "redis://***@127.0.0.1:1/3",
    "unix:///run/no/redis.sock?db=1": "unix:///run/no/redis.sock?db=1",
    "unix://me:hunter2@/run/no/redis.sock": "unix://***@/run/no/redis.sock?db=0",
}


@pytest.mark.parametrize("url", URLS)
def test_the_settings_show_that_it_is_set_and_no_more(url):
    printed = subprocess.check_output(
        [BINARY, f"--redis={url}", "--print-config"], env=clean_environment(), text=True
    )
    assert json.loads(printed)["cache"]["redis"] == "***"
    assert "hunt" not in printed


def test_what_is_not_set_is_not_shown_as_set(start):
    printed = subprocess.check_output([BINARY, "--print-config"], env=clean_environment())
    assert json.loads(printed)["cache"]["redis"] == ""
    assert "redis" not in start().get("/health").json


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_health_says_where_it_is_without_who_we_are_there(start, url, shown):
    server = start(f"--redis={url}", log__level="debug")
    health = server.get("/health")
    assert [cache["url"] for cache in health.json["redis"]["caches"].values()] == [shown, shown]
    said = [health.text, server.get("/metrics").text, server.get("/api/v1/cache/stats").text]
    assert server.get().status == 200
    assert server.stop() == 0
    said += [server.out.read_text(), server.err.read_text()]
    assert not any("hunt" in text for text in said)


@pytest.fixture
def redis(tmp_path):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_server(folder) as server:
        yield server


def health(server):
    return server.get("/health").json["redis"]


def stats(server, cache="recommendations"):
    return server.get("/api/v1/cache/stats").json["caches"][cache]


def share(first, second, page):
    """The answers of both to a page that neither has; the second is asked when it is in Redis."""
    stored = stats(first)["redis"]["stored"]
    loaded = first.get(page)
    until(lambda: stats(first)["redis"]["stored"] > stored, what="the page to be in Redis")
    before = stats(second)
    shared = second.get(page)
    after = stats(second)
    # Of the loads, one more, and it was Redis that answered it.
    assert after["loads"] - before["loads"] == 1
    assert after["redis"]["hits"] - before["redis"]["hits"] == 1
    return loaded, shared


@pytest.fixture
def two(start, redis):
    """Two servers with one Redis that load no more than the page which each tries at its start."""
    # On a busy machine Redis may take its time, and its answer is what is looked at here.
    settings = {"server__prewarm": False, "cache__ttl": "1h", "cache__redis_timeout": "10s"}
    servers = [start(f"--redis={redis.url}", **settings) for _ in range(2)]
    for server in servers:
        until(lambda server=server: health(server)["status"] == "ok", what="Redis")
    return servers


def test_what_one_server_has_loaded_the_other_does_not_load(two):
    first, second = two
    # Where it asked its own database, there would be no Audi.
    write(second, "UPDATE listings SET make = 'Skoda' WHERE make = 'Audi'")
    loaded, shared = share(first, second, PAGE + "?limit=4&make=Audi")
    assert (loaded.meta["source"], shared.meta["source"]) == ("fresh", "cached")
    assert (shared.cars, shared.meta["parts"]) == (loaded.cars, loaded.meta["parts"])
    assert {car["make"] for car in shared.cars} == {"Audi"}


def test_a_cache_that_was_not_asked_yet_says_nothing_of_redis(two):
    server = two[0]
    assert health(server)["caches"]["price_alerts"]["status"] == "unknown"
    server.get(ALERTS)
    assert health(server)["caches"]["price_alerts"]["status"] == "ok"


def test_pages_go_on_without_redis_and_are_shared_again_when_it_is_back(two, redis):
    first, second = two
    redis.kill()
    for server in two:
        until(lambda server=server: health(server)["status"] == "failing", what="the end of Redis")
        # One that is kept, one that is not, and one of a cache that was not asked yet.
        for page in (PAGE, PAGE + "?limit=2&make=Skoda", ALERTS):
            answer = server.get(page)
            assert (answer.status, answer.meta["degraded"]) == (200, False), answer.text
        assert server.ready()
        assert server.get("/health").json["status"] == "ok"
        told = health(server)["caches"]["price_alerts"]
        assert (told["status"], told["url"]) == ("failing", redis.url)
        assert (told["pending_stores"], told["waiting_loads"]) == (0, 0)
    redis.start()

    def is_back(server):
        return all(cache["status"] == "ok" for cache in health(server)["caches"].values())

    for server in two:
        until(lambda server=server: is_back(server), 60, "Redis to be back")
    _, shared = share(first, second, PAGE + "?limit=3&make=Skoda")
    assert shared.meta["source"] == "cached"
