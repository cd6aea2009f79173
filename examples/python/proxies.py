"""Requests through proxies that go round, one of which is dead."""

import base64
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import tidegate as tg


class Proxy(BaseHTTPRequestHandler):
    """A small proxy of this program's own, which answers by itself what it should forward."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, _, credentials = self.headers["Proxy-Authorization"].partition(" ")
        user = base64.b64decode(credentials).decode().partition(":")[0]
        body = json.dumps({"asked": self.path, "user": user}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


def main(proxies: list[str]) -> None:
    # Each serves two requests; then the next one does, over connections of its own.
    with tg.Client(proxy=proxies, proxy_session=2, timeout=5) as http:
        for page in range(6):
            response = http.get("http://cars.test/list", params={"page": page})
            print(response.json(), response.attempts, response.reused)
        stats = http.stats().proxies
        print(stats.request_count, stats.session_rotations, stats.available_proxies)
        print(stats.current_proxy == proxies[0].rpartition("@")[2])

    try:
        tg.Client(proxy=proxies[2], timeout=5).get("http://cars.test/", attempts=1)
    except tg.ProxyError as error:
        print(error.cause, "secret" in str(error))


if __name__ == "__main__":
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Proxy) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        ports = [*(server.server_address[1] for server in servers), taken.getsockname()[1]]
        users = ["one", "two", "three"]
        main(
            [
                f"http://{user}:secret@127.0.0.1:{port}"
                for user, port in zip(users, ports, strict=True)
            ]
        )
    for server in servers:
        server.shutdown()
        server.server_close()
