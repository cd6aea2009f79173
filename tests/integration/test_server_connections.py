"""Bounds on connections, and clients that are slow, hostile or gone."""

import contextlib
import gzip
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from .serving import PAGE, Server, make_slow, until

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """One answer of a connection that may stay open; status 0 where the server closed it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (got := connection.recv(65536)):
            return 0, {}, data
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    while len(body) < int(headers["Content-Length"]):
        body += connection.recv(65536)
    return int(status.split()[1]), headers, body


@contextlib.contextmanager
def connections(server: Server, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(server.connect()) for _ in range(count)]


def test_a_connection_serves_many_requests(start):
    server = start()
    with server.connect() as connection:
        for _ in range(20):
            connection.sendall(GET % b"/health/live")
            status, headers, _ = read_answer(connection)
            assert status == 200
            assert "Keep-Alive" in headers


def test_requests_sent_together_are_answered_in_turn(start):
    server = start()
    paths = [b"/health/live", PAGE.encode(), b"/nothing", b"/health/live"]
    with server.connect() as connection:
        connection.sendall(b"".join(GET % path for path in paths))
        data = b""
        while data.count(b"HTTP/1.1 ") < 4:
            data += connection.recv(65536)
    lines = [line for line in data.split(b"\r\n") if b"HTTP/1.1 " in line]
    assert [line[-6:].split()[0][-3:] for line in lines] != []
    assert [b" 200 OK" in line for line in lines] == [True, True, False, True]


def test_past_the_kept_connections_each_answer_closes(start):
    # 256, the default; none goes by itself.
    server = start(server__keep_alive="1h", server__read_timeout="1m")
    with connections(server, 300) as clients:
        for client in clients:
            client.sendall(GET % b"/health/live")
        answers = [read_answer(client) for client in clients]
        assert {status for status, _, _ in answers} == {200}
        kept = Counter(headers.get("Connection") for _, headers, _ in answers)
        assert kept == {None: 256, "close": 44}
        assert server.metric("tidegate_server_kept_connections") == 256
        for client, (_, headers, _) in zip(clients, answers, strict=True):
            if headers.get("Connection") == "close":
                assert client.recv(1) == b""
    # The one that asks is kept itself.
    until(lambda: server.metric("tidegate_server_kept_connections") == 1, what="them to go")


def test_an_idle_connection_is_let_go(start):
    server = start(server__keep_alive="3s")
    with connections(server, 2) as (silent, asked):
        asked.sendall(GET % b"/health/live")
        assert read_answer(asked)[0] == 200
        assert silent.recv(1) == asked.recv(1) == b""


def test_a_request_that_does_not_come_whole_is_given_up(start):
    server = start(server__read_timeout="200ms")
    with server.connect() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: ")
        assert read_answer(connection)[0] == 408
        assert connection.recv(1) == b""
    until(lambda: server.metric("tidegate_server_requests_in_flight") == 1, what="its end")


def test_bytes_that_come_one_by_one_do_not_extend_the_time(start):
    server = start(server__read_timeout="300ms")
    with server.connect() as connection:
        pause = threading.Event()
        start_of_it = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in (GET % b"/health").replace(b"\r\n\r\n", b"\r\nX: " + b"x" * 4000):
                connection.sendall(bytes([byte]))
                connection.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    if connection.recv(65536).startswith(b"HTTP/1.1 408"):
                        break
                connection.setblocking(True)
                pause.wait(0.02)
        assert time.monotonic() - start_of_it < 30  # all bytes take 80


@pytest.mark.parametrize("sent", [b"", b"GET /health HTTP/1.1\r\nX: ", b"\r\n" * 2])
def test_slow_clients_do_not_stop_the_health(start, sent):
    """[S1]"""
    server = start()  # 1,000 connections, the default
    with connections(server, 1100) as clients:
        for client in clients:
            with contextlib.suppress(ConnectionError):
                client.sendall(sent)
        for path in ("/health/live", "/health", PAGE, "/metrics"):
            answer = server.get(path, timeout=5)
            assert answer.status == 200
        assert server.metric("tidegate_server_connections") <= 1001
    until(lambda: server.metric("tidegate_server_connections") == 1, what="them to go")


def test_a_newcomer_takes_the_place_of_who_has_waited_longest(start):
    # One thread, and each comes when the last is answered: they wait in the order of their coming.
    server = start(server__connections=8, server__keep_alive="1h", server__threads=1)
    request = GET % PAGE.encode()
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(8):
            clients.append(stack.enter_context(server.connect()))
            clients[-1].sendall(request)
            assert read_answer(clients[-1])[0] == 200
        assert server.get(PAGE).status == 200
        assert clients[0].recv(1) == b""
        clients[7].sendall(request)
        assert read_answer(clients[7])[0] == 200


def test_past_its_bound_it_says_503_at_once(start_uncached):
    server = start_uncached(server__threads=2, server__queue=3, server__drain_timeout="0s")
    make_slow(server.database)
    with ThreadPoolExecutor(5) as clients:
        pages = [clients.submit(server.get) for _ in range(5)]
        until(lambda: server.metric("tidegate_server_requests_in_flight") == 6, what="five pages")
        answer = server.get()
        assert answer.status == 503
        assert answer.json["error"]["code"] == "busy"
        assert answer.headers["Retry-After"] == "1"
        assert not any(page.done() for page in pages)
        assert server.get("/health/live").status == 200
        assert server.stop() == 0  # or each would take its 15 s
        assert {page.result().status for page in pages} <= {200, 503}


def test_a_body_is_never_taken_for_a_request(start):
    """[S2]"""
    server = start()
    smuggled = GET % b"/health/live"
    for head in (
        b"Content-Length: %d\r\n" % len(smuggled),
        b"Transfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(smuggled),
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    ):
        for method in (b"GET", b"POST"):
            answer = server.raw(b"%s /health HTTP/1.1\r\n%s\r\n%s" % (method, head, smuggled))
            assert answer.count(b"HTTP/1.1 ") == 1
            assert answer.startswith(b"HTTP/1.1 405" if method == b"POST" else b"HTTP/1.1 413")
            assert b"\r\nConnection: close\r\n" in answer


def memory(server: Server) -> int:
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_what_is_oversized_is_refused_and_costs_no_memory(start):
    """[S2]"""
    server = start()
    before = memory(server)
    bomb = gzip.compress(bytes(50_000_000))
    endless = [
        b"GET /" + b"a" * 20_000_000,
        b"GET /health HTTP/1.1\r\nX: " + b"a" * 20_000_000,
        b"GET /health HTTP/1.1\r\n" + b"X: a\r\n" * 2_000_000,
        b"POST /health HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n" + bytes(20_000_000),
        b"POST /health HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(bomb), bomb),
    ]
    for request, status in zip(endless, (b"414", b"431", b"431", b"405", b"405"), strict=True):
        with server.connect() as connection, contextlib.suppress(ConnectionError):
            sender = threading.Thread(target=send_quietly, args=(connection, request))
            sender.start()
            assert connection.recv(65536).startswith(b"HTTP/1.1 " + status)
            sender.join()
    assert memory(server) < before + 20_000


def send_quietly(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)


def test_a_compressed_body_is_refused(start):
    server = start()
    bomb = gzip.compress(bytes(1_000_000))
    answer = server.raw(
        b"GET /health HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"
        % (len(bomb), bomb)
    )
    assert answer.startswith(b"HTTP/1.1 415")


def test_a_thousand_ranges_are_one_answer(start):
    server = start()
    ranges = ",".join(f"{i}-{i}" for i in range(1000))
    answer = server.get("/health/live", Range=f"bytes={ranges}")
    assert answer.status == 200
    assert answer.json == {"status": "alive"}


def test_a_client_that_leaves_or_does_not_read_harms_nobody(start):
    server = start(server__write_timeout="100ms")
    for _ in range(20):
        with server.connect() as connection:
            connection.sendall(GET % PAGE.encode())
    with server.connect() as connection:
        # Answers that nobody reads fill the socket; the rest waits for the writer's time to pass.
        send_quietly(connection, (GET % b"/metrics") * 3000)
        assert server.get().status == 200
    until(lambda: server.metric("tidegate_server_connections") == 1, what="them to go")
