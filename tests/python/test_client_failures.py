"""What goes wrong with an HTTP request, as the caller learns of it."""

import asyncio
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, refused_port

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
        ask(f"http://127.0.0.1:{refused_port()}/x?key=hunter2", attempts=1)
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
        ask(server.url + "/hold", **{option: "100ms"}, attempts=1)
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
    url = server.answer_with(b"x" * 1000)

    assert len(ask(url, max_body=1000).content) == 1000
    with pytest.raises(tg.TooLarge):
        ask(url, max_body=999)


def test_what_is_no_http_is_a_protocol_error(ask: Ask, server: HttpServer) -> None:
    """Not a response."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"

    with pytest.raises(tg.ProtocolError):
        ask(server.url + "/raw")
