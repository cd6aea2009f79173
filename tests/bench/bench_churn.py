# SPDX-License-Identifier: Apache-2.0
"""What cancels cost in connections: bench_churn.py --json FILE.

A server answers after 2 ms; 40 tasks ask it through ten places and give each request up after up to
8 ms. ``opened_per_100`` is how many connections the server saw for each hundred cancels, and
``works_after`` how many of five requests then got their answer. tidegate and its peers take turns,
and the figures are the medians of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import random
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import uvloop
from http_clients import Get

import tidegate as tg

ROUNDS = 3
SECONDS = 2.0
PLACES, TASKS = 10, 40

SERVER = """
import asyncio
accepted = 0

async def serve(reader, writer):
    global accepted
    accepted += 1
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            body = b"%d" % accepted if head.startswith(b"GET /accepted") else b"hello"
            if body == b"hello":
                await asyncio.sleep(0.002)
            length = b"Content-Length: %d\\r\\n\\r\\n" % len(body)
            writer.write(b"HTTP/1.1 200 OK\\r\\n" + length + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Its URL; in a process of its own."""
    with Popen([sys.executable, "-c", SERVER], stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@contextlib.asynccontextmanager
async def clients() -> Any:
    """Each with ten places: it gets a URL and gives the body."""
    async with contextlib.AsyncExitStack() as stack:
        found: dict[str, Get] = {}
        made = tg.AsyncClient(name="churn", max_connections=PLACES)
        ours = await stack.enter_async_context(made)

        async def tidegate(url: str) -> bytes:
            return (await ours.get(url)).content

        found["tidegate"] = tidegate
        with contextlib.suppress(ImportError):
            aiohttp: Any = importlib.import_module("aiohttp")
            connector = aiohttp.TCPConnector(limit=PLACES)
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

            async def with_aiohttp(url: str) -> bytes:
                async with session.get(url) as response:
                    body: bytes = await response.read()
                    return body

            found["aiohttp"] = with_aiohttp
        with contextlib.suppress(ImportError):
            httpx2: Any = importlib.import_module("httpx2")
            limits = httpx2.Limits(max_connections=PLACES, max_keepalive_connections=PLACES)
            newer = await stack.enter_async_context(httpx2.AsyncClient(limits=limits))

            async def with_httpx2(url: str) -> bytes:
                body: bytes = (await newer.get(url)).content
                return body

            found["httpx2"] = with_httpx2
        yield found


async def one_round(get: Get, url: str) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    before, cancels, end = int(await get(url + "/accepted")), 0, loop.time() + SECONDS

    async def work() -> None:
        nonlocal cancels
        while loop.time() < end:
            request = asyncio.ensure_future(get(url))
            await asyncio.wait([request], timeout=random.uniform(0, 0.008))
            cancels += request.cancel()
            await asyncio.wait([request])
            request.cancelled() or request.exception()

    await asyncio.gather(*(work() for _ in range(TASKS)))
    after = await asyncio.gather(*(get(url) for _ in range(5)), return_exceptions=True)
    opened = int(await get(url + "/accepted")) - before
    works = sum(answer == b"hello" for answer in after)
    return {"opened_per_100": 100 * opened / max(1, cancels), "works_after": works}


async def measure(url: str) -> dict[str, dict[str, float]]:
    rounds: dict[str, list[dict[str, float]]] = {}
    async with clients() as found:
        for _ in range(ROUNDS):
            for name, get in found.items():
                rounds.setdefault(name, []).append(await one_round(get, url))
    return {
        name: {what: statistics.median(each[what] for each in of) for what in of[0]}
        for name, of in rounds.items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    path: Path | None = parser.parse_args().json
    with server() as url:
        text = json.dumps(uvloop.run(measure(url)), indent=2)
    print(text) if path is None else path.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
