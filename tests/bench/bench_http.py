# SPDX-License-Identifier: Apache-2.0
"""What a small GET costs in Python, 64 and 1 in flight: bench_http.py --json FILE.

One nginx worker answers 200 with a few bytes; tidegate and its peers ask it from one event loop of
uvloop, over kept connections. ``loop_cpu_us`` is what the event loop's thread spent for a request,
``cpu_us`` what the process did, ``wall_us`` the time. Every figure is the median of several rounds,
in which the clients take turns. A peer that is not installed is left out, and all where there is no
nginx. With ``--native`` its C++ counterpart asks the same server: libcurl alone, and tidegate.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop

import tidegate as tg

ROUNDS = 7
REQUESTS = {64: 4_000, 1: 1_000}  # in one round, by how many are in flight

Get = Callable[[str], Awaitable[bytes]]
Figures = dict[str, Any]

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "hello"; }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder: str) -> Iterator[str]:
    """The URL of a server of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Path(folder) / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([program, "-c", config, "-p", folder], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def peer(name: str) -> Any:
    """A module that may be missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


@contextlib.asynccontextmanager
async def clients() -> Any:
    """One function for each client: it gets a URL and gives the body."""
    async with contextlib.AsyncExitStack() as stack:
        found: dict[str, Get] = {}
        ours = await stack.enter_async_context(tg.AsyncClient(name="bench"))

        async def tidegate(url: str) -> bytes:
            return (await ours.get(url)).content

        found["tidegate"] = tidegate
        if aiohttp := peer("aiohttp"):
            connector = aiohttp.TCPConnector(limit=100)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

            async def with_aiohttp(url: str) -> bytes:
                async with session.get(url) as response:
                    body: bytes = await response.read()
                    return body

            found["aiohttp"] = with_aiohttp
        if pyreqwest := peer("pyreqwest.client"):
            fast = await stack.enter_async_context(pyreqwest.ClientBuilder().build())

            async def with_pyreqwest(url: str) -> bytes:
                response = await fast.get(url).build().send()
                return bytes(await response.bytes())

            found["pyreqwest"] = with_pyreqwest
        if httpx := peer("httpx"):
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
            client = await stack.enter_async_context(httpx.AsyncClient(limits=limits))

            async def with_httpx(url: str) -> bytes:
                body: bytes = (await client.get(url)).content
                return body

            found["httpx"] = with_httpx
        yield found


async def one_round(get: Get, url: str, in_flight: int, requests: int) -> Figures:
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            assert await get(url) == b"hello"

    before = time.perf_counter(), time.process_time(), time.thread_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    after = time.perf_counter(), time.process_time(), time.thread_time()
    wall, cpu, loop = ((b - a) / requests * 1e6 for a, b in zip(before, after, strict=True))
    return {"wall_us": wall, "cpu_us": cpu, "loop_cpu_us": loop}


async def measure(url: str) -> Figures:
    figures: Figures = {}
    async with clients() as found:
        for in_flight, requests in REQUESTS.items():
            rounds: dict[str, list[Figures]] = {name: [] for name in found}
            for number in range(ROUNDS + 1):
                for name, get in found.items():
                    slow = name == "httpx"  # seconds for what takes the others a tenth of one
                    spent = await one_round(get, url, in_flight, requests // (8 if slow else 1))
                    if number > 0:  # the first opens the connections
                        rounds[name].append(spent)
            figures[str(in_flight)] = {
                name: {
                    what: round(statistics.median(each[what] for each in of), 2) for what in of[0]
                }
                for name, of in rounds.items()
            }
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--native", type=Path, help="http_bench, which is run too")
    arguments = parser.parse_args()
    path: Path | None = arguments.json
    figures: Figures = {}
    if shutil.which("nginx") or Path("/usr/sbin/nginx").exists():
        with tempfile.TemporaryDirectory() as folder, nginx(folder) as url:
            figures = uvloop.run(measure(url))
            if arguments.native is not None:
                done = subprocess.run(
                    [arguments.native, url], check=True, capture_output=True, text=True, timeout=300
                )
                figures["native"] = json.loads(done.stdout)
    text = json.dumps(figures, indent=2)
    print(text) if path is None else path.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
