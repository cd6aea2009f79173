"""DeadlineMiddleware, as a server and an application see it."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

import tidegate as tg
from tidegate.adapters._deadline import DeadlineMiddleware

App = Callable[[Any, Any, Any], Awaitable[None]]


class Server:
    """One request, as an ASGI server would make it."""

    def __init__(self, method: str = "GET", body: list[bytes] | None = None, **headers: str):
        named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
        if body is not None:
            named.append((b"content-length", str(sum(map(len, body))).encode()))
        self.scope = {"type": "http", "method": method, "headers": named}
        self.to_read: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        parts = body or [b""]
        for number, part in enumerate(parts, 1):
            more = number < len(parts)
            self.to_read.put_nowait({"type": "http.request", "body": part, "more_body": more})
        self.sent: list[dict[str, Any]] = []

    def leave(self) -> None:
        self.to_read.put_nowait({"type": "http.disconnect"})

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)  # as where the client does not take it at once
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self.leave()  # as uvicorn says when the response is complete

    async def run(self, app: App, **options: Any) -> None:
        middleware = DeadlineMiddleware(app, **options)  # type: ignore[arg-type]
        await middleware(self.scope, self.to_read.get, self.send)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.sent[1]["body"])["error"]
        return error


async def answer(send: Any, body: bytes = b"ok") -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def assert_left(found: float, most: float, began: float) -> None:
    """As much as `most` when it began, and as time has gone on since, however long that was."""
    assert most - (monotonic() - began) - 1e-3 <= found <= most


async def left_in(found: list[float]) -> None:
    async with tg.page(60) as page:
        found.append(page.left())


async def test_what_is_asked_in_a_request_inherits_its_deadline() -> None:
    """In the endpoint and in its tasks; not in another request."""
    found: list[float] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await left_in(found)
        await asyncio.create_task(left_in(found))
        await answer(send)

    began = monotonic()
    await Server().run(app, timeout=5)
    assert len(found) == 2
    for left in found:
        assert_left(left, 5, began)
    await left_in(found)
    assert_left(found[-1], 60, began)


async def test_the_page_s_default_is_the_request_s() -> None:
    """18 s."""
    found: list[float] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await left_in(found)
        await answer(send)

    began = monotonic()
    await Server().run(app)
    assert_left(found[0], 18, began)


@pytest.mark.parametrize(
    ("value", "most"),
    [
        ("5", 4.5),
        ("250ms", 0.225),
        ("9.5", 8.55),
        ("3600", 10),
        ("10.5", 9.5),
        ("-1", 10),
        ("nan", 10),
        ("1e9", 10),
        ("soon", 10),
        ("9" * 400, 10),
    ],
)
async def test_a_caller_may_shorten_the_time_and_never_extend_it(value: str, most: float) -> None:
    """And what cannot be read is ignored. A tenth is kept for the answer, grace at most."""
    found: list[float] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await left_in(found)
        await answer(send)

    server = Server(x_request_timeout=value)
    began = monotonic()
    await server.run(app, timeout=10, grace=1, header="X-Request-Timeout")
    assert_left(found[0], most, began)
    began = monotonic()
    await Server(x_request_timeout=value).run(app, timeout=10)
    assert_left(found[1], 10, began)  # off unless named


@pytest.mark.parametrize("asked", ["3600", "0.02", "0"])
async def test_a_caller_cannot_put_off_the_504(asked: str) -> None:
    """It comes at the application's time, or the caller's if that is earlier."""

    async def app(*_: Any) -> None:
        await for_ever()

    server = Server(x_request_timeout=asked)
    await server.run(app, timeout=0.03, grace=0.01, header="X-Request-Timeout")
    assert server.status == 504


async def test_an_endpoint_that_says_nothing_is_answered_for() -> None:
    """504 with a typed body; its task is cancelled, and its query stopped."""
    ends: list[str] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            ends.append("cancelled")
            with pytest.raises(OSError, match="given up"):
                await answer(send)
            raise

    server = Server()
    await server.run(app, timeout=0.02, grace=0.01)
    assert (server.status, ends) == (504, ["cancelled"])
    assert server.error["code"] == "DEADLINE_EXCEEDED"
    assert server.error["retryable"] is True
    assert len(server.sent) == 2


async def test_the_504_does_not_wait_for_a_task_that_does_not_end(tools: Any) -> None:
    """It is sent first."""
    server, may_end = Server(), asyncio.Event()

    async def app(_: Any, __: Any, ___: Any) -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            assert server.status == 504
            await may_end.wait()

    running = asyncio.create_task(server.run(app, timeout=0.02, grace=0))
    await tools.eventually_in_loop(lambda: len(server.sent) == 2)
    may_end.set()
    await running


async def test_an_answer_does_not_get_into_the_504(tools: Any) -> None:
    """Also where it comes while that is being sent."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await tools.eventually_in_loop(lambda: len(server.sent) == 1)
        with pytest.raises(OSError, match="given up"):
            await answer(send)

    server = Server()
    await server.run(app, timeout=0.02, grace=0)
    assert [message["type"] for message in server.sent] == [
        "http.response.start",
        "http.response.body",
    ]
    assert server.error["cause"] == "deadline"


async def test_within_the_grace_an_endpoint_answers_with_what_it_has(db: tg.Database) -> None:
    """The query ends at the deadline, with its default."""

    async def app(_: Any, __: Any, send: Any) -> None:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT i FROM n"
        found = await db.query(f"SELECT count(*) FROM ({endless})", default="default")
        await answer(send, str(found.value).encode())

    server = Server()
    await server.run(app, timeout=0.1, grace=30)
    assert server.sent[1]["body"] == b"default"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (tg.Timeout("late"), 504),
        (tg.Overloaded("busy"), 503),
        (tg.EngineUnavailable("away"), 503),
    ],
)
async def test_an_error_that_nobody_caught_is_typed(error: tg.Error, status: int) -> None:
    """As a status and in the body."""

    async def app(_: Any, __: Any, ___: Any) -> None:
        raise error

    server = Server()
    await server.run(app)
    assert server.status == status
    assert (server.error["cause"], server.error["message"]) == (error.cause, str(error))
    assert ((b"retry-after", b"1") in server.sent[0]["headers"]) == (status == 503)


@pytest.mark.parametrize(
    ("after", "said"),
    [(0.0, b"1"), (0.2, b"1"), (1.0, b"1"), (7.2, b"8"), (3600.0, b"3600"), (math.inf, b"86400")],
)
@pytest.mark.parametrize("kind", [tg.CircuitOpen, tg.RateLimited])
async def test_a_refusal_says_when_to_come_again_as_its_error_does(
    kind: type[tg.CircuitOpen | tg.RateLimited], after: float, said: bytes
) -> None:
    """In whole seconds, and not sooner."""

    async def app(_: Any, __: Any, ___: Any) -> None:
        refused = kind("not now")
        refused.retry_after = after
        raise refused

    server = Server()
    await server.run(app)
    assert (server.status, dict(server.sent[0]["headers"])[b"retry-after"]) == (503, said)


@pytest.mark.parametrize("error", [ValueError("bug"), tg.QueryError("no such table")])
async def test_what_is_the_program_s_own_fault_is_left_to_it(error: Exception) -> None:
    """It is no matter of time or load."""

    async def app(_: Any, __: Any, ___: Any) -> None:
        raise error

    with pytest.raises(type(error)):
        await Server().run(app)


async def test_an_error_after_the_start_is_left_to_the_server() -> None:
    """There is no other status any more."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise tg.Timeout("late")

    server = Server()
    with pytest.raises(tg.Timeout):
        await server.run(app)
    assert len(server.sent) == 1


async def test_a_response_that_has_begun_is_left_alone(tools: Any) -> None:
    """However long it takes."""

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        past = monotonic() + 0.05
        await tools.eventually_in_loop(lambda: monotonic() > past)
        await send({"type": "http.response.body", "body": b"whole"})

    server = Server()
    await server.run(app, timeout=0.01, grace=0)
    assert [message.get("body") for message in server.sent] == [None, b"whole"]


async def test_what_runs_after_the_response_has_no_deadline_from_the_request() -> None:
    """Nor is it cancelled when the server says that the exchange is over."""
    found: list[float] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await answer(send)
        for _turn in range(10):
            await asyncio.sleep(0)
        await left_in(found)

    began = monotonic()
    await Server().run(app, timeout=1)
    assert_left(found[0], 60, began)


@pytest.mark.parametrize(("reads", "body"), [(False, None), (True, None), (False, [b""])])
async def test_a_client_that_leaves_stops_its_get(
    reads: bool, body: list[bytes] | None, db: tg.Database, lane: Any, tools: Any
) -> None:
    """Whether or not the endpoint reads, or is told of no body; the query stops at the engine."""
    begun = asyncio.Event()

    async def app(_: Any, receive: Any, __: Any) -> None:
        if reads:
            assert (await receive())["type"] == "http.request"
        begun.set()
        await db.query(tools.ENDLESS)

    server = Server(body=body)
    running = asyncio.create_task(server.run(app))
    await begun.wait()
    server.leave()
    await running
    assert server.sent == []
    await tools.eventually_in_loop(lambda: lane("executor")["settled"]["cancelled"] == 1)
    assert lane("executor")["running"] == 0


async def test_a_client_that_leaves_a_stream_stops_it() -> None:
    """Nobody reads the rest."""
    ended: list[str] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        server.leave()
        try:
            await for_ever()
        finally:
            ended.append("stopped")

    server = Server()
    await server.run(app, timeout=0.01, grace=0)
    assert ended == ["stopped"]


async def test_what_may_change_something_runs_to_its_end() -> None:
    """Also where the client has left."""

    async def app(_: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"a"
        assert (await receive())["type"] == "http.disconnect"
        for _turn in range(10):
            await asyncio.sleep(0)
        await answer(send)

    server = Server("POST", [b"a"])
    server.leave()
    await server.run(app)
    assert server.status == 200


async def test_a_body_reaches_the_application_whole() -> None:
    """And then the disconnect, as often as it asks."""
    read: list[dict[str, Any]] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        for _part in range(2):
            read.append(await receive())
        await answer(send)
        for _more in range(2):
            assert (await receive())["type"] == "http.disconnect"

    await Server("GET", [b"a", b"b"]).run(app)
    assert [message["body"] for message in read] == [b"a", b"b"]


async def test_of_a_body_that_was_not_announced_one_part_is_read_ahead() -> None:
    """The rest waits until the application wants it."""

    async def app(_: Any, receive: Any, send: Any) -> None:
        for _turn in range(10):
            await asyncio.sleep(0)
        assert server.to_read.qsize() == 2
        assert [(await receive())["body"] for _part in range(3)] == [b"a", b"b", b"c"]
        await answer(send)

    server = Server("GET", [b"a", b"b", b"c"])
    server.scope["headers"] = []
    await server.run(app)
    assert server.status == 200


async def test_a_cancelled_server_task_takes_the_application_with_it() -> None:
    """Nothing is left running."""
    begun, ended = asyncio.Event(), []

    async def app(_: Any, __: Any, ___: Any) -> None:
        begun.set()
        try:
            await for_ever()
        finally:
            ended.append("stopped")

    running = asyncio.create_task(Server().run(app))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["stopped"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_other_protocols_pass_through() -> None:
    """Lifespan and websockets have no deadline."""
    seen: list[Any] = []

    async def app(*arguments: Any) -> None:
        seen.append(arguments)

    await DeadlineMiddleware(app)({"type": "websocket"}, for_ever, answer)  # type: ignore[arg-type]
    assert seen == [({"type": "websocket"}, for_ever, answer)]


def test_a_wrong_timeout_is_refused_at_once() -> None:
    """When the application is put together."""
    with pytest.raises(tg.InvalidArgument, match="grace"):
        DeadlineMiddleware(lambda *_: None, grace="soon")  # type: ignore[arg-type,return-value]
