"""A server for the tests of the HTTP client: it says what it was asked, or holds its tongue."""

import json
import queue
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import tidegate as tg


class Connection(socketserver.StreamRequestHandler):
    """One connection, kept for as long as its client wants."""

    server: "HttpServer"

    def handle(self) -> None:
        self.server.opened(self.connection)
        with suppress(ConnectionError):
            while request := self.read_request():
                self.answer(**request)

    def read_request(self) -> dict[str, Any] | None:
        line = self.rfile.readline().decode("latin-1").split()
        if not line:
            return None
        headers = []
        while field := self.rfile.readline().decode("latin-1").strip():
            name, _, value = field.partition(":")
            headers.append((name, value.strip()))
        length = next((int(v) for n, v in headers if n.lower() == "content-length"), 0)
        chunked = ("Transfer-Encoding", "chunked") in headers
        body = b"".join(iter(self.read_chunk, b"")) if chunked else self.rfile.read(length)
        return {"method": line[0], "target": line[1], "headers": headers, "body": body}

    def read_chunk(self) -> bytes:
        size = self.rfile.readline()
        if not size:
            raise ConnectionError("the body broke off")
        chunk = self.rfile.read(int(size, 16))
        self.rfile.readline()
        return chunk

    def answer(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> None:
        path = urlsplit(target).path  # of a whole URL, where it is asked as a proxy
        self.server.asked.append((method, target))
        self.server.bodies.append(body)
        holds_once = path == "/hold-once" and self.server.first.acquire(blocking=False)
        if path == "/hold" or holds_once:
            self.server.holding.release()
            self.rfile.read(1)  # until the client goes, or the server ends
            self.server.gone.release()
        elif path == "/pieces":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while piece := self.server.pieces.get():
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")
        elif path == "/raw":
            self.wfile.write(self.server.raw)
        elif path.startswith("/status/"):
            self.send(int(path.rpartition("/")[2]), b"so it is", method)
        else:
            told = {
                "method": method,
                "target": target,
                "headers": headers,
                "body": body.decode("latin-1"),
            }
            self.send(200, json.dumps(told).encode(), method)

    def send(self, status: int, body: bytes, method: str) -> None:
        head = f"HTTP/1.1 {status} So\r\nContent-Length: {len(body)}\r\nX-Method: {method}\r\n\r\n"
        self.wfile.write(head.encode() + (b"" if method == "HEAD" else body))


class HttpServer(socketserver.ThreadingTCPServer):
    """Answers every path with what it was asked, as JSON, but for ``/status/N``; ``/raw``, which
    answers with the bytes of ``raw``; ``/pieces``, whose body comes as ``pieces`` has it; and
    ``/hold``, which never answers, nor does ``/hold-once`` the first time.

    Attributes:
        asked: Methods and targets, in the order in which they came.
        bodies: Theirs.
        first: Of ``/hold-once``, until it came.
        holding: Released for each request that is held.
        gone: Released when the client of one of them has gone.
        connections: How many were opened.
        pieces: Of a body, in their order; an empty one is its end.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self.first = threading.Semaphore(1)
        self.holding = threading.Semaphore(0)
        self.gone = threading.Semaphore(0)
        self.raw = b""
        self.pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.connections = 0
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._sockets.append(connection)

    def answer_with(self, body: bytes, *fields: str) -> str:
        """The URL of an answer of exactly these fields and bytes."""
        head = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields]
        self.raw = "\r\n".join([*head, "", ""]).encode("latin-1") + body
        return self.url + "/raw"

    def hang_up(self) -> None:
        """Ends all connections, those that are held too."""
        self.pieces.put(b"")
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):  # it has ended already
                    connection.shutdown(socket.SHUT_RDWR)


Server = TypeVar("Server", bound=HttpServer)


@contextmanager
def http_server(kind: type[Server] = HttpServer) -> Iterator[Server]:
    """A server for the time of the block."""
    with kind() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.hang_up()
            server.shutdown()
            thread.join()


def sent(response: tg.Response, name: str) -> list[str]:
    """The values of a field of the request, as the server tells."""
    return [value for field, value in response.json()["headers"] if field.lower() == name]


_taken: list[socket.socket] = []


def refused_port() -> int:
    """A port at which nobody listens: it stays taken, so that nobody else is given it."""
    _taken.append(socket.socket())
    _taken[-1].bind(("127.0.0.1", 0))
    return int(_taken[-1].getsockname()[1])
