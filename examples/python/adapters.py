"""tidegate under the clients that a program has: requests, httpx, and a function of its own."""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import requests

import tidegate as tg
from tidegate.adapters.httpx import AsyncTransport
from tidegate.adapters.requests import Adapter
from tidegate.adapters.urllib3 import Retry


class Cars(BaseHTTPRequestHandler):
    """A small server of this program's own; every second answer is 503."""

    protocol_version = "HTTP/1.1"
    asked = 0

    def do_GET(self) -> None:
        Cars.asked += 1
        self.send_response(503 if Cars.asked % 2 else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None: ...


def with_requests(url: str) -> None:
    session = requests.Session()
    session.trust_env = False  # a proxy of the environment would be refused
    session.mount("http://", Adapter(max_retries=Retry(total=3, status_forcelist=[503])))
    response = session.get(url)
    print("requests:", response.status_code, response.json())
    session.close()


async def with_httpx(url: str) -> None:
    async with httpx.AsyncClient(transport=AsyncTransport()) as http:
        response = await http.get(url)
        print("httpx:", response.status_code, response.extensions["tidegate"].attempts)


@tg.retry(attempts=3, on=(ConnectionError,), backoff="1ms")
def flaky(calls: list[int]) -> int:
    calls.append(1)
    if len(calls) < 3:
        raise ConnectionError("not yet")
    return len(calls)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Cars) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/cars"
        with_requests(address)
        asyncio.run(with_httpx(address))
        server.shutdown()
    print("retry:", flaky([]))
