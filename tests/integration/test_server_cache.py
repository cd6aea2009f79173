"""Pages are kept for their time to live, loaded once for all, and given stale where it must be."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from .serving import (
    ALERTS,
    PAGE,
    Server,
    make_slow,
    replace,
    until,
    write,
)

SKODA = PAGE + "?limit=1&make=Skoda"
NEW_SKODA = "UPDATE listings SET year = 2021, mileage_miles = 0, make = 'Skoda' WHERE id = 60000"
COLD = {"server__prewarm": False}


def loads(server: Server, cache: str = "recommendations") -> int:
    return server.get("/api/v1/cache/stats").json["caches"][cache]["loads"]


def test_a_changed_row_is_not_seen_within_the_ttl(start):
    server = start(**COLD, cache__ttl="1h")
    before = server.get(SKODA).cars
    write(server, NEW_SKODA)
    for _ in range(20):
        answer = server.get(SKODA)
        assert answer.cars == before
        assert answer.meta["source"] == "cached"
    # Only of that page: another one is loaded from what is there now.
    assert server.get(PAGE + "?limit=2&make=Skoda").cars[0]["id"] == 60000


@pytest.mark.parametrize("prewarm", [True, False])
def test_a_changed_row_is_seen_after_the_ttl(start, prewarm):
    server = start(server__prewarm=prewarm, cache__ttl="200ms")
    assert server.get(SKODA).cars[0]["id"] != 60000
    write(server, NEW_SKODA)
    until(lambda: server.get(SKODA).cars[0]["id"] == 60000, what="the new row")


def test_a_kept_page_tells_its_source_and_age_and_is_otherwise_the_same(start):
    server = start(**COLD)
    fresh, kept = server.get(SKODA), server.get(SKODA)
    assert (fresh.meta["source"], fresh.meta["age_s"]) == ("fresh", 0)
    assert (kept.meta["source"], kept.meta["degraded"]) == ("cached", False)
    until(lambda: server.get(SKODA).meta["age_s"] > kept.meta["age_s"], what="time")
    assert fresh.meta["parts"] == kept.meta["parts"]
    assert fresh.cars == kept.cars
    assert list(fresh.meta) == list(kept.meta)


def test_each_set_of_parameters_has_a_page_of_its_own_however_it_is_written(start):
    server = start(**COLD)
    before = loads(server)
    for query in (
        "limit=3&make=Audi",
        "make=audi&limit=3",
        "make=AUDI&limit=3",
        "&limit=%33&make=audi",
    ):
        server.get(f"{PAGE}?{query}")
    assert loads(server) == before + 1
    for query in ("limit=3&make=BMW", "limit=2&make=Audi", "limit=3", "make=Audi"):
        assert server.get(f"{PAGE}?{query}").meta["source"] == "fresh"
    assert loads(server) == before + 5


def test_a_hundred_equal_requests_at_once_make_one_load(start):
    server = start(**COLD, server__threads=100)
    before = loads(server)
    queries = server.metric("tidegate_executor_submitted_total", lane="cars")
    with ThreadPoolExecutor(100) as clients:
        answers = list(clients.map(lambda _: server.get(PAGE + "?limit=50"), range(100)))
    assert {answer.status for answer in answers} == {200}
    assert len({json.dumps(answer.cars) for answer in answers}) == 1
    assert loads(server) == before + 1
    assert server.metric("tidegate_executor_submitted_total", lane="cars") == queries + 4


def test_the_page_of_before_is_given_where_a_load_fails(start):
    server = start(
        **COLD, cache__ttl="50ms", cache__failure_throttle="0s", executor__query_timeout="100ms"
    )
    good = until(
        lambda: next((a for a in [server.get(SKODA)] if a.meta["source"] == "fresh"), None),
        what="a fresh page",
    )
    fast = server.database.read_bytes()
    make_slow(server.database)
    stale = until(
        lambda: next((a for a in [server.get(SKODA)] if a.meta["source"] == "stale"), None),
        what="a stale page",
    )
    assert stale.cars == good.cars
    assert (stale.meta["degraded"], stale.meta["reason"]) == (True, "deadline")
    assert stale.meta["age_s"] > 0
    assert stale.headers["Cache-Control"] == "no-store"
    assert "ETag" not in stale.headers
    replace(server.database, fast)
    until(lambda: server.get(SKODA).meta["source"] == "fresh", what="a fresh page")


def test_a_page_of_defaults_is_not_kept(start):
    server = start(**COLD, executor__query_timeout="50ms")
    fast = server.database.read_bytes()
    make_slow(server.database)
    for _ in range(2):
        answer = server.get(SKODA)
        assert (answer.meta["source"], answer.meta["age_s"]) == ("default", 0)
        assert answer.headers["Cache-Control"] == "no-store"
    replace(server.database, fast)
    until(lambda: server.get(SKODA).meta["source"] == "fresh", what="a fresh page")


def test_a_page_that_lacks_a_part_is_not_kept(start):
    server = start(**COLD)
    write(server, "ALTER TABLE medians RENAME TO away")
    before = loads(server)
    for _ in range(3):
        answer = server.get(PAGE + "?limit=7")
        assert answer.meta["source"] == "default"
        assert answer.meta["parts"]["newest"]["source"] == "fresh"
    assert loads(server) == before + 3


@pytest.mark.parametrize(("path", "ttl"), [(SKODA, 60), (ALERTS, 300)])
def test_a_page_says_for_how_long_it_may_be_kept(start, path, ttl):
    server = start(**COLD)
    for _ in range(2):
        answer = server.get(path)
        assert answer.headers["Cache-Control"] == f"max-age={ttl}"
        assert int(answer.headers["Age"]) == int(answer.meta["age_s"])


@pytest.mark.parametrize("path", [SKODA, ALERTS])
def test_who_has_the_page_is_told_that_it_is_the_same(start, path):
    server = start(**COLD)
    answer = server.get(path)
    tag = answer.headers["ETag"]
    assert server.get(path).headers["ETag"] == tag
    for known in (tag, f'"other", {tag}', "*", tag.removeprefix("W/")):
        for method in ("GET", "HEAD"):
            same = server.get(path, method, **{"If-None-Match": known})
            assert (same.status, same.body) == (304, b"")
            assert same.headers["ETag"] == tag
            assert {"Age", "Cache-Control"} <= set(same.headers)
    for other in ('"other"', tag[:-1], "", tag.strip('W/"')):
        assert server.get(path, **{"If-None-Match": other}).body != b""


def test_the_tag_is_another_when_the_cars_are(start):
    server = start(**COLD, cache__ttl="0s", cache__stale_for="0s")
    tag = server.get(SKODA).headers["ETag"]
    assert server.get(SKODA).headers["ETag"] == tag
    write(server, NEW_SKODA)
    changed = server.get(SKODA, **{"If-None-Match": tag})
    assert changed.status == 200
    assert changed.headers["ETag"] != tag


def test_the_caches_tell_what_they_count(start):
    server = start(**COLD)
    for _ in range(4):
        server.get(PAGE + "?limit=9")
        server.get(ALERTS + "?page_size=9")
    caches = server.get("/api/v1/cache/stats").json["caches"]
    assert list(caches) == ["recommendations", "price_alerts"]
    assert [cache["ttl_s"] for cache in caches.values()] == [60, 300]
    for name, cache in caches.items():
        assert cache["hits"] == 3
        assert cache["misses"] == cache["loads"] == cache["landed"]["loaded"] == cache["puts"]
        assert cache["loads"] == {"recommendations": 2, "price_alerts": 1}[name]
        assert cache["entries"] == cache["loads"]
        assert cache["bytes"] > 1000
        assert 0 < cache["hit_ratio"] < 1
        assert cache["landed"]["failed"] == cache["landed"]["deadline"] == cache["flights"] == 0
        for count in ("hits", "misses", "puts"):
            assert server.metric(f"tidegate_server_cache_{count}_total", cache=name) == cache[count]
        assert server.metric("tidegate_server_cache_bytes", cache=name) == cache["bytes"]
        assert server.metric("tidegate_cache_loads_total", cache=name) == cache["loads"]
