"""HTTP requests, from asyncio and from synchronous code."""

import asyncio
import gc
import pickle
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

import tidegate as tg

from ..support.http_server import HttpServer, http_server
from ..support.waiting import until

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


@pytest.fixture(scope="module")
def shared() -> Iterator[HttpServer]:
    with http_server() as running:
        yield running


@pytest.fixture
def server() -> Iterator[HttpServer]:
    """One of the test's own, for what the server saw."""
    with http_server() as running:
        yield running


@pytest.fixture
def sync() -> Iterator[tg.Client]:
    with tg.Client() as client:
        yield client


@pytest.fixture
def http() -> tg.AsyncClient:
    return tg.AsyncClient()


def raw(server: HttpServer, body: bytes, *fields: str, status: int = 200) -> str:
    """The URL of an answer of exactly these fields and bytes."""
    head = [f"HTTP/1.1 {status} So", f"Content-Length: {len(body)}", *fields]
    server.raw = "\r\n".join([*head, "", ""]).encode("latin-1") + body
    return server.url + "/raw"


def sent(response: tg.Response, name: str) -> list[str]:
    """The values of a field that the request had."""
    return [value for field, value in response.json()["headers"] if field.lower() == name]


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


# What is sent.


def test_headers_are_sent_as_they_are_given(sync: tg.Client, shared: HttpServer) -> None:
    """A mapping, or pairs of which one name may come twice; Latin-1 is the bytes of a value."""
    assert sent(sync.get(shared.url, headers={"X-Trace": "7"}), "x-trace") == ["7"]
    pairs = [("X-A", "1"), ("x-a", "é")]
    assert sent(sync.get(shared.url, headers=pairs), "x-a") == ["1", "é"]
    seen = tg.Headers([("A", "1"), ("A", "2")])
    assert sent(sync.get(shared.url, headers=seen), "a") == ["1", "2"]


@pytest.mark.parametrize(
    ("url", "params", "target"),
    [
        ("/p", {"make": "Audi"}, "/p?make=Audi"),
        ("/p?a=1", {"b": 2}, "/p?a=1&b=2"),
        ("/p?", {"b": 2}, "/p?b=2"),
        ("/p#part", {"b": 2}, "/p?b=2"),
        ("/p", [("a", 1), ("a", "2")], "/p?a=1&a=2"),
        ("/p", {"a": [1, 2], "b": None, "c": True, "d": False}, "/p?a=1&a=2&c=true&d=false"),
        ("/p", {"q": "a b&c=d/é+%"}, "/p?q=a%20b%26c%3Dd%2F%C3%A9%2B%25"),
        ("/p", {"x y": 1.5, "мотор": "1"}, "/p?x%20y=1.5&%D0%BC%D0%BE%D1%82%D0%BE%D1%80=1"),
        ("/p", {}, "/p"),
        ("/p?a=1", {"b": []}, "/p?a=1"),
    ],
)
def test_params_are_appended_to_the_query(
    sync: tg.Client, shared: HttpServer, url: str, params: Any, target: str
) -> None:
    """Percent-encoded, so that no value can say more than itself."""
    response = sync.get(shared.url + url, params=params)

    assert response.json()["target"] == target
    assert response.url.partition("#")[0] == shared.url + target


@pytest.mark.parametrize(
    ("options", "kind", "body"),
    [
        ({"json": {"make": "Škoda", "n": [1, None]}}, JSON, '{"make":"Škoda","n":[1,null]}'),
        ({"json": False}, JSON, "false"),
        ({"data": {"a": "1 2&", "b": [True, 3]}}, FORM, "a=1+2%26&b=true&b=3"),
        ({"data": [("a", 1)]}, FORM, "a=1"),
        ({"data": "é"}, None, "é"),
        ({"data": b"\0\xff"}, None, b"\0\xff"),
        ({"content": b"raw"}, None, b"raw"),
        ({"content": bytearray(b"raw")}, None, b"raw"),
        ({"content": memoryview(b"xrawx")[1:4]}, None, b"raw"),
        ({"content": b""}, None, b""),
        ({"json": 1, "headers": {"content-TYPE": "application/x+json"}}, "application/x+json", "1"),
    ],
)  # fmt: skip
def test_bodies_are_sent_with_their_type(
    sync: tg.Client, shared: HttpServer, options: Any, kind: str | None, body: str | bytes
) -> None:
    """JSON and forms have one by themselves, unless the caller says another."""
    response = sync.post(shared.url, **options)

    assert sent(response, "content-type") == ([] if kind is None else [kind])
    expected = body if isinstance(body, bytes) else body.encode()
    assert response.json()["body"].encode("latin-1") == expected
    assert sent(response, "content-length") == [str(len(expected))]


# What comes back.


def test_any_status_is_a_response(sync: tg.Client, shared: HttpServer) -> None:
    """Only who asks gets an error: in the one tree, with the response, and it pickles."""
    assert sync.get(shared.url).raise_for_status().ok
    for status, retryable in [(304, False), (404, False), (429, True), (500, True), (503, True)]:
        response = sync.get(f"{shared.url}/status/{status}", params={"key": "hunter2"})
        assert (response.status, response.ok) == (status, False)
        with pytest.raises(
            tg.HTTPStatusError, match=rf"GET {shared.url}/status/{status}: .*{status}"
        ) as caught:
            response.raise_for_status()
        error = pickle.loads(pickle.dumps(caught.value))
        assert "hunter2" not in str(error) + repr(response)
        assert isinstance(error, tg.Error)
        assert (error.cause, error.status, error.retryable) == ("http_status", status, retryable)
        assert (error.attempts, error.response.url) == (1, response.url)


def test_headers_have_no_case_and_several_values(sync: tg.Client, server: HttpServer) -> None:
    """Nothing is joined; the bytes of a value are Latin-1."""
    url = raw(server, b"", "Set-Cookie: a=1", 'ETag: "é"', "set-cookie: b=2, c")
    headers = sync.get(url).headers

    assert headers["SET-COOKIE"] == headers.get("set-cookie") == "a=1"
    assert headers.all("Set-Cookie") == ["a=1", "b=2, c"]
    assert (headers["etag"], "Etag" in headers, "x" in headers) == ('"é"', True, False)
    assert (headers.get("x"), headers.all("x"), len(headers)) == (None, [], 3)
    assert headers.fields[1:] == (("Set-Cookie", "a=1"), ("ETag", '"é"'), ("set-cookie", "b=2, c"))
    assert pickle.loads(pickle.dumps(headers)).fields == headers.fields
    with pytest.raises(KeyError):
        headers["x"]


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html", "é".encode(), "é"),
        ("text/html", b"a\xff", "a\ufffd"),
        ("text/html; charset=latin-1", b"\xe9", "é"),
        ('text/html; x=1; Charset="EUC-KR"', "현대".encode("euc-kr"), "현대"),
        ("text/html; charset=no-such-thing", "é".encode(), "é"),
        ("text/html; charset=base64", b"aGk=", "aGk="),
        ("text/html; charset=", "é".encode(), "é"),
        ("", b"", ""),
    ],
)
def test_text_is_decoded_by_its_charset(
    sync: tg.Client, server: HttpServer, kind: str, body: bytes, text: str
) -> None:
    """Else it is UTF-8; what cannot be read is replaced and never raises."""
    response = sync.get(raw(server, body, f"Content-Type: {kind}"))

    assert (response.content, response.text) == (body, text)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000], ids=lambda body: body[:3])
def test_a_body_that_is_no_json_is_a_decode_error(
    sync: tg.Client, server: HttpServer, body: bytes
) -> None:
    """A ValueError too."""
    response = sync.get(raw(server, body))

    with pytest.raises(tg.DecodeError, match="/raw: the body is no JSON"):
        response.json()


def test_a_response_says_where_its_time_went(sync: tg.Client, server: HttpServer) -> None:
    """And whether its connection was kept."""
    first, second = sync.get(server.url), sync.get(server.url)

    assert (first.reused, second.reused, server.connections) == (False, True, 1)
    assert (first.attempts, second.attempts) == (1, 1)
    timings = first.timings
    assert timings.connect > 0
    assert (second.timings.connect, second.timings.dns, timings.tls) == (0, 0, 0)
    assert 0 < timings.first_byte <= timings.elapsed
    assert timings.elapsed == pytest.approx(first.elapsed)
    assert timings.settled_at == pytest.approx(timings.submitted + timings.elapsed)
    assert second.timings.submitted > timings.submitted


def test_a_response_pickles(sync: tg.Client, shared: HttpServer) -> None:
    """Whole: so a cache or another process may have it."""
    response = sync.get(shared.url + "/x", params={"a": 1})
    copy = pickle.loads(pickle.dumps(response))

    assert (copy.status, copy.url, copy.content) == (200, response.url, response.content)
    assert (copy.headers.fields, copy.timings) == (response.headers.fields, response.timings)
    assert (copy.value is copy, copy.source) == (True, "fresh")


def test_many_threads_may_ask_for_one_answer(http: tg.AsyncClient, server: HttpServer) -> None:
    """They get the same, with its whole body."""
    body = b"x" * 1_000_000
    for _ in range(20):
        exchange = http.get(raw(server, body))
        exchange.wait(20)
        start = threading.Barrier(4)
        found: list[tg.Response] = []

        def look(exchange: tg.Exchange = exchange, start: Any = start, found: Any = found) -> None:
            start.wait(20)
            found.append(exchange.result())

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {id(response) for response in found} == {id(exchange.value)}
        assert found[0].content == body


def test_a_body_is_held_once(server: HttpServer, tools: Any) -> None:
    """The library's copy goes when Python has its own, also while the exchange is kept."""
    script = """
import sys
import tidegate as tg
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
http = tg.AsyncClient()
kept = [http.get(sys.argv[1])]
size = len(kept[0].result().content)
before = resident()
for _ in range(16):
    kept.append(http.get(sys.argv[1]))
    kept[-1].result()
copies = (resident() - before) / (16 * size)
assert copies < 1.5, copies
"""
    done = tools.run_script(script, raw(server, b"x" * 4_000_000))
    assert (done.returncode, done.stderr) == (0, "")


# What goes wrong.


def refused_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "await"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """One GET, in both ways."""
    if request.param == "sync":
        return lambda url, **options: tg.Client().request(
            options.pop("method", "GET"), url, **options
        )

    def awaited(url: str, **options: Any) -> tg.Response:
        async def main() -> tg.Response:
            method = options.pop("method", "GET")
            return await tg.AsyncClient().request(method, url, **options)

        return asyncio.run(main())

    return awaited


def test_a_refused_connection_is_a_connection_error(ask: Ask) -> None:
    """With its cause, the attempts and the time; and it pickles."""
    with pytest.raises(ConnectionError) as caught:
        ask(f"http://127.0.0.1:{refused_port()}/x?key=hunter2")
    error = pickle.loads(pickle.dumps(caught.value))

    assert isinstance(error, tg.ConnectionFailed)
    assert (error.cause, error.attempts, error.retryable) == ("connect", 1, True)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize(
    ("option", "cause"), [("timeout", "deadline"), ("attempt_timeout", "attempt_timeout")]
)
def test_a_late_answer_is_a_timeout(ask: Ask, server: HttpServer, option: str, cause: str) -> None:
    """A TimeoutError too; the server sees its connection closed."""
    with pytest.raises(TimeoutError) as caught:
        ask(server.url + "/hold", **{option: "100ms"})
    error = pickle.loads(pickle.dumps(caught.value))

    assert isinstance(error, tg.Timeout)
    assert (error.cause, error.attempts) == (cause, 1)
    assert server.gone.acquire(timeout=20)


WRONG_REQUESTS = {
    "a line break in a value": {"headers": {"X-A": "1\r\nX-B: 2"}},
    "a line break in a name": {"headers": {"X-A: 1\r\nX-B": "2"}},
    "a NUL": {"headers": {"X-A": "a\0b"}},
    "a host": {"headers": {"Host": "elsewhere"}},
    "a length": {"headers": {"Content-Length": "1"}},
    "a line break in a method": {"method": "GET / HTTP/1.1\r\nX: "},
    "CONNECT": {"method": "CONNECT"},
}


@pytest.mark.parametrize("options", WRONG_REQUESTS.values(), ids=list(WRONG_REQUESTS))
def test_what_is_no_http_is_refused_before_anything_is_sent(
    ask: Ask, server: HttpServer, options: Any
) -> None:
    """By an InvalidArgument, which is a ValueError."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the class is looked at below
        ask(server.url, **dict(options))

    assert isinstance(caught.value, tg.InvalidArgument)
    assert caught.value.attempts == 0
    assert (server.connections, server.asked) == (0, [])


@pytest.mark.parametrize(
    "url", ["", "/x", "127.0.0.1", "ftp://127.0.0.1/", "http://", "http://a b/", "http://\0/", "http://\ud800/"]
)  # fmt: skip
def test_a_bad_url_is_refused(ask: Ask, url: str) -> None:
    """The same, whatever is wrong with it."""
    with pytest.raises(tg.InvalidArgument):
        ask(url)
    with pytest.raises(tg.InvalidArgument):
        ask(url, params={"a": 1})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"headers": {"X": 1}}, "header 'X'"),
        ({"headers": {1: "X"}}, "name of a header"),
        ({"headers": {"X": "ж"}}, "Latin-1"),
        ({"headers": 5}, "headers"),
        ({"headers": ["ab", "c"]}, "headers"),
        ({"params": 5}, "params"),
        ({"params": "a=1"}, "params"),
        ({"params": {"a": b"1"}}, "'a' is a bytes"),
        ({"data": {"a": {"b": 1}}}, "'a' is a dict"),
        ({"content": "text"}, "content"),
        ({"content": 5}, "content"),
        ({"data": 5}, "data"),
        ({"data": "\ud800"}, "data holds a lone surrogate"),
        ({"params": {"a": "\ud800"}}, "params holds a lone surrogate"),
        ({"json": "\ud800"}, "json"),
        ({"json": float("nan")}, "json"),
        ({"json": object()}, "json"),
        ({"json": 1, "content": b""}, "one body"),
        ({"timeout": "soon"}, "timeout"),
        ({"read_timeout": -1}, "read_timeout"),
        ({"max_body": -1}, "max_body"),
        ({"max_body": True}, "max_body"),
        ({"max_body": 1.5}, "max_body"),
        ({"idempotent": 1}, "idempotent"),
        ({"label": 1}, "label"),
    ],
)
def test_a_wrong_argument_is_refused_at_the_call(
    http: tg.AsyncClient, options: Any, named: str
) -> None:
    """By its name."""
    with pytest.raises(tg.InvalidArgument, match=named):
        http.post("http://127.0.0.1:1/", **options)
    assert http.stats().in_flight == 0


def test_an_unknown_argument_is_a_type_error(sync: tg.Client) -> None:
    """As with any function."""
    with pytest.raises(TypeError, match="tiemout"):
        sync.get("http://127.0.0.1:1/", tiemout=5)  # type: ignore[call-arg]


@pytest.mark.parametrize("url", [None, 5, b"http://127.0.0.1/"])
def test_a_url_is_a_str(http: tg.AsyncClient, url: Any) -> None:
    """Nothing else."""
    with pytest.raises(tg.InvalidArgument, match="url"):
        http.get(url, params={"a": 1})


def test_an_answer_that_is_too_large_is_refused(ask: Ask, server: HttpServer) -> None:
    """Nothing of it is kept."""
    url = raw(server, b"x" * 1000)

    assert len(ask(url, max_body=1000).content) == 1000
    with pytest.raises(tg.TooLarge):
        ask(url, max_body=999)


def test_what_is_no_http_is_a_protocol_error(ask: Ask, server: HttpServer) -> None:
    """Not a response."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"

    with pytest.raises(tg.ProtocolError):
        ask(server.url + "/raw")


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
