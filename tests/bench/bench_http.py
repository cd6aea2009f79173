# SPDX-License-Identifier: Apache-2.0
"""What a small GET costs in Python, 64 and 1 in flight: bench_http.py --json FILE.

One nginx worker answers 200 with a few bytes; tidegate and its peers ask it from one event loop of
uvloop, over kept connections, and from synchronous code. ``loop_cpu_us`` is what the thread that
asks spent for a request, ``cpu_us`` what the process did, ``wall_us`` the time. Every figure is the
median of several rounds, in which the clients take turns. A peer that is not installed is left out,
and all where there is no nginx. With ``--native`` its C++ counterpart asks the same server: libcurl
alone, and tidegate. ``wrk``, which only sends and counts, shows what the server can do.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvloop
from http_clients import SLOW, BlockingGet, Get, blocking_clients, clients

ROUNDS = 7
REQUESTS = {64: 4_000, 1: 1_000}  # in one round, by how many are in flight

Figures = dict[str, Any]

NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 1h;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}{listens}; location / {{ return 200 "hello"; }}
    location /closed {{ keepalive_timeout 0; return 200 "hello"; }} }}
}}
"""


@contextlib.contextmanager
def nginx(folder: str, listens: str = "") -> Iterator[str]:
    """The URL of a server of its own; ``listens``: words for how it does."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Path(folder) / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, listens=listens))
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


def now() -> tuple[float, float, float]:
    return time.perf_counter(), time.process_time(), time.thread_time()


def cost(before: tuple[float, float, float], requests: int) -> Figures:
    wall, cpu, own = ((b - a) / requests * 1e6 for a, b in zip(before, now(), strict=True))
    return {"wall_us": wall, "cpu_us": cpu, "loop_cpu_us": own}


def medians(rounds: list[Figures]) -> Figures:
    return {what: round(statistics.median(each[what] for each in rounds), 2) for what in rounds[0]}


async def one_round(get: Get, url: str, in_flight: int, requests: int) -> Figures:
    left = iter(range(requests))

    async def work() -> None:
        for _ in left:
            assert await get(url) == b"hello"

    before = now()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return cost(before, requests)


async def measure(url: str) -> Figures:
    figures: Figures = {}
    async with clients() as found:
        for in_flight, requests in REQUESTS.items():
            rounds: dict[str, list[Figures]] = {name: [] for name in found}
            for number in range(ROUNDS + 1):
                for name, get in found.items():
                    count = requests // (8 if name in SLOW else 1)
                    spent = await one_round(get, url, in_flight, count)
                    if number > 0:  # the first opens the connections
                        rounds[name].append(spent)
            figures[str(in_flight)] = {name: medians(of) for name, of in rounds.items()}
    return figures


def measure_blocking(url: str) -> Figures:
    """One at a time, from synchronous code."""

    def one(get: BlockingGet, requests: int) -> Figures:
        before = now()
        for _ in range(requests):
            assert get(url) == b"hello"
        return cost(before, requests)

    rounds: dict[str, list[Figures]] = {}
    with blocking_clients() as found:
        for number in range(ROUNDS + 1):
            for name, get in found.items():
                spent = one(get, REQUESTS[1] // 2)
                if number > 0:
                    rounds.setdefault(name, []).append(spent)
    return {name: medians(of) for name, of in rounds.items()}


def wrk(url: str) -> Figures:
    """What one thread of wrk takes for a request, 64 in flight."""
    took = []
    for _ in range(3):
        command = ["wrk", "-t1", "-c64", "-d1s", url]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        found = re.search(r"Requests/sec:\s*([\d.]+)", done.stdout)
        assert found
        took.append(1e6 / float(found[1]))
    return {"wall_us": round(statistics.median(took), 2)}


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
            figures["blocking"] = measure_blocking(url)
            if shutil.which("wrk"):
                figures["wrk"] = wrk(url)
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
