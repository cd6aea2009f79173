# SPDX-License-Identifier: Apache-2.0
"""tidegate and its peers as functions that get a URL and give the body, for bench_http.py."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from peers import peer

import tidegate as tg

Get = Callable[[str], Awaitable[bytes]]
BlockingGet = Callable[[str], bytes]

SLOW = ("httpx", "httpx2", "niquests")  # seconds for what takes the others a tenth of one


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
        if httpx2 := peer("httpx2"):
            limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
            newer = await stack.enter_async_context(httpx2.AsyncClient(limits=limits))

            async def with_httpx2(url: str) -> bytes:
                body: bytes = (await newer.get(url)).content
                return body

            found["httpx2"] = with_httpx2
        if niquests := peer("niquests"):
            made = niquests.AsyncSession(pool_maxsize=100, disable_http3=True)
            asking = await stack.enter_async_context(made)

            async def with_niquests(url: str) -> bytes:
                body: bytes = (await asking.get(url)).content
                return body

            found["niquests"] = with_niquests
        yield found


@contextlib.contextmanager
def blocking_clients() -> Iterator[dict[str, BlockingGet]]:
    """The same for synchronous code."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(tg.Client(name="blocking bench"))
        found: dict[str, BlockingGet] = {"tidegate": lambda url: ours.get(url).content}
        for name in ("requests", "niquests"):
            if library := peer(name):
                found[name] = content_of(stack.enter_context(library.Session()))
        if pycurl := peer("pycurl"):
            found["pycurl"] = with_pycurl(pycurl.Curl())
        yield found


def content_of(session: Any) -> BlockingGet:
    def get(url: str) -> bytes:
        body: bytes = session.get(url).content
        return body

    return get


def with_pycurl(easy: Any) -> BlockingGet:
    """One handle, used again, as its documentation advises."""

    def get(url: str) -> bytes:
        body = io.BytesIO()
        easy.setopt(easy.URL, url)
        easy.setopt(easy.WRITEDATA, body)
        easy.perform()
        return body.getvalue()

    return get
