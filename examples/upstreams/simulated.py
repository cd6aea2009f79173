"""A remote service that is simulated: on a loopback address, and with what goes wrong by script.

A service is an ``Upstream`` with routes; ``serve()`` runs it until SIGTERM or Ctrl-C, and prints
where it is as its first line. Each has one more address, ``/simulation``: ``GET`` tells what came,
``POST`` sets what is to happen from now on.

    {"latency": 0.2, "failure_rate": 0.1}   every answer takes that long, a tenth of them are 503
    {"script": [503, 0, 401]}               what the next are answered; 0: as ever
    {"hold": true}                          answers wait until it is false again
"""

import argparse
import asyncio
import random
import signal
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from messages import Json, Reply, Request, read_request, whole

LONGEST_HEAD = 65_536
LONGEST_LOG = 10_000

Handler = Callable[[Request], Reply]


@dataclass
class Trouble:
    """What is to go wrong."""

    latency: float = 0.0
    failure_rate: float = 0.0
    script: list[int] = field(default_factory=list)
    hold: bool = False


class Upstream:
    """One service: its routes, its trouble, and what it has seen.

    Attributes:
        name: What it is called.
        trouble: What goes wrong from now on.
        routes: Who answers, by method and path.
        settings: What else ``POST /simulation`` may set, by name.
    """

    def __init__(self, name: str, trouble: Trouble, seed: str = "7") -> None:
        self.name = name
        self.trouble = trouble
        self.routes: dict[tuple[str, str], Handler] = {
            ("GET", "/"): lambda _: Reply({"service": name})
        }
        self.settings: dict[str, Callable[[Any], None]] = {}
        self._random = random.Random(seed)
        self._begin = time.monotonic()
        self._released = asyncio.Event()
        self._starts: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._log: deque[Json] = deque(maxlen=LONGEST_LOG)
        self._connections = 0
        self._in_flight = 0

    def route(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Decorates the handler of an address."""

        def added(handler: Handler) -> Handler:
            self.routes[method, path] = handler
            return handler

        return added

    async def answer(self, request: Request) -> Reply:
        """As the service would, or as the trouble wants it."""
        if request.path == "/simulation":
            return self._simulation(request)
        where = f"{request.method} {request.path}"
        self._starts[where] += 1
        self._log.append({"at": round(time.monotonic() - self._begin, 4), "what": where})
        self._in_flight += 1
        try:
            reply = await self._troubled(request)
        finally:
            self._in_flight -= 1
        self._statuses[str(reply.status)] += 1
        return reply

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept for as long as its client wants."""
        self._connections += 1
        try:
            while True:
                request = await read_request(reader)
                reply = await self.answer(request)
                writer.write(whole(reply, with_body=request.method != "HEAD"))
                await writer.drain()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            pass  # it has gone, or does not speak HTTP
        finally:
            writer.close()

    async def _troubled(self, request: Request) -> Reply:
        trouble = self.trouble
        status = trouble.script.pop(0) if trouble.script else 0
        if self._random.random() < trouble.failure_rate:
            status = status or 503
        if trouble.latency:
            await asyncio.sleep(trouble.latency)
        while trouble.hold:
            await self._released.wait()
        if status:
            return Reply({"error": "so it is scripted"}, status)
        method = "GET" if request.method == "HEAD" else request.method
        handler = self.routes.get((method, request.path))
        if handler is None:
            return Reply({"error": f"nothing is at {method} {request.path}"}, 404)
        return handler(request)

    def _simulation(self, request: Request) -> Reply:
        try:
            if request.method == "POST":
                self._set(request.json())
        except (ValueError, TypeError, KeyError) as error:
            return Reply({"error": str(error)}, 400)
        return Reply(
            {
                "service": self.name,
                "starts": self._starts,
                "statuses": self._statuses,
                "connections": self._connections,
                "in_flight": self._in_flight,
                "log": list(self._log),
            }
        )

    def _set(self, wanted: Json) -> None:
        for name, value in wanted.items():
            if name in self.settings:
                self.settings[name](value)
            elif name in Trouble.__annotations__:
                setattr(self.trouble, name, type(getattr(self.trouble, name))(value))
            else:
                raise KeyError(name)
        if not self.trouble.hold:
            self._released.set()
            self._released = asyncio.Event()


def arguments(what: str) -> argparse.ArgumentParser:
    """The options that every service has."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds of every answer")
    parser.add_argument("--failure-rate", type=float, default=0.0, help="how many are 503, 0 to 1")
    parser.add_argument("--seed", default="7", help="of which ones those are")
    return parser


def upstream_of(name: str, options: argparse.Namespace) -> Upstream:
    """A service with these options, still without routes."""
    return Upstream(name, Trouble(options.latency, options.failure_rate), options.seed)


async def serve(upstream: Upstream, options: argparse.Namespace) -> None:
    """Until SIGTERM or Ctrl-C."""
    ending, connections = asyncio.Event(), set[asyncio.Task[None]]()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(upstream.connected(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(
        connected, options.host, options.port, limit=LONGEST_HEAD, backlog=1024
    )
    port = server.sockets[0].getsockname()[1]
    print(f"{upstream.name} on http://{options.host}:{port}", flush=True)
    await ending.wait()
    server.close()
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)
