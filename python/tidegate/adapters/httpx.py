"""tidegate under httpx.

What it replaces: httpx's transports, and with them httpcore. The change is one argument::

    from tidegate.adapters.httpx import AsyncTransport

    http = httpx.AsyncClient(transport=AsyncTransport())
    http = httpx.AsyncClient(transport=AsyncTransport(tg.AsyncClient(max_connections=20)))

Connections, places, attempts, deadlines and figures are tidegate's; a page around a call bounds it.
Redirects, cookies, authentication and decoding stay httpx's. Errors are httpx's, and tidegate's is
their ``__cause__``. ``response.extensions["tidegate"]`` is the ``tidegate.Response``, with its
attempts and timings.

Known differences:

- Bodies are held whole in memory, both ways; that of an answer is at most ``max_body``, 32 MiB.
- What fails is tried again, as the client's ``RetryPolicy`` says: 4 attempts.
- A request has an end: the client's ``timeout``, 15 s, or what httpx's connect, read and pool
  timeouts add up to where that is more. None of these is tidegate's own time. The read timeout
  also counts until the head of the answer, and the write timeout is not looked at.
- ``verify``, ``cert``, ``proxy``, ``limits`` and ``http2`` of an httpx client go to the transport
  that this one replaces, and httpx does not hand them on. The certificates to trust and the bounds
  are the ``tidegate.Client``'s, as are its proxies and its own certificate; it has no HTTP/2.
- ``sni_hostname`` and ``target`` in a request's extensions, a ``Host`` that is not the URL's and
  ``Expect`` are refused. ``trace`` is not called.
- The reason phrase is the usual one for the status.
- asyncio and uvloop; not trio.

Importing tidegate does not import this module, which needs httpx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from .._client import AsyncClient, Client
from .._errors import Error, InvalidArgument
from .._request_options import RequestOptions
from .._response import Response
from ._outbound import (
    attempt_time,
    checked_time,
    own_fields_dropped,
    reason_of,
    whole_time,
)

__all__ = ["AsyncTransport", "Transport"]

_BY_CAUSE: dict[str, type[httpx.TransportError]] = {
    "connect_timeout": httpx.ConnectTimeout,
    "attempt_timeout": httpx.ReadTimeout,
    "read_timeout": httpx.ReadTimeout,
    "pool_timeout": httpx.PoolTimeout,
    "deadline": httpx.TimeoutException,
    "queue_full": httpx.PoolTimeout,
    "dns": httpx.ConnectError,
    "connect": httpx.ConnectError,
    "tls": httpx.ConnectError,
    "blocked_address": httpx.ConnectError,
    "proxy": httpx.ProxyError,
    "proxy_auth": httpx.ProxyError,
    "connection_lost": httpx.ReadError,
    "protocol": httpx.RemoteProtocolError,
    "too_large": httpx.RemoteProtocolError,
    "decode": httpx.RemoteProtocolError,
    "bad_argument": httpx.LocalProtocolError,
}


class Transport(httpx.BaseTransport):
    """For ``httpx.Client(transport=…)``.

    Args:
        client: Whose connections, bounds and attempts count; one of its own if it is not given.
            What is given is not closed with the transport.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._own = client is None
        self._client = _checked(client, Client)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; called by httpx."""
        body = request.read()
        try:
            url, options = _options(self._client._timeout, request, body)
            return _answer(self._client.request(request.method, url, **options))
        except Error as error:
            raise _translated(error, request) from error

    def close(self) -> None:
        """Closes the client, if it is the transport's own."""
        if self._own:
            self._client.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """For ``httpx.AsyncClient(transport=…)``.

    Args:
        client: Whose connections, bounds and attempts count; one of its own if it is not given.
            What is given is not closed with the transport.
    """

    def __init__(self, client: AsyncClient | None = None) -> None:
        self._own = client is None
        self._client = _checked(client, AsyncClient)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; called by httpx. Cancelling the task stops the transfer."""
        body = await request.aread()
        try:
            url, options = _options(self._client._timeout, request, body)
            response = await self._client.request(request.method, url, **options)
            return _answer(response)
        except Error as error:
            raise _translated(error, request) from error

    async def aclose(self) -> None:
        """Closes the client, if it is the transport's own."""
        if self._own:
            await self._client.close()


def _checked(client: Any, kind: Any) -> Any:
    if client is None:
        return kind()
    if not isinstance(client, kind):
        raise InvalidArgument(f"a transport takes a {kind.__name__}, not {client!r}")
    return client


def _options(own: float, request: httpx.Request, body: bytes) -> tuple[str, RequestOptions]:
    """The URL and what goes with it.

    Raises:
        InvalidArgument: The request asks for what tidegate does not do.
    """
    for name in ("sni_hostname", "target"):
        if name in request.extensions:
            raise InvalidArgument(f"the extension {name} is not supported")
    url = request.url
    text = f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"
    given = request.extensions.get("timeout") or {}
    if not isinstance(given, Mapping):
        raise InvalidArgument(f"the extension timeout must be a mapping, not {given!r}")
    connect = checked_time("connect", given.get("connect"))
    read = checked_time("read", given.get("read"))
    pool = checked_time("pool", given.get("pool"))
    fields = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw]
    return text, {
        "headers": own_fields_dropped(text, fields),
        "content": body or None,
        "timeout": whole_time(own, pool, connect, read),
        "connect_timeout": connect,
        "attempt_timeout": attempt_time(connect, read),
        "read_timeout": read,
        "pool_timeout": pool,
        "max_redirects": 0,
        "decode": False,
    }


def _answer(response: Response) -> httpx.Response:
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.fields]
    return httpx.Response(
        response.status,
        headers=fields,
        stream=httpx.ByteStream(response.content),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": reason_of(response).encode("ascii"),
            "tidegate": response,
        },
    )


def _translated(error: Error, request: httpx.Request) -> httpx.TransportError:
    kind = _BY_CAUSE.get(error.cause, httpx.TransportError)
    if error.cause == "bad_argument" and request.url.scheme not in ("http", "https"):
        kind = httpx.UnsupportedProtocol
    return kind(str(error), request=request)
