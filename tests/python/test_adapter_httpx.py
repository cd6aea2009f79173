"""tidegate.adapters.httpx under httpx's own clients."""

import asyncio
import gzip
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("httpx", reason="httpx is pinned for the CPython of make test alone")

import httpx

import tidegate as tg
from tidegate.adapters.httpx import AsyncTransport, Transport

from ..support.http_server import HttpServer, refused_port

Ask = Callable[..., Any]
NO_RETRY = tg.RetryPolicy(attempts=1)


@pytest.fixture(params=["sync", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """A request by httpx, of both kinds; `client` is what tidegate's is made with."""

    def ask_sync(method: str, url: str, *, client: Any = None, **options: Any) -> Any:
        transport = Transport(None if client is None else tg.Client(**client))
        session = {n: options.pop(n) for n in ("follow_redirects", "cookies") if n in options}
        with httpx.Client(transport=transport, **session) as http:
            return http.request(method, url, **options)

    def ask_async(method: str, url: str, *, client: Any = None, **options: Any) -> Any:
        async def main() -> Any:
            transport = AsyncTransport(None if client is None else tg.AsyncClient(**client))
            session = {n: options.pop(n) for n in ("follow_redirects", "cookies") if n in options}
            async with httpx.AsyncClient(transport=transport, **session) as http:
                return await http.request(method, url, **options)

        return asyncio.run(main())

    return ask_sync if request.param == "sync" else ask_async


def fields(response: Any, name: str) -> list[str]:
    return [value for field, value in response.json()["headers"] if field.lower() == name]


def test_a_request_goes_through_tidegate(ask: Ask, shared: HttpServer, request: Any) -> None:
    """With its method, query, fields and body, each once; a client of tidegate's counts it."""
    name = request.node.name
    response = ask(
        "POST",
        shared.url + "/cars",
        client={"name": name},
        params={"make": "Škoda"},
        json={"a": 1},
        headers={"X-A": "1"},
    )

    told = response.json()
    assert (response.status_code, response.reason_phrase) == (200, "OK")
    assert (told["method"], told["body"]) == ("POST", '{"a":1}')
    assert told["target"] == "/cars?make=%C5%A0koda"
    assert fields(response, "x-a") == ["1"]
    for once in ("host", "content-length", "content-type", "user-agent", "accept-encoding"):
        assert len(fields(response, once)) == 1
    assert fields(response, "user-agent")[0].startswith("python-httpx")
    assert tg.stats()["http"][name]["responses"] == 1
    assert response.extensions["tidegate"].attempts == 1


def test_a_body_that_is_made_on_the_way_is_sent(shared: HttpServer) -> None:
    """Of a generator, for either client."""

    async def parts() -> Any:
        yield b"one "
        yield b"two"

    async def main() -> Any:
        async with httpx.AsyncClient(transport=AsyncTransport()) as http:
            return await http.post(shared.url, content=parts())

    with httpx.Client(transport=Transport()) as http:
        assert http.post(shared.url, content=iter([b"one ", b"two"])).json()["body"] == "one two"
    assert asyncio.run(main()).json()["body"] == "one two"


def test_what_the_maker_of_a_body_raises_comes_as_it_is(server: HttpServer) -> None:
    """And the server never sees a whole request."""

    def parts() -> Iterator[bytes]:
        yield b"one "
        raise KeyError("no more")

    async def async_parts() -> AsyncIterator[bytes]:
        for part in parts():
            yield part

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncTransport()) as http:
            await http.post(server.url, content=async_parts())

    with httpx.Client(transport=Transport()) as http, pytest.raises(KeyError, match="no more"):
        http.post(server.url, content=parts())
    with pytest.raises(KeyError, match="no more"):
        asyncio.run(main())
    assert server.asked == []


def test_a_body_of_a_known_size_is_sent_with_its_length(ask: Ask, shared: HttpServer) -> None:
    """As a form with a file, that httpx reads while it is sent, is: many servers want it."""
    response = ask("POST", shared.url, files={"cars": ("cars.csv", io.BytesIO(b"make,year\n"))})
    assert fields(response, "transfer-encoding") == []
    assert fields(response, "content-length") == [str(len(response.json()["body"]))]
    assert "make,year" in response.json()["body"]


def test_httpx_follows_redirects_and_keeps_cookies(ask: Ask, server: HttpServer) -> None:
    """Or not, as it is told: the transport does neither."""
    server.raw = (
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Length: 0\r\n\r\n"
    )

    assert ask("GET", server.url + "/raw").status_code == 302
    response = ask("GET", server.url + "/raw", follow_redirects=True)
    assert [r.status_code for r in response.history] == [302]
    assert response.json()["target"] == "/there"
    assert fields(response, "cookie") == ["a=1; b=2"]


@pytest.mark.parametrize("user", ["", "me:secret@"])
def test_a_user_in_the_url_is_a_field_and_no_part_of_it(
    ask: Ask, shared: HttpServer, user: str
) -> None:
    """httpx makes it one."""
    response = ask("GET", shared.url.replace("//", f"//{user}") + "/#part")
    assert len(fields(response, "authorization")) == (1 if user else 0)
    assert response.json()["target"] == "/"


def test_a_body_is_decoded_once(ask: Ask, server: HttpServer) -> None:
    """By httpx; its fields stay."""
    url = server.answer_with(gzip.compress(b"plain" * 100), "Content-Encoding: gzip")
    response = ask("GET", url)

    assert response.content == b"plain" * 100
    assert response.headers["content-encoding"] == "gzip"


def test_a_body_is_streamed_to_who_wants_it_raw(server: HttpServer) -> None:
    """As it came, or decoded."""
    packed = gzip.compress(b"plain" * 100)
    url = server.answer_with(packed, "Content-Encoding: gzip")
    with httpx.Client(transport=Transport()) as http:
        with http.stream("GET", url) as response:
            assert b"".join(response.iter_raw()) == packed
        with http.stream("GET", url) as response:
            assert b"".join(response.iter_bytes(7)) == b"plain" * 100


def test_a_body_is_there_while_it_still_comes(server: HttpServer) -> None:
    """Each piece as soon as the server has sent it, with either client."""
    url = server.url + "/pieces"

    async def main() -> None:
        async with (
            httpx.AsyncClient(transport=AsyncTransport()) as http,
            http.stream("GET", url) as response,
        ):
            pieces = response.aiter_raw()
            for piece in (b"one", b"two"):
                server.pieces.put(piece)
                assert await anext(pieces) == piece
            server.pieces.put(b"")
            assert [rest async for rest in pieces] == []

    with httpx.Client(transport=Transport()) as http, http.stream("GET", url) as response:
        pieces = response.iter_raw()
        for piece in (b"one", b"two"):
            server.pieces.put(piece)
            assert next(pieces) == piece
        server.pieces.put(b"")
        assert list(pieces) == []
    asyncio.run(main())


def test_a_body_that_is_not_wanted_ends_its_transfer(server: HttpServer) -> None:
    """When the response is closed."""
    with tg.Client() as client, httpx.Client(transport=Transport(client)) as http:
        with http.stream("GET", server.url + "/pieces") as response:
            server.pieces.put(b"one")
            assert next(response.iter_raw()) == b"one"
        assert not client.get(server.url).reused


def test_a_body_that_breaks_off_is_an_error_of_httpx(server: HttpServer) -> None:
    """Or, where it is read whole, is tried again first."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    url = server.url + "/raw"

    async def main() -> None:
        async with (
            httpx.AsyncClient(transport=AsyncTransport()) as http,
            http.stream("GET", url) as response,
        ):
            server.hang_up()
            with pytest.raises(httpx.ReadError):
                await response.aread()

    with httpx.Client(transport=Transport()) as http, http.stream("GET", url) as response:
        server.hang_up()
        with pytest.raises(httpx.ReadError) as caught:
            response.read()
    assert isinstance(caught.value.__cause__, tg.ConnectionFailed)
    asyncio.run(main())
    whole = Transport(tg.Client(retry=tg.RetryPolicy(attempts=3, backoff=0)), stream=False)
    with httpx.Client(transport=whole) as http, pytest.raises(httpx.ReadTimeout) as caught:
        http.get(url, timeout=httpx.Timeout(None, read=0.1))
    assert caught.value.__cause__.attempts == 3  # type: ignore[union-attr]


def test_head_has_a_length_and_no_body(ask: Ask, shared: HttpServer) -> None:
    """As the server said."""
    response = ask("HEAD", shared.url)
    assert (response.content, int(response.headers["content-length"]) > 0) == (b"", True)


def test_what_fails_for_a_moment_is_tried_again(ask: Ask, server: HttpServer) -> None:
    """By the policy of the client."""
    policy = tg.RetryPolicy(attempts=3, backoff=0)
    response = ask("GET", server.url + "/status/503", client={"retry": policy})

    assert response.status_code == 503
    assert len(server.asked) == 3
    assert response.extensions["tidegate"].attempts == 3


def test_no_connection_is_a_connect_error(ask: Ask) -> None:
    """With tidegate's error behind it, and the request."""
    with pytest.raises(httpx.ConnectError) as caught:
        ask("GET", f"http://127.0.0.1:{refused_port()}", client={"retry": NO_RETRY})
    assert isinstance(caught.value.__cause__, tg.ConnectionFailed)
    assert caught.value.request.method == "GET"


def test_silence_is_a_read_timeout(ask: Ask, server: HttpServer) -> None:
    """After httpx's own time, also within a client that has more."""
    with pytest.raises(httpx.ReadTimeout) as caught:
        ask(
            "GET",
            server.url + "/hold",
            client={"retry": NO_RETRY, "timeout": 60},
            timeout=httpx.Timeout(None, read=1.0),
        )
    assert isinstance(caught.value.__cause__, tg.Timeout)
    assert server.gone.acquire(timeout=20)


def test_the_end_of_a_request_is_a_timeout(ask: Ask, server: HttpServer) -> None:
    """The client's, where httpx has none."""
    with pytest.raises(httpx.TimeoutException) as caught:
        ask("GET", server.url + "/hold", client={"timeout": 0.05}, timeout=None)
    assert caught.value.__cause__.cause == "deadline"


def test_the_times_of_httpx_are_not_cut_short(ask: Ask, server: HttpServer) -> None:
    """By a client's own end of a request, which is earlier."""
    with pytest.raises(httpx.ReadTimeout) as caught:
        ask(
            "GET",
            server.url + "/hold",
            client={"retry": NO_RETRY, "timeout": 0.01},
            timeout=httpx.Timeout(1.0, pool=20),
        )
    assert caught.value.__cause__.cause == "attempt_timeout"


def test_a_page_ends_a_request(server: HttpServer) -> None:
    """As each of tidegate's."""

    async def main() -> None:
        transport = AsyncTransport()
        async with httpx.AsyncClient(transport=transport, timeout=60) as http, tg.page(1):
            with pytest.raises(httpx.TimeoutException):
                await http.get(server.url + "/hold")

    asyncio.run(main())
    assert server.gone.acquire(timeout=20)


def test_a_cancelled_task_stops_its_transfer(server: HttpServer) -> None:
    """The server sees its connection closed."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=AsyncTransport(), timeout=60) as http:
            task = asyncio.ensure_future(http.get(server.url + "/hold"))
            await asyncio.to_thread(server.holding.acquire)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert server.gone.acquire(timeout=20)


def test_what_is_no_http_is_a_remote_protocol_error(ask: Ask, server: HttpServer) -> None:
    """Not a response."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    with pytest.raises(httpx.RemoteProtocolError):
        ask("GET", server.url + "/raw")


def test_a_body_that_is_too_large_is_refused(server: HttpServer) -> None:
    """By the bound of the client, where it is read whole."""
    transport = Transport(tg.Client(max_body=99), stream=False)
    with httpx.Client(transport=transport) as http:
        assert len(http.get(server.answer_with(b"x" * 99)).content) == 99
        with pytest.raises(httpx.RemoteProtocolError) as caught:
            http.get(server.answer_with(b"x" * 100))
    assert isinstance(caught.value.__cause__, tg.TooLarge)


def test_another_scheme_is_unsupported(ask: Ask) -> None:
    """As with httpx."""
    with pytest.raises(httpx.UnsupportedProtocol):
        ask("GET", "ftp://127.0.0.1/")


@pytest.mark.parametrize(
    "options",
    [
        {"extensions": {"sni_hostname": "elsewhere"}},
        {"extensions": {"target": b"/elsewhere"}},
        {"timeout": 0},
        {"headers": {"Host": "elsewhere"}},
        {"headers": {"Connection": "close"}},
        {"headers": {"Transfer-Encoding": "gzip"}},
        {"headers": {"Expect": "100-continue"}},
        {"headers": {"Keep-Alive": "timeout=5"}},
        {"headers": {"Proxy-Authorization": "Basic YTpi"}},
        {"headers": {"Proxy-Connection": "keep-alive"}},
        {"headers": {"TE": "trailers"}},
        {"headers": {"Trailer": "X-A"}},
        {"headers": {"Upgrade": "h2c"}},
    ],
    ids=str,
)
def test_what_is_not_supported_is_refused(ask: Ask, server: HttpServer, options: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(httpx.LocalProtocolError):
        ask("GET", server.url, **options)
    assert (server.connections, server.asked) == (0, [])


def test_a_client_that_was_given_stays_open(server: HttpServer) -> None:
    """One of the transport's own is closed with it."""
    with tg.Client() as shared:
        transport = Transport(shared)
        with httpx.Client(transport=transport) as http:
            http.get(server.url)
        assert shared.get(server.url).reused
    own = Transport()
    own.close()
    with pytest.raises(httpx.TransportError):
        own.handle_request(httpx.Request("GET", server.url))


@pytest.mark.parametrize("kind", [Transport, AsyncTransport])
def test_a_transport_takes_a_client_of_its_kind(kind: Any) -> None:
    """And says so."""
    wrong = tg.AsyncClient() if kind is Transport else tg.Client()
    with pytest.raises(tg.InvalidArgument, match="Client"):
        kind(wrong)


def test_digest_authentication_works(server: HttpServer) -> None:
    """A flow of httpx that asks twice."""
    server.raw = (
        b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )
    with httpx.Client(transport=Transport(), auth=httpx.DigestAuth("me", "secret")) as http:
        assert http.get(server.url + "/raw").status_code == 401
    assert len(server.asked) == 2
