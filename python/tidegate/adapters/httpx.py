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

- What fails until the head of the answer is tried again, as the client's ``RetryPolicy`` says: 4
  attempts; a body that breaks off is not. With ``stream=False`` a body is read whole before httpx
  sees it, tried again to its end, and at most ``max_body``, 32 MiB.
- A request has an end, the last byte of its body: the client's ``timeout``, 15 s, or what httpx's
  connect, read and pool timeouts add up to where that is more. None of these is tidegate's own
  time. The read timeout also counts until the head of the answer, and the write timeout is not
  looked at.
- A body that httpx does not have whole, such as an iterator's or a file's, is sent while it is
  read, and once. What its iterator raises comes as it is.
- ``verify``, ``cert``, ``proxy``, ``limits`` and ``http2`` of an httpx client go to the transport
  that this one replaces, and httpx does not hand them on. The certificates to trust and the bounds
  are the ``tidegate.Client``'s, as are its proxies and its own certificate; it has no HTTP/2.
- ``sni_hostname`` and ``target`` in a request's extensions are refused; ``trace`` is not called.
- What belongs to the connection is refused as a header: a ``Host`` that is not the URL's, a
  ``Connection`` but ``keep-alive``, a ``Transfer-Encoding`` but ``chunked``, and ``Expect``,
  ``Keep-Alive``, ``Proxy-Authorization``, ``Proxy-Connection``, ``TE``, ``Trailer`` and
  ``Upgrade``.
- The reason phrase is the usual one for the status.
- asyncio and uvloop; not trio.

Importing tidegate does not import this module, which needs httpx.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any, cast

import httpx

from .._client import AsyncClient, Client
from .._errors import CallableFailed, Error, InvalidArgument
from .._request_options import RequestOptions
from .._response import Response
from .._stream import AsyncStreamedResponse, StreamedResponse
from .._upload import Streamed
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
        stream: A body is read while it comes, as httpx wants it. False: it is there before the
            response is.
    """

    def __init__(self, client: Client | None = None, *, stream: bool = True) -> None:
        self._own = client is None
        self._client: Client = _checked(client, Client)
        self._streams = stream

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; called by httpx."""
        parts = cast("Iterable[bytes]", request.stream)
        body = request.read() if _is_there(request) else iter(parts)
        try:
            url, options = _options(self._client._timeout, request, body)
            if not self._streams:
                response = self._client.request(request.method, url, **options)
                return _answer(response, httpx.ByteStream(response.content))
            streamed = self._client.stream(request.method, url, **options).__enter__()
            return _answer(streamed, _Body(streamed, request))
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
        stream: A body is read while it comes, as httpx wants it. False: it is there before the
            response is.
    """

    def __init__(self, client: AsyncClient | None = None, *, stream: bool = True) -> None:
        self._own = client is None
        self._client: AsyncClient = _checked(client, AsyncClient)
        self._streams = stream

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request; called by httpx. Cancelling the task stops the transfer."""
        parts = cast("AsyncIterable[bytes]", request.stream)
        body = await request.aread() if _is_there(request) else aiter(parts)
        try:
            url, options = _options(self._client._timeout, request, body)
            if not self._streams:
                response = await self._client.request(request.method, url, **options)
                return _answer(response, httpx.ByteStream(response.content))
            streamed = await self._client.stream(request.method, url, **options).__aenter__()
            return _answer(streamed, _AsyncBody(streamed, request))
        except CallableFailed as error:  # reading the body for it
            raise (error.__cause__ or error) from None
        except Error as error:
            raise _translated(error, request) from error

    async def aclose(self) -> None:
        """Closes the client, if it is the transport's own."""
        if self._own:
            await self._client.close()


class _Body(httpx.SyncByteStream):
    """A body that is read while it comes. httpx closes it where it is read to its end, too."""

    def __init__(self, response: StreamedResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_bytes()
        except Error as error:
            raise _translated(error, self._request) from error

    def close(self) -> None:
        self._response.close()


class _AsyncBody(httpx.AsyncByteStream):
    """The same in asyncio."""

    def __init__(self, response: AsyncStreamedResponse, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except Error as error:
            raise _translated(error, self._request) from error

    async def aclose(self) -> None:
        self._response.close()


def _is_there(request: httpx.Request) -> bool:
    """Its body is bytes, and so may be sent again."""
    return isinstance(request.stream, httpx.ByteStream)


def _checked(client: Any, kind: Any) -> Any:
    if client is None:
        return kind()
    if not isinstance(client, kind):
        raise InvalidArgument(f"a transport takes a {kind.__name__}, not {client!r}")
    return client


def _options(
    own: float, request: httpx.Request, body: bytes | Streamed
) -> tuple[str, RequestOptions]:
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
    kept = own_fields_dropped(text, fields)
    if not isinstance(body, bytes) and "content-length" in request.headers:
        kept.append(("Content-Length", request.headers["content-length"]))
    return text, {
        "headers": kept,
        "content": body or None,
        "timeout": whole_time(own, pool, connect, read),
        "connect_timeout": connect,
        "attempt_timeout": attempt_time(connect, read),
        "read_timeout": read,
        "pool_timeout": pool,
        "max_redirects": 0,
        "decode": False,
    }


def _answer(
    response: Response, stream: httpx.SyncByteStream | httpx.AsyncByteStream
) -> httpx.Response:
    fields = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.fields]
    return httpx.Response(
        response.status,
        headers=fields,
        stream=stream,
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
