# SPDX-License-Identifier: Apache-2.0
"""A plugin: every client of httpx sends by tidegate. Only the tests that ask a server are run."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import httpx._client
import pytest
import uvicorn.config
import uvicorn.server
from differences import Plugin

import tidegate as tg
from tidegate.adapters.httpx import AsyncTransport, Transport

NO_LIMITS = httpx.Limits()


def most(limits: httpx.Limits) -> int | None:
    return limits.max_connections


class HTTPTransport(Transport):
    """As httpx makes one: of its keyword arguments tidegate has the limits."""

    def __init__(self, *, limits: httpx.Limits = NO_LIMITS, **_: Any) -> None:
        super().__init__(tg.Client(max_connections=most(limits)))


class AsyncHTTPTransport(AsyncTransport):
    def __init__(self, *, limits: httpx.Limits = NO_LIMITS, **_: Any) -> None:
        super().__init__(tg.AsyncClient(max_connections=most(limits)))


class Server(uvicorn.server.Server):
    """On a port that is free: the tests' own takes 8000."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        bound = socket.create_server((self.config.host, 0))
        self.config.port = bound.getsockname()[1]
        await super().serve(sockets=[bound])


# Now, before the tests' conftest.py takes them from there.
httpx.HTTPTransport = httpx._client.HTTPTransport = HTTPTransport
httpx.AsyncHTTPTransport = httpx._client.AsyncHTTPTransport = AsyncHTTPTransport
uvicorn.server.Server = Server


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin("httpx"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asking = [item for item in items if "server" in getattr(item, "fixturenames", ())]
    config.hook.pytest_deselected(items=[item for item in items if item not in asking])
    items[:] = asking
