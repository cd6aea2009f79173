"""Many clients at once: nothing fails. The figures are printed, never judged."""

import asyncio
import itertools
import json
import os
import time
from collections import Counter
from urllib.parse import quote

import pytest

from .serving import PAGE, Server

MAKES = [None, "Audi", "BMW", "Ford", "Hyundai", "Mercedes-Benz", "Skoda", "Toyota", "vauxhall"]
MAKES.append("VOLKSWAGEN")
PARAMETERS = list(itertools.product(range(1, 21), MAKES))
CLIENTS = 50


class Client:
    """One connection that is kept as long as the server keeps it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.writer: asyncio.StreamWriter | None = None
        self.opened = 0

    async def get(self, path: str) -> tuple[int, bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.opened += 1
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await self.reader.readexactly(int(headers["Content-Length"]))
        if headers.get("Connection") == "close":
            await self.close()
        return int(head.split()[1]), body

    async def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
            await self.writer.wait_closed()
        self.writer = None


async def load(server: Server, requests: int) -> None:
    statuses: Counter[int] = Counter()
    sources: Counter[str] = Counter()
    seconds: list[float] = []
    todo = iter(range(requests))

    async def work() -> int:
        client = Client(server.port)
        for number in todo:
            limit, make = PARAMETERS[number % len(PARAMETERS)]
            path = f"{PAGE}?limit={limit}" + (f"&make={quote(make)}" if make else "")
            start = time.perf_counter()
            status, body = await client.get(path)
            seconds.append(time.perf_counter() - start)
            answer = json.loads(body)
            statuses[status] += 1
            sources[answer["meta"]["source"]] += 1
            assert len(answer["recommendations"]) == limit
        await client.close()
        return client.opened

    start = time.perf_counter()
    opened = sum(await asyncio.gather(*(work() for _ in range(CLIENTS))))
    elapsed = time.perf_counter() - start
    seconds.sort()
    print(
        f"\n{requests} requests, {len(PARAMETERS)} parameter sets, {CLIENTS} at once, "
        f"{opened} connections: {requests / elapsed:.0f} per second, "
        f"p50 {seconds[len(seconds) // 2] * 1e3:.1f} ms, "
        f"p99 {seconds[len(seconds) * 99 // 100] * 1e3:.1f} ms, max {seconds[-1] * 1e3:.1f} ms, "
        f"statuses {dict(statuses)}, sources {dict(sources)}"
    )
    assert statuses == {200: requests}
    assert sources == {"fresh": requests}
    assert opened == CLIENTS


# One stall of the machine is none of the server's: no page of it is late.
PATIENT = {"executor__query_timeout": "1h", "executor__page_timeout": "1h"}


@pytest.mark.timeout(60)
def test_two_thousand_requests_none_fails(start_uncached, capsys):
    server = start_uncached(**PATIENT)
    with capsys.disabled():
        asyncio.run(load(server, 2_000))


@pytest.mark.deep
@pytest.mark.timeout(600)
def test_twenty_thousand_requests_none_fails(start_uncached, capsys):
    server = start_uncached(**PATIENT)
    descriptors = len(os.listdir(f"/proc/{server.process.pid}/fd"))
    asyncio.run(load(server, 2_000))  # loaders are started when they are first wanted
    threads = server.threads()
    with capsys.disabled():
        asyncio.run(load(server, 20_000))
    assert server.threads() <= threads + 4
    assert len(os.listdir(f"/proc/{server.process.pid}/fd")) <= descriptors + CLIENTS + 8
