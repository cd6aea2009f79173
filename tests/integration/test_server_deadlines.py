"""Slow queries: given up at their deadline, marked, really stopped, their permits free again."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .serving import PAGE, make_slow, replace, until

PERMITS, ZOMBIES_PER_PERMIT = 4, 2
LATE = 8.0  # what a machine that is busy with other tests may add to a deadline, in seconds


def running(server) -> float:
    return server.metric("tidegate_executor_running", lane="cars")


def ticks(server) -> float:
    return server.metric("tidegate_sqlite_progress_ticks_total", lane="cars")


def timeouts(server) -> float:
    return server.metric("tidegate_executor_settled_total", lane="cars", outcome="deadline")


def at_rest(server) -> bool:
    return running(server) == server.metric("tidegate_executor_zombies", lane="cars") == 0


@pytest.mark.parametrize("of", ["", "services__cars__"], ids=["everything", "the service"])
def test_a_slow_page_is_the_default_at_the_querys_deadline(start_uncached, listings, of):
    server = start_uncached(
        **{f"{of}executor__query_timeout": "400ms"}, executor__page_timeout="1m"
    )
    make_slow(server.database)
    answer = server.get(PAGE + "?limit=4")
    assert answer.status == 200
    assert 0.4 <= answer.seconds < 0.4 + LATE
    assert (answer.meta["source"], answer.meta["degraded"]) == ("default", True)
    for part in answer.meta["parts"].values():
        assert (part["source"], part["rows"], part["reason"]) == ("default", 0, "deadline")
    assert len(answer.cars) == 4
    for car in answer.cars:
        assert car["reason"] == "default"
        assert {name: listings[car["id"]][name] for name in listings[1]}.items() <= car.items()


def test_the_page_ends_earlier_than_its_queries_where_it_must(start_uncached):
    server = start_uncached(executor__query_timeout="10s", executor__page_timeout="300ms")
    make_slow(server.database)
    answer = server.get()
    assert answer.meta["source"] == "default"
    assert 0.3 <= answer.seconds < 0.3 + LATE


def test_the_defaults_are_of_the_make_that_was_asked_for(start_uncached):
    server = start_uncached(executor__query_timeout="50ms")
    make_slow(server.database)
    for make in ("Audi", "Volkswagen"):
        cars = server.get(f"{PAGE}?limit=50&make={make}").cars
        assert [car["make"] for car in cars] == [make] * 4


def test_late_queries_are_really_stopped(start_uncached):
    server = start_uncached(executor__query_timeout="300ms", server__probe_timeout="100ms")
    make_slow(server.database)
    before = ticks(server)
    assert server.get().meta["source"] == "default"
    until(lambda: at_rest(server), what="the permits to be free and the zombies gone")
    stopped_at = ticks(server)
    assert stopped_at > before + 100  # it had been at work
    for _ in range(10):
        server.get("/health/live")
        assert ticks(server) == stopped_at


def test_a_thousand_timeouts_leave_no_more_threads_than_allowed(start_uncached):
    workers = 8
    server = start_uncached(executor__query_timeout="20ms", server__threads=workers)
    threads = server.threads()
    make_slow(server.database)
    with ThreadPoolExecutor(workers) as clients:
        while timeouts(server) < 1000:
            for answer in clients.map(lambda i: server.get(f"{PAGE}?limit={i + 1}"), range(40)):
                assert answer.status == 200
                assert answer.meta["source"] == "default"
    assert server.metric("tidegate_executor_threads", lane="cars") <= PERMITS * (
        1 + ZOMBIES_PER_PERMIT
    )
    assert server.threads() <= threads + PERMITS * ZOMBIES_PER_PERMIT + workers  # each loads a page
    until(lambda: at_rest(server), what="the permits to be free")


def test_it_is_fresh_again_once_the_database_is_fast_again(start_uncached):
    server = start_uncached(executor__query_timeout="100ms", server__probe_timeout="100ms")
    fast = server.database.read_bytes()
    make_slow(server.database)
    assert server.get().meta["source"] == "default"
    assert not server.ready()
    replace(server.database, fast)
    until(server.ready, what="the server to be ready")
    until(lambda: server.get().meta["source"] == "fresh", what="a fresh answer")


def test_slow_pages_do_not_hold_up_the_health(start_uncached):
    server = start_uncached(
        server__threads=4, server__probe_timeout="100ms", server__drain_timeout="0s"
    )  # each page takes its 15 s
    make_slow(server.database)
    with ThreadPoolExecutor(16) as clients:
        pages = [clients.submit(server.get) for _ in range(16)]
        until(lambda: server.metric("tidegate_server_requests_in_flight") > 16, what="the pages")
        assert server.get("/health/live", timeout=8).status == 200
        assert server.get("/health/ready", timeout=8).status == 503
        assert server.get("/health", timeout=8).json["status"] == "degraded"
        assert not all(page.done() for page in pages)
        assert server.stop() == 0
        assert {page.result().status for page in pages} <= {200, 503}


@pytest.mark.parametrize("threads", [1, 64])
def test_the_deadline_counts_from_the_request_not_from_the_worker(start_uncached, threads):
    server = start_uncached(
        executor__query_timeout="1s", executor__page_timeout="1s", server__threads=threads
    )
    make_slow(server.database)
    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(lambda _: server.get(), range(12)))
    assert {answer.meta["source"] for answer in answers} == {"default"}
    assert max(answer.seconds for answer in answers) < 1 + LATE
