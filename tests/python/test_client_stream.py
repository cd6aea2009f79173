"""Bodies that are read while they come."""

import asyncio
import gc
import gzip
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer
from ..support.waiting import until
from .conftest import PATIENT

LARGE = b"".join(b"%d\n" % n for n in range(1_000_000))


def test_a_body_is_read_while_it_comes(run: Any, http: tg.AsyncClient, server: HttpServer) -> None:
    """The head is there before it, and each piece before the next."""

    async def main() -> None:
        async with http.stream("GET", server.url + "/pieces") as response:
            assert isinstance(response, tg.AsyncStreamedResponse)
            assert (response.status, response.ok, response.method) == (200, True, "GET")
            assert response.headers["transfer-encoding"] == "chunked"
            assert response.elapsed > 0
            server.pieces.put(b"one")
            pieces = response.aiter_bytes()
            assert await anext(pieces) == b"one"
            server.pieces.put(b"two")
            assert await anext(pieces) == b"two"
            server.pieces.put(b"")
            assert [piece async for piece in pieces] == []

    run(main())


def test_a_sync_client_reads_it_too(sync: tg.Client, server: HttpServer) -> None:
    """Piece by piece."""
    with sync.stream("GET", server.url + "/pieces") as response:
        pieces = response.iter_bytes()
        server.pieces.put(b"one")
        assert next(pieces) == b"one"
        server.pieces.put(b"two")
        assert next(pieces) == b"two"
        server.pieces.put(b"")
        assert list(pieces) == []


@pytest.mark.parametrize("size", [10_000, 1 << 16, 1 << 24])
@pytest.mark.parametrize("coded", [False, True])
def test_a_large_body_comes_whole(
    run: Any, http: tg.AsyncClient, server: HttpServer, coded: bool, size: int
) -> None:
    """Whatever its coding and the pieces; the client's bound does not count."""
    body, fields = (gzip.compress(LARGE, 1), ["Content-Encoding: gzip"]) if coded else (LARGE, [])
    url = server.answer_with(body, *fields)

    async def main() -> None:
        async with tg.AsyncClient(max_body=10).stream("GET", url, timeout=60) as response:
            pieces = [piece async for piece in response.aiter_bytes(size)]
            assert all(0 < len(piece) <= size for piece in pieces)
            assert b"".join(pieces) == LARGE

    run(main())
    with tg.Client(max_body=10).stream("GET", url, timeout=60) as response:
        assert response.read() == LARGE
        assert response.content == LARGE


def test_lines_end_with_a_line_feed_alone(
    run: Any, sync: tg.Client, http: tg.AsyncClient, server: HttpServer
) -> None:
    """Wherever the body was cut."""
    lines = ["", "a", "ä\u2028b\x0bc", "", "last"]
    url = server.answer_with("\r\n".join(lines).encode(), "Content-Type: text/plain; charset=utf-8")

    with sync.stream("GET", url) as response:
        assert list(response.iter_lines()) == lines

    async def main() -> None:
        async with http.stream("GET", url) as response:
            assert [line async for line in response.aiter_lines()] == lines

    run(main())
    with sync.stream("GET", server.url + "/pieces") as response:
        for byte in "ä\r\nb\n".encode():
            server.pieces.put(bytes([byte]))
        server.pieces.put(b"")
        assert list(response.iter_lines()) == ["ä", "b"]
    url = server.answer_with(b"x" * 11)
    with sync.stream("GET", url) as response, pytest.raises(tg.TooLarge):
        list(response.iter_lines(10))


def test_what_was_read_is_text_and_json(run: Any, http: tg.AsyncClient, server: HttpServer) -> None:
    """As those of any response."""

    async def main() -> None:
        async with http.stream("POST", server.url + "/cars", json={"make": "Audi"}) as response:
            with pytest.raises(AttributeError):
                _ = response.content
            await response.read()
        assert response.json()["body"] == '{"make":"Audi"}'
        assert response.json()["method"] == "POST"
        assert '"target": "/cars"' in response.text

    run(main())


def test_who_leaves_early_gives_the_place_back(run: Any, server: HttpServer) -> None:
    """The body is not read to its end, and later reads say so."""

    async def main() -> None:
        http = tg.AsyncClient(name="stream-early", max_connections=1, **PATIENT)
        for _ in range(3):
            async with http.stream("GET", server.url + "/pieces") as response:
                server.pieces.put(b"one")
                async for piece in response.aiter_bytes():
                    assert piece == b"one"
                    break
            with pytest.raises(tg.Closed):
                await response.read()
            server.pieces.put(b"")
        assert (await http.get(server.url)).status == 200
        assert http.stats().in_flight == 0

    run(main())


def test_a_response_that_is_dropped_gives_its_place_back(server: HttpServer) -> None:
    """Also where nobody closes it."""
    http = tg.Client(name="stream-dropped", max_connections=1, **PATIENT)
    stream = http.stream("GET", server.url + "/pieces")
    stream.__enter__()
    assert http.stats().in_flight == 1
    del stream
    gc.collect()
    until(lambda: http.stats().in_flight == 0)
    assert http.get(server.url).status == 200


def test_a_task_that_is_cancelled_stops_its_transfer(
    run: Any, server: HttpServer, tools: Any
) -> None:
    """Before the head as in the middle of the body."""

    async def main() -> None:
        http = tg.AsyncClient(name="stream-cancelled", max_connections=1, **PATIENT)
        reading = asyncio.Event()

        async def read(path: str) -> None:
            async with http.stream("GET", server.url + path) as response:
                reading.set()
                async for _ in response.aiter_bytes():
                    pass

        held = asyncio.ensure_future(read("/hold"))
        await tools.eventually_in_loop(lambda: http.stats().in_flight == 1)
        held.cancel()
        begun = asyncio.ensure_future(read("/pieces"))
        await reading.wait()
        begun.cancel()
        ended = await asyncio.gather(held, begun, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
        assert (await http.get(server.url)).status == 200

    run(main())


def test_what_breaks_off_raises_after_what_has_come(sync: tg.Client, server: HttpServer) -> None:
    """With the class that says why."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf"

    with sync.stream("GET", server.url + "/raw") as response:
        pieces = response.iter_bytes()
        assert next(pieces) == b"half"
        server.hang_up()
        with pytest.raises(tg.ConnectionFailed):
            next(pieces)


def test_a_bound_and_a_time_of_the_request_count(sync: tg.Client, server: HttpServer) -> None:
    """And what cannot begin does not."""
    url = server.answer_with(b"123456789")
    with sync.stream("GET", url, max_body=8) as response, pytest.raises(tg.TooLarge):
        response.read()
    with pytest.raises(tg.Timeout), sync.stream("GET", server.url + "/hold", timeout=0.1):
        pass
    with pytest.raises(tg.InvalidArgument), sync.stream("GET", "nonsense"):
        pass
    with sync.stream("GET", server.url) as response:
        for size in (0, -1, True, "1"):
            with pytest.raises(tg.InvalidArgument):
                list(response.iter_bytes(size))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            response.__reduce__()


def test_a_sync_stream_on_the_thread_of_a_loop_is_refused(
    sync: tg.Client, server: HttpServer
) -> None:
    """At once, and before anything is sent."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="AsyncClient"), sync.stream("GET", server.url):
            pass

    asyncio.run(main())
    assert server.asked == []


def test_a_mock_answers_a_stream(run: Any) -> None:
    """With attempts as for any request."""
    mock = tg.testing.MockTransport(tg.testing.Faults([503, tg.testing.Response(200, text="a\nb")]))

    async def main() -> None:
        async with tg.AsyncClient(transport=mock).stream("GET", "http://a/") as response:
            assert (response.status, response.attempts) == (200, 2)
            assert [line async for line in response.aiter_lines()] == ["a", "b"]

    run(main())
    with tg.Client(
        transport=tg.testing.MockTransport(lambda _: tg.testing.Response(200, text="abc"))
    ).stream("GET", "http://a/") as response:
        assert list(response.iter_bytes(2)) == [b"ab", b"c"]
