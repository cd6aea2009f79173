"""HTTP requests, from asyncio and from synchronous code."""

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest
import uvloop

import tidegate as tg

from ..support.http_server import HttpServer, refused_port, sent
from ..support.waiting import until

METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


# The ways to ask.


def test_a_response_is_awaited(run: Any, http: tg.AsyncClient, shared: HttpServer) -> None:
    """It is the response itself, once and again; and it is the value of its operation."""

    async def main() -> None:
        exchange = http.get(shared.url + "/cars")
        response = await exchange
        assert (response.status, response.ok) == (200, True)
        assert response.json()["target"] == "/cars"
        assert response is await exchange
        assert response is exchange.value
        assert response is exchange.answer()
        assert response.value is response
        assert (exchange.ok, exchange.source, exchange.degraded) == (True, "fresh", False)

    run(main())


def test_a_sync_client_waits(sync: tg.Client, shared: HttpServer) -> None:
    """Its verbs return the response."""
    assert sync.get(shared.url + "/cars").json()["method"] == "GET"


def test_an_exchange_has_a_result_in_synchronous_code(
    http: tg.AsyncClient, shared: HttpServer
) -> None:
    """So many requests run at once without a loop."""
    exchanges = [http.get(f"{shared.url}/{n}") for n in range(20)]

    assert [exchange.result(20).json()["target"] for exchange in exchanges] == [
        f"/{n}" for n in range(20)
    ]


@pytest.mark.parametrize("method", METHODS)
def test_each_verb_sends_its_method(
    sync: tg.Client, http: tg.AsyncClient, shared: HttpServer, method: str
) -> None:
    """And request() any."""
    verb = method.lower()
    for response in (
        getattr(sync, verb)(shared.url),
        sync.request(method, shared.url),
        getattr(http, verb)(shared.url).result(),
        http.request(method, shared.url).result(),
    ):
        assert (response.status, response.headers["x-method"]) == (200, method)
        assert (response.content == b"") == (method == "HEAD")


def test_a_sync_call_on_the_thread_of_a_loop_is_refused(
    sync: tg.Client, server: HttpServer
) -> None:
    """At once, and before anything is sent: it would block the loop."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="AsyncClient"):
            sync.get(server.url)

    asyncio.run(main())
    assert server.asked == []


# Who gives up.


def test_cancelling_the_task_frees_the_place(run: Any, server: HttpServer) -> None:
    """The connection is closed and the next one goes on."""
    http = tg.AsyncClient(max_connections=1)

    async def main() -> None:
        task = asyncio.ensure_future(http.get(server.url + "/hold", timeout=60))
        following = asyncio.ensure_future(http.get(server.url + "/next", timeout=60))
        await asyncio.to_thread(server.holding.acquire)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await following).status == 200
        await http.close()

    run(main())
    assert server.gone.acquire(timeout=20)
    assert [target for _, target in server.asked] == ["/hold", "/next"]


def test_cancelling_the_exchange_is_told_to_who_waits(
    http: tg.AsyncClient, server: HttpServer
) -> None:
    """As with every operation."""
    exchange = http.get(server.url + "/hold", timeout=60)
    assert server.holding.acquire(timeout=20)
    exchange.cancel()

    with pytest.raises(tg.Cancelled):
        exchange.result(20)
    assert server.gone.acquire(timeout=20)


def test_ctrl_c_stops_the_transfer(server: HttpServer) -> None:
    """Who waits in synchronous code is interrupted, and its place is free."""
    script = """
import signal, sys, threading, os
import tidegate as tg
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
http = tg.Client(max_connections=1)
threading.Thread(target=lambda: (sys.stdin.readline(), os.kill(os.getpid(), signal.SIGINT))).start()
try:
    http.get(sys.argv[1] + "/hold", timeout=60)
except KeyboardInterrupt:
    print(http.get(sys.argv[1] + "/next").status)
"""
    command = [sys.executable, "-c", script, server.url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert server.holding.acquire(timeout=20)
        out, _ = child.communicate("\n", timeout=20)

    assert (child.returncode, out) == (0, "200\n")


def test_a_page_takes_requests(run: Any, http: tg.AsyncClient, server: HttpServer) -> None:
    """Its deadline ends them, none raises out of it, and none outlives it."""

    async def main() -> None:
        async with tg.page(0.3) as page:
            good = page.add(http.get(server.url, label="good"))
            late = page.add(http.get(server.url + "/hold", timeout=60))
            none = page.add(http.get(f"http://127.0.0.1:{refused_port()}"))
        calls = [good, late, none]
        assert [call.value.status for call in calls if call.ok] == [200]
        assert isinstance(late.error, tg.Timeout)
        assert isinstance(none.error, tg.ConnectionFailed)
        assert page.partial
        assert page.sources() == {"good": "fresh", "2": "error", "3": "error"}

    run(main())
    assert server.gone.acquire(timeout=20)


def test_a_page_ends_a_request_that_began_outside(http: tg.AsyncClient, server: HttpServer) -> None:
    """With the deadline of the page."""
    exchange = http.get(server.url + "/hold", timeout=60)
    with tg.page(0.1) as page:
        page.add(exchange)

    assert isinstance(exchange.error, tg.Cancelled)


# Many at once.


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_several_loops_use_one_client(http: tg.AsyncClient, shared: HttpServer, kind: str) -> None:
    """Each gets its own answers."""
    runner = asyncio.run if kind == "asyncio" else uvloop.run
    found: list[list[str]] = []

    def work(number: int) -> None:
        async def main() -> None:
            targets = [f"/{number}/{n}" for n in range(30)]
            responses = await asyncio.gather(*(http.get(shared.url + t) for t in targets))
            assert [response.json()["target"] for response in responses] == targets
            found.append(targets)

        runner(main())

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4


def test_as_many_are_under_way_as_may_be(server: HttpServer) -> None:
    """The others wait, and the one too many is refused at once."""
    http = tg.AsyncClient(max_connections=1, queue=1, timeout=60, pool_timeout=60)
    held = http.get(server.url + "/hold")
    assert server.holding.acquire(timeout=20)
    waiting = http.get(server.url)
    until(lambda: http.stats().waiting == 1)

    with pytest.raises(tg.Overloaded):
        http.get(server.url).result(20)
    held.cancel()
    assert waiting.result(20).status == 200


def test_beyond_its_bounds_a_client_opens_more_or_refuses(server: HttpServer) -> None:
    """As its overflow says."""
    opens = tg.AsyncClient(max_connections=1, overflow="open", timeout=60)
    held = opens.get(server.url + "/hold")
    assert server.holding.acquire(timeout=20)
    assert opens.get(server.url).result(20).status == 200
    held.cancel()

    fails = tg.AsyncClient(max_connections=1, overflow="fail", timeout=60)
    held = fails.get(server.url + "/hold")
    assert server.holding.acquire(timeout=20)
    with pytest.raises(tg.Overloaded, match="may not wait"):
        fails.get(server.url).result(20)
    held.cancel()
    with pytest.raises(tg.ConfigError, match="overflow"):
        tg.AsyncClient(overflow="drop")  # type: ignore[arg-type]


def test_who_waits_too_long_for_a_connection_is_late(server: HttpServer) -> None:
    """By a PoolTimeout; nothing was sent."""
    http = tg.AsyncClient(max_connections=1, timeout=60)
    held = http.get(server.url + "/hold")
    assert server.holding.acquire(timeout=20)

    with pytest.raises(tg.PoolTimeout) as caught:
        http.get(server.url, pool_timeout="10ms").result(20)
    assert caught.value.attempts == 0
    held.cancel()
    assert [target for _, target in server.asked] == ["/hold"]


# Its life.


def test_what_is_closed_answers_no_more(run: Any, server: HttpServer) -> None:
    """What is under way ends with Closed, and so does what comes later."""

    async def main() -> None:
        async with tg.AsyncClient() as http:
            held = http.get(server.url + "/hold", timeout=60)
            await asyncio.to_thread(server.holding.acquire)
        with pytest.raises(tg.Closed):
            await held
        with pytest.raises(tg.Closed):
            await http.get(server.url)

    run(main())
    with tg.Client() as sync:
        pass
    with pytest.raises(RuntimeError) as caught:
        sync.get(server.url)
    assert isinstance(caught.value, tg.Closed)
    assert [target for _, target in server.asked] == ["/hold"]


def test_a_dropped_client_lets_its_requests_end(server: HttpServer) -> None:
    """An exchange keeps its client."""
    exchange = tg.AsyncClient().get(server.url)
    gc.collect()

    assert exchange.result(20).status == 200


def test_what_has_ended_is_freed(http: tg.AsyncClient, shared: HttpServer) -> None:
    """Nothing keeps an exchange that nobody holds."""
    exchange = http.get(shared.url)
    exchange.result(20)
    seen = weakref.ref(exchange)
    del exchange

    assert seen() is None


def test_a_client_counts(server: HttpServer, request: pytest.FixtureRequest) -> None:
    """In stats() of its own, and in the tree of all."""
    name = request.node.name
    sync = tg.Client(name=name)
    sync.get(server.url)
    sync.get(server.url)
    with pytest.raises(tg.ConnectionFailed):
        sync.get(f"http://127.0.0.1:{refused_port()}")

    stats = sync.stats()
    assert (stats.requests, stats.responses, stats.failures) == (3, 2, 1)
    assert (stats.reused, stats.in_flight, stats.waiting) == (1, 0, 0)
    tree = tg.stats()["http"][name]
    assert (tree["requests"], tree["reused"]) == (3, 1)
    assert f'tidegate_http_requests_total{{client="{name}"}} 3' in tg.stats_prometheus()


def test_a_service_has_a_client_of_its_own(server: HttpServer) -> None:
    """Its settings, and its name."""
    config = tg.Config()
    config.set("http.user_agent", "everybody/1")
    config.set("http.user_agent", "encar/1", service="encar")

    assert sent(tg.Client(config).get(server.url), "user-agent") == ["everybody/1"]
    encar = tg.Client(config, service="encar")
    assert sent(encar.get(server.url), "user-agent") == ["encar/1"]
    given = tg.Client(config, service="encar", user_agent="given/1")
    assert sent(given.get(server.url), "user-agent") == ["given/1"]
    assert tg.stats()["http"]["encar"]["requests"] == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"max_connections": 0},
        {"queue": 1.5},
        {"timeout": "soon"},
        {"max_body": -1},
        {"user_agent": "a\r\nb"},
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused_at_the_constructor(settings: Any) -> None:
    """By its name, for both kinds."""
    for kind in (tg.Client, tg.AsyncClient):
        with pytest.raises(tg.ConfigError):
            kind(**settings)
