"""HTTP requests: one, many on a page, one that is late, and the same from synchronous code."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tidegate as tg


class Cars(BaseHTTPRequestHandler):
    """A small server of this program's own; /slow does not answer."""

    protocol_version = "HTTP/1.1"
    ended = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.ended.wait()
            self.close_connection = True
            return
        known = self.path.startswith("/cars")
        body = json.dumps({"asked": self.path}).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


async def main(url: str) -> None:
    async with tg.AsyncClient(timeout=5) as http:
        response = await http.get(f"{url}/cars", params={"make": "Škoda", "page": 1})
        print(response.status, response.json(), response.reused)
        response = await http.get(f"{url}/cars")
        print(response.status, response.headers["content-type"], response.reused)

        async with http.stream("GET", f"{url}/cars", timeout=60) as streamed:
            async for chunk in streamed.aiter_bytes():  # as it comes, in bounded memory
                print(chunk)

        async with tg.page(1) as page:  # no request raises out of it, none outlives it
            paths = ["/cars/1", "/slow", "/none"]
            calls = [page.add(http.get(url + path)) for path in paths]
        for call in calls:
            print(call.value.status if call.ok else type(call.error).__name__)

        try:
            await http.get(f"{url}/cars", headers={"X-Trace": "1\r\nX-Admin: yes"})
        except tg.InvalidArgument as error:  # before anything is sent
            print(error)


def main_sync(url: str) -> None:
    with tg.Client(timeout=5) as http:
        print(http.get(f"{url}/cars/2").raise_for_status().json())
        try:
            http.get(f"{url}/none").raise_for_status()
        except tg.HTTPStatusError as error:
            print(error.status, error.response is not None, error.retryable)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Cars) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        asyncio.run(main(address))
        main_sync(address)
        Cars.ended.set()
        server.shutdown()
