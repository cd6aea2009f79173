"""tidegate.testing: a function in place of the network."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import tidegate as tg
from tidegate import testing
from tidegate.testing import Faults, MockTransport, Request, Response

from ..support.http_server import HttpServer

URL = "https://api.example.com/cars"
Ask = Callable[..., Any]


@pytest.fixture(params=["sync", "await", "result"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """A request of a client with this transport, in each of the ways."""

    def asked(transport: Any, method: str = "GET", url: str = URL, **options: Any) -> Any:
        retry = options.pop("retry", None)
        if request.param == "sync":
            return tg.Client(transport=transport, retry=retry).request(method, url, **options)
        client = tg.AsyncClient(transport=transport, retry=retry)
        if request.param == "result":
            return client.request(method, url, **options).result(20)

        async def main() -> Any:
            return await client.request(method, url, **options)

        return asyncio.run(main())

    return asked


def test_a_handler_answers(ask: Ask) -> None:
    """It is given the request as its arguments make it, and its answer is a response."""
    seen: list[Request] = []

    def handler(request: Request) -> Response:
        seen.append(request)
        return Response(201, json={"id": 7}, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])

    response = ask(
        MockTransport(handler), "POST", params={"make": "Škoda"}, json=[1], headers={"X-A": "1"}
    )
    assert isinstance(response, tg.Response)
    assert (response.status, response.json(), response.attempts) == (201, {"id": 7}, 1)
    assert response.headers.all("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-type"] == "application/json"
    assert (response.method, response.url) == ("POST", URL + "?make=%C5%A0koda")
    assert response.timings.elapsed == response.elapsed == 0
    [request] = seen
    assert (request.method, request.host, request.path) == ("POST", "api.example.com", "/cars")
    assert (request.params, request.json()) == ({"make": "Škoda"}, [1])
    assert (request.headers["x-a"], request.headers["content-type"]) == ("1", "application/json")


@pytest.mark.parametrize(
    ("made", "content", "kind"),
    [
        (Response(), b"", None),
        (Response(text="žluť"), "žluť".encode(), "text/plain; charset=utf-8"),
        (Response(content=b"\0"), b"\0", None),
        (Response(json=[], headers={"content-type": "a/b"}), b"[]", "a/b"),
    ],
    ids=["nothing", "text", "bytes", "its own type"],
)
def test_a_response_has_one_body(ask: Ask, made: Response, content: bytes, kind: str) -> None:
    """Of JSON, text or bytes."""
    response = ask(MockTransport(lambda _: made))
    assert (response.content, response.headers.get("content-type")) == (content, kind)


def test_a_schedule_is_tried_again_by_the_client_s_policy(ask: Ask) -> None:
    """No pause takes time, and the response tells of all attempts."""
    mock = MockTransport(Faults(["connect_failed", 503, "timeout", 200]))
    response = ask(mock, retry=tg.RetryPolicy(backoff=1, max_backoff=4))

    assert (response.status, response.attempts) == (200, 4)
    assert [r.attempt for r in mock.requests] == [1, 2, 3, 4]
    assert [line.partition(" after ")[0] for line in response.history] == [
        "attempt 1 of 4: connect",
        "attempt 2 of 4: 503",
        "attempt 3 of 4: attempt_timeout",
        "attempt 4 of 4: 200",
    ]
    assert len(mock.time.pauses) == 3
    assert response.elapsed == pytest.approx(sum(mock.time.pauses) + 5)


def test_the_last_attempt_is_the_outcome(ask: Ask) -> None:
    """A response, or the error with its history."""
    assert ask(MockTransport(Faults([500] * 4))).status == 500
    with pytest.raises(tg.ConnectionFailed) as caught:
        ask(MockTransport(Faults([503, "connection_lost"])), attempts=2)
    error = caught.value
    assert (error.cause, error.attempts, len(error.history)) == ("connection_lost", 2, 2)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("connect_failed", tg.ConnectionFailed),
        ("connect", tg.ConnectionFailed),
        ("dns", tg.ConnectionFailed),
        ("tls", tg.TlsFailed),
        ("timeout", tg.Timeout),
        ("read_timeout", tg.Timeout),
        ("pool_timeout", tg.PoolTimeout),
        ("queue_full", tg.Overloaded),
        ("protocol", tg.ProtocolError),
        ("too_large", tg.TooLarge),
        ("decode", tg.DecodeError),
        ("redirect", tg.RedirectError),
        ("blocked_address", tg.BlockedAddress),
        ("proxy", tg.ProxyError),
    ],
)
def test_a_fault_is_the_error_of_its_cause(ask: Ask, word: str, kind: type[tg.Error]) -> None:
    """The class that the network would give."""
    with pytest.raises(tg.Error) as caught:
        ask(MockTransport(Faults([word])), attempts=1)
    assert type(caught.value) is kind
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    ("method", "options", "fault", "attempts"),
    [
        ("POST", {}, 503, 1),
        ("POST", {}, "connection_lost", 1),
        ("POST", {}, "connect", 2),
        ("POST", {}, "proxy", 2),
        ("POST", {}, "proxy_auth", 1),
        ("TRACE", {}, 503, 2),
        ("POST", {"idempotent": True}, 503, 2),
        ("POST", {"idempotency_key": ""}, 503, 2),
        ("POST", {"retry": tg.RetryPolicy(methods="every")}, 503, 2),
        ("GET", {"idempotent": False}, 503, 1),
        ("GET", {}, 404, 1),
        ("GET", {"retry": tg.RetryPolicy(statuses=(404,))}, 404, 2),
        ("GET", {}, "tls", 1),
    ],
)
def test_what_may_not_be_done_twice_is_not(
    ask: Ask, method: str, options: Any, fault: Any, attempts: int
) -> None:
    """By the rules of real requests."""
    mock = MockTransport(Faults([fault, 200]))
    try:
        ask(mock, method, **options)
    except tg.Error:
        assert attempts == 1
    assert len(mock.requests) == attempts


def test_times_that_pass_in_attempts_reach_the_deadline(ask: Ask) -> None:
    """Of the request, which is 15 s; each attempt has 5."""
    mock = MockTransport(Faults(["timeout"] * 9))
    with pytest.raises(tg.Timeout) as caught:
        ask(mock, retry=tg.RetryPolicy(backoff=0, attempts=9))
    assert len(mock.requests) == 3
    assert caught.value.cause == "deadline"


def test_what_a_server_asks_for_comes_on_top(ask: Ask) -> None:
    """As with real requests; more than may be asked for is the end."""
    policy = tg.RetryPolicy(backoff=0, max_retry_after=9)
    schedule = Faults([Response(503, headers={"Retry-After": "7"}), 200])
    mock = MockTransport(schedule)
    assert ask(mock, retry=policy).attempts == 2
    assert mock.time.pauses == [7]
    busy = Response(503, headers={"Retry-After": "10"})
    assert ask(MockTransport(Faults([busy])), retry=policy).attempts == 1


def test_who_asks_reaches_the_handler(ask: Ask) -> None:
    seen: list[str | None] = []

    def handler(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(200)

    ask(MockTransport(handler), "GET", basic_user="Aladdin", basic_password="open sesame")
    ask(MockTransport(handler), "GET", bearer_token="b64token")
    assert seen == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Bearer b64token"]


def test_the_budget_is_the_client_s() -> None:
    """All its requests share it."""
    policy = tg.RetryPolicy(budget=0, budget_per_second=0, budget_most=2)
    mock = MockTransport(lambda _: Response(503))
    client = tg.Client(transport=mock, retry=policy)
    for _ in range(3):
        client.get(URL)
    assert len(mock.requests) == 5


def test_an_exception_of_the_handler_comes_as_it_is(ask: Ask) -> None:
    """A failed assertion of a test is one; so is a schedule that is used up."""
    wrong = ValueError("mine")
    with pytest.raises(ValueError, match="mine") as caught:
        ask(MockTransport(Faults([wrong])))
    assert caught.value is wrong
    with pytest.raises(AssertionError, match="GET /cars: the schedule is used up"):
        ask(MockTransport(Faults([])))
    with pytest.raises(TypeError, match="int"):
        ask(MockTransport(lambda _: 200))  # type: ignore[arg-type, return-value]


def test_a_coroutine_handler_answers_in_a_loop() -> None:
    """And says what it needs elsewhere."""

    async def handler(request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(200, text=request.path)

    mock = MockTransport(handler)

    async def main() -> str:
        return (await tg.AsyncClient(transport=mock).get(URL)).text

    assert asyncio.run(main()) == "/cars"
    with pytest.raises(TypeError, match="running loop"):
        tg.Client(transport=mock).get(URL)


def test_a_page_takes_requests_of_a_mock() -> None:
    """They are operations as others are; none raises out of it."""

    def handler(request: Request) -> Response:
        return Response(200) if request.path == "/good" else testing.Faults(["dns"])(request)

    async def main() -> None:
        http = tg.AsyncClient(transport=MockTransport(handler))
        async with tg.page(5) as page:
            good = page.add(http.get("https://a/good", label="good"))
            bad = page.add(http.get("https://a/bad", attempts=1))
        assert (good.ok, good.value.status, good.source) == (True, 200, "fresh")
        assert isinstance(bad.error, tg.ConnectionFailed)
        assert page.sources() == {"good": "fresh", "2": "error"}

    asyncio.run(main())


def test_a_request_that_its_handler_holds_ends_with_its_task() -> None:
    """The task is cancelled, and the handler with it."""

    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def handler(_: Request) -> Response:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return Response()

        http = tg.AsyncClient(transport=MockTransport(handler))
        task = asyncio.ensure_future(http.get(URL))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ended.wait()

    asyncio.run(main())


def test_a_mock_stands_for_all_clients_inside_its_block(server: HttpServer) -> None:
    """Those in other threads too; the innermost answers, and after it the network."""
    sync, http = tg.Client(), tg.AsyncClient()

    async def main() -> int:
        return (await http.get(server.url)).status

    with testing.mock_transport(lambda _: Response(418)) as mock:
        with testing.mock_transport(Faults([204])):
            assert sync.get(server.url).status == 204
        assert asyncio.run(main()) == 418
        with ThreadPoolExecutor() as pool:
            assert pool.submit(sync.get, server.url).result(20).status == 418
    assert len(mock.requests) == 2
    assert server.asked == []
    assert sync.get(server.url).status == 200


def test_no_network_sends_nothing(server: HttpServer) -> None:
    """A request is a failed assertion that names it, and not what it asks for."""
    with testing.no_network(), pytest.raises(AssertionError, match=r"GET 127\.0\.0\.1:\d+/x ins"):
        tg.Client().get(server.url + "/x?key=hunter2")
    assert server.asked == []
    with testing.no_network():
        mock = MockTransport(lambda _: Response(200))
        assert tg.Client(transport=mock).get(server.url).status == 200


@pytest.mark.parametrize(
    "make",
    [
        lambda: Faults(["no_such_cause"]),
        lambda: Faults([99]),
        lambda: Faults([None]),  # type: ignore[list-item]
        lambda: Response(True),
        lambda: Response(200, json=1, text="a"),
        lambda: tg.Client(transport=lambda _: Response()),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_refused_where_it_is_made(make: Callable[[], object]) -> None:
    """And not in the middle of a test."""
    with pytest.raises(tg.InvalidArgument):
        make()


def test_it_is_there_with_the_package() -> None:
    """Once somebody looks at it."""
    script = """
import sys, tidegate
assert "tidegate.testing" not in sys.modules
assert tidegate.testing.MockTransport
try:
    tidegate.texting
except AttributeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("module 'tidegate' has no attribute 'texting'\n", "")


def test_the_adapters_ask_a_mock_too() -> None:
    """What they send goes through a client."""
    httpx = pytest.importorskip("httpx")
    from tidegate.adapters.httpx import Transport

    with testing.mock_transport(Faults([503, 200])), httpx.Client(transport=Transport()) as http:
        assert http.get(URL).status_code == 200
