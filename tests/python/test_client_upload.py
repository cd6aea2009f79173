"""Bodies that are sent while they are read."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, sent
from .conftest import PATIENT

PIECES = [b"one ", bytearray(b"two "), memoryview(b"three")]


async def pieces(gate: asyncio.Event | None = None) -> AsyncIterator[Any]:
    for piece in PIECES:
        if gate is not None:
            await gate.wait()
        yield piece


def test_an_asynchronous_iterator_is_pulled_by_the_loop(
    run: Any, http: tg.AsyncClient, shared: HttpServer
) -> None:
    """By a task of its own, while the request is on its way."""

    async def main() -> None:
        gate = asyncio.Event()
        exchange = http.post(shared.url, content=pieces(gate))
        assert (await http.get(shared.url)).ok
        assert not exchange.done
        gate.set()
        response = await exchange
        assert response.json()["body"] == "one two three"
        assert sent(response, "transfer-encoding") == ["chunked"]
        assert sent(response, "content-length") == []

    run(main())


@pytest.mark.parametrize("kind", [list, iter, lambda given: (piece for piece in given)])
def test_an_iterable_is_sent_in_chunks(
    run: Any, http: tg.AsyncClient, sync: tg.Client, shared: HttpServer, kind: Any
) -> None:
    """From asyncio, from synchronous code, and in between."""

    async def main() -> None:
        assert (await http.put(shared.url, content=kind(PIECES))).json()["body"] == "one two three"

    run(main())
    assert http.put(shared.url, content=kind(PIECES)).result().json()["body"] == "one two three"
    assert sync.put(shared.url, content=kind(PIECES)).json()["body"] == "one two three"


def test_a_file_is_sent_with_its_size(
    run: Any, http: tg.AsyncClient, sync: tg.Client, shared: HttpServer, tmp_path: Path
) -> None:
    """From where it stands; what cannot say its size is sent in chunks."""
    path = tmp_path / "body"
    path.write_bytes(b"x" * 1_000_000 + b"end")

    async def main() -> None:
        with path.open("rb") as file:
            file.seek(10)
            response = await http.post(shared.url, content=file)
        assert response.json()["body"] == "x" * 999_990 + "end"
        assert sent(response, "content-length") == ["999993"]

    run(main())
    with path.open("rb") as file:
        assert len(sync.post(shared.url, content=file).json()["body"]) == 1_000_003

    class Pipe:
        def __init__(self) -> None:
            self.left = [b"", b"b", b"a"]

        def read(self, _: int) -> bytes:
            return self.left.pop()

    response = sync.post(shared.url, content=Pipe())
    assert response.json()["body"] == "ab"
    assert sent(response, "transfer-encoding") == ["chunked"]


def test_an_iterable_may_have_a_size(sync: tg.Client, shared: HttpServer) -> None:
    """Which its caller knows; the body has to come to it."""
    response = sync.put(shared.url, content=iter(PIECES), headers={"Content-Length": "13"})
    assert response.json()["body"] == "one two three"
    assert sent(response, "content-length") == ["13"]
    assert sent(response, "transfer-encoding") == []
    for size in "12", "14":
        with pytest.raises(tg.InvalidArgument):
            sync.put(shared.url, content=iter(PIECES), headers={"Content-Length": size})


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "-1"},
        {"Content-Length": "many"},
        {"Content-Length": "9" * 19},
        [("Content-Length", "13"), ("content-length", "14")],
    ],
    ids=str,
)
def test_a_size_is_one_number_of_bytes(sync: tg.Client, server: HttpServer, headers: Any) -> None:
    """Else nothing is opened; nor where a file has another size."""
    with pytest.raises(tg.InvalidArgument, match="Content-Length"):
        sync.put(server.url, content=iter(PIECES), headers=headers)
    with pytest.raises(tg.InvalidArgument, match="content has 3 bytes"):
        sync.put(server.url, content=io.BytesIO(b"abc"), headers={"Content-Length": "4"})
    assert server.connections == 0


def test_a_sync_client_pulls_on_the_thread_that_asks(sync: tg.Client, shared: HttpServer) -> None:
    """And what the iterator raises comes as it is."""
    threads = []

    def body() -> Iterator[bytes]:
        threads.append(threading.current_thread())
        yield b"a"
        raise KeyError("no more")

    with pytest.raises(KeyError, match="no more"):
        sync.post(shared.url, content=body())
    assert threads == [threading.current_thread()]


def test_what_an_iterator_raises_is_the_cause_of_the_failure(
    run: Any, http: tg.AsyncClient, server: HttpServer
) -> None:
    """[H14] And the request is never whole."""

    async def async_body() -> AsyncIterator[bytes]:
        yield b"a"
        raise KeyError("no more")

    def body() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("no more")

    async def main() -> None:
        for content in (async_body(), body()):
            with pytest.raises(tg.CallableFailed, match="no more") as caught:
                await http.post(server.url, content=content)
            assert isinstance(caught.value.__cause__, KeyError)

    run(main())
    assert server.asked == []


def test_an_iterator_is_left_alone_when_the_request_has_ended(
    run: Any, http: tg.AsyncClient, shared: HttpServer
) -> None:
    """Its task is cancelled, and it is closed."""

    async def main() -> None:
        closed = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            try:
                yield b"a"
                await asyncio.Event().wait()
            finally:
                closed.set()

        with pytest.raises(tg.Timeout):
            await http.post(shared.url, content=body(), timeout=0.1)
        await asyncio.wait_for(closed.wait(), 20)

    run(main())


def test_a_body_that_is_streamed_is_sent_once(sync: tg.Client, server: HttpServer) -> None:
    """Whatever the request says of itself."""
    response = sync.put(server.url + "/status/503", content=iter([b"a"]), idempotent=True)
    assert (response.status, response.attempts) == (503, 1)
    assert len(server.asked) == 1


def test_a_small_file_is_tried_again_as_any_body(server: HttpServer) -> None:
    """It was read at once."""
    file = io.BytesIO(b"x" * 1000)
    policy = tg.RetryPolicy(attempts=2, backoff=0.001)
    response = tg.Client(retry=policy, **PATIENT).put(server.url + "/status/503", content=file)
    assert (response.status, response.attempts) == (503, 2)
    assert len(server.asked) == 2


def test_a_file_is_read_again_from_where_it_stood(
    run: Any, server: HttpServer, tmp_path: Path
) -> None:
    """For another attempt."""
    path = tmp_path / "body"
    path.write_bytes(b"begin" + b"x" * 1_000_000)
    policy = tg.RetryPolicy(attempts=3, backoff=0.001)
    with path.open("rb") as file:
        file.seek(5)
        response = tg.Client(retry=policy, **PATIENT).put(server.url + "/status/503", content=file)
    assert (response.status, response.attempts) == (503, 3)
    assert [len(body) for body in server.bodies] == [1_000_000] * 3

    async def main() -> None:
        with path.open("rb") as file:
            http = tg.AsyncClient(retry=policy, **PATIENT)
            response = await http.put(server.url + "/status/503", content=file)
        assert (response.status, response.attempts) == (503, 3)

    run(main())
    assert [len(body) for body in server.bodies[3:]] == [1_000_005] * 3


def test_a_body_is_streamed_both_ways(run: Any, server: HttpServer) -> None:
    """With memory for neither of them."""

    async def body() -> AsyncIterator[bytes]:
        for n in range(64):
            yield bytes([65 + n % 26]) * 65536

    async def main() -> None:
        http = tg.AsyncClient(timeout=60)
        async with http.stream("POST", server.url, content=body()) as response:
            assert len(await response.read()) > 64 * 65536

    run(main())


@pytest.mark.parametrize(
    "make", [int, str, dict, lambda: io.StringIO("text"), lambda: [1], lambda: iter(["text"])]
)
def test_what_is_no_body_is_refused(
    run: Any, sync: tg.Client, http: tg.AsyncClient, server: HttpServer, make: Any
) -> None:
    """And nothing of it is a request."""
    with pytest.raises(tg.InvalidArgument):
        sync.post(server.url, content=make())

    async def main() -> None:
        with pytest.raises(tg.InvalidArgument):
            await http.post(server.url, content=make())

    run(main())
    assert server.asked == []


def test_what_needs_a_loop_is_refused_without_one(
    sync: tg.Client, http: tg.AsyncClient, server: HttpServer
) -> None:
    """Before anything is opened; and so are two bodies."""
    with pytest.raises(tg.InvalidArgument, match="loop"):
        sync.post(server.url, content=pieces())
    with pytest.raises(tg.InvalidArgument, match="loop"):
        http.post(server.url, content=pieces())
    with pytest.raises(tg.InvalidArgument, match="one body"):
        sync.post(server.url, content=iter([b""]), json={})
    assert server.connections == 0


def test_a_mock_takes_it_whole() -> None:
    """As the bytes that it is."""
    mock = tg.testing.MockTransport(lambda _: tg.testing.Response(200))
    http = tg.Client(transport=mock)
    http.post("http://a/", content=iter([b"a", b"b"]))
    http.post("http://a/", content=io.BytesIO(b"ab"))
    assert [request.content for request in mock.requests] == [b"ab", b"ab"]
    with pytest.raises(tg.InvalidArgument):
        http.post("http://a/", content=pieces())
