"""HTTP clients: the same verbs for asyncio and for synchronous code."""

from __future__ import annotations

from asyncio import _get_running_loop
from typing import TYPE_CHECKING

from ._client_base import BaseClient
from ._response import Exchange, Response
from ._stream import AsyncStreaming, Streaming
from ._upload import feed_beside

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._request_options import RequestOptions


class AsyncClient(BaseClient):
    """HTTP requests over kept connections, each to a deadline. Every verb returns an operation.

    ``await http.get(url)`` gives the ``Response``; ``http.get(url).result()`` does in synchronous
    code. A request starts with the call, many run at once, and ``page.add(http.get(url))`` makes
    one of them a page's. Cancelling the task that awaits stops the transfer.

    Any status is a response. An error is that there was none: a ``ConnectionFailed``, a
    ``Timeout``, an ``InvalidArgument`` for what is no valid HTTP, before anything is opened.

    Constructing one starts nothing and opens nothing. It may be used from any thread, by any number
    of event loops at once, and after a fork. Clients of a process share connections.

    Args:
        config: Where settings come from that are not given here; the defaults if it is not given.
        name: For ``stats()``; the service's name, or ``"http"``, if it is not given.
        service: The named service whose settings count where none is given here.
        max_connections: Requests under way at once, and so connections. 100.
        max_connections_per_origin: The same to one scheme, host and port. 100.
        max_idle_connections: Idle ones to one address that stay for longer than 30 s; the most that
            one of the process's clients asks for counts. 20.
        connects_per_second: Connections that are opened in a second, evenly spaced; 0 for no bound,
            which is the default.
        overflow: What becomes of a request beyond its bounds: it waits, goes out at once over a
            further connection (``"open"``), or is refused with ``Overloaded`` (``"fail"``).
            ``"wait"``.
        queue: Requests that wait for their turn; the next is refused with ``Overloaded``. 1,000.
        pool_timeout: How long one waits for its turn; then ``PoolTimeout``. 5 s.
        connect_timeout: For lookup, TCP and TLS together. 3 s.
        attempt_timeout: From its turn until the head of the answer is there. 5 s.
        read_timeout: Of silence inside a body. 5 s.
        timeout: From the call to the end, all in all. 15 s.
        max_body: Bytes of the body of one answer; a longer one is ``TooLarge``. 32 MiB.
        ca_file: The certificates to trust, a file in PEM; the system's if it is not given.
        cert_file: The client's own certificate, a file in PEM. Whatever server asks for one gets
            it: give each service a client of its own.
        key_file: The key to it; in the same file if it is not given.
        key_password: Of a key that is encrypted. No message shows it.
        min_tls: The oldest version of TLS that is spoken. ``"1.2"``.
        proxy: The URL of the proxy that all requests go through: ``http://``, ``https://``,
            ``socks5://`` or ``socks5h://``, with a user and a password if it wants them, which no
            message shows. It looks up the names of hosts. Several go round; one that fails is set
            aside for a while, and the next attempt takes another one.
        proxy_session: Requests that one of them serves before the next does; with more than 1 a
            session has connections of its own, with 0 it lasts until its proxy fails. 1.
        unix_socket: The absolute path of a Unix socket that all requests go over, whatever host
            they name; not with a proxy.
        trust_env: Whether the environment counts where nothing else is said: ``http_proxy``,
            ``https_proxy``, ``all_proxy`` and ``no_proxy``, and ``SSL_CERT_FILE`` as ``ca_file``.
            False.
        user_agent: What it calls itself; ``tidegate`` and its version if it is not given.
        max_redirects: That are followed; the next is a ``RedirectError``. 5.
        ssrf: What may not leave the public internet: what a redirect leads to from there, all, or
            nothing. ``"redirects"``.
        decode: Whether bodies are asked for in gzip, deflate, br and zstd, and decoded. True.
        basic_user: Sent with every request to whatever host: give each service a client of its
            own. No message shows it, nor the next two.
        basic_password: That goes with it.
        bearer_token: Sent in the same way, in place of a user.
        deadline_header: The header that tells a server how much time is left, in every attempt
            anew: ``"1500ms"``, or ``"1500"`` where its name ends with ``-ms``.
        deadline_hosts: The hosts that are told so, without their ports; no other is.
        dns_threads: Names that are looked up at once, by all clients of a process; the most that
            one asks for counts. 4.
        dns_ttl: How long the addresses of a name are taken for right. 60 s.
        dns_stale_for: How long they then still serve, where a lookup fails or is late. 10 min.
        cookies: Whether cookies are kept, in this process, and sent to the host again that set
            them. False.
        retry: What is tried again, and when.
        hedge: Whether a request whose first attempt is slow is sent a second time beside it, and
            the first good answer counts; or after how long. True: longer than 95 of the last 100
            took. Only what may be done twice, within the budget of ``retry``. False.
        gate: What every attempt goes through before it takes a connection, with all else that uses
            the gate: a ``Gate``, or the name of the service whose settings ``gate.*`` make one. It
            stands in its line until the deadline. What the gate refuses is not tried again:
            ``RateLimited``, ``CircuitOpen`` or ``Overloaded``. If it is not given: that of the
            service which the setting ``http.gate`` names, or that which all clients of ``service``
            share, where settings ``gate.*`` make one.
        transport: What answers instead of the network, in a test; see ``tidegate.testing``.

    Raises:
        ConfigError: A setting is of the wrong type or out of range.

    Example:
        >>> http = tidegate.AsyncClient(timeout=5)
        >>> response = await http.get("https://api.example.com/cars", params={"make": "Audi"})
        >>> response.status, response.json(), response.reused, response.timings.first_byte
    """

    __slots__ = ()

    def _has_loop(self) -> bool:
        return _get_running_loop() is not None

    _feed = staticmethod(feed_beside)

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """Starts a request.

        Args:
            method: As it is written.
            url: Absolute, ``http`` or ``https``.
            **options: Each may be left out.

                ``params``: a mapping, or pairs, appended to the URL's query, percent-encoded. A
                list stands for several values, None is left out.
                ``headers``: a mapping, or pairs.
                ``json``: made into a JSON body.
                ``data``: a mapping, or pairs, made into a form; or a body as it is, text in UTF-8.
                ``content``: a body of bytes. Or a file that is open in binary, an iterable or an
                asynchronous one of bytes, which is sent while it is read: by a thread of Python's,
                or by a task of the running loop. It is sent once, but for a file that can be
                read again; in chunks, but for a file and where its size is given as the header
                ``Content-Length``. What it raises is the ``__cause__`` of the ``CallableFailed``
                that the request ends with; from a ``Client`` it comes as it is.
                ``files``: a mapping, or pairs, made into a form with files, in which ``data`` is
                the fields. A file is bytes, text, or an object with ``read()``, by itself or in a
                tuple of its name, itself, and, if you like, its type. It is read whole, at once.
                ``timeout``, ``pool_timeout``, ``connect_timeout``, ``attempt_timeout``,
                ``read_timeout`` and ``max_body``: in place of the client's. Inside a page its
                deadline counts too.
                ``idempotent``: whether the server may see it twice, because its connection was lost
                or another attempt is made. If it is not given: GET, HEAD, OPTIONS, PUT, DELETE,
                TRACE, and what has an ``Idempotency-Key``.
                ``idempotency_key``: sends such a header, the same with every attempt; ``""`` makes
                a random one.
                ``attempts``: how often it is tried at most, the first time included.
                ``max_redirects``: that are followed; 0 makes a redirect the response.
                ``hedge``: as that of the client.
                ``gate``: another one than the client's, by itself or by its service's name.
                ``proxy``: the URL of another one than the client's; ``""``: none.
                ``basic_user`` and ``basic_password``, or ``bearer_token``: in place of the
                client's. A header ``Authorization`` counts before them.
                ``decode``: False gives the body as the server sent it.
                ``label``: a name for ``Page.sources()``. It must hold no secret.

        Raises:
            InvalidArgument: An argument is of the wrong type. What is wrong with the request itself
                comes as the ``InvalidArgument`` of the operation.
            Closed: ``shutdown()`` was called, or the interpreter ends.
        """
        return self._begin(method, url, options)

    def get(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A GET; see ``request()``."""
        return self._begin("GET", url, options)

    def head(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A HEAD; see ``request()``."""
        return self._begin("HEAD", url, options)

    def options(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """An OPTIONS; see ``request()``."""
        return self._begin("OPTIONS", url, options)

    def post(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A POST; see ``request()``."""
        return self._begin("POST", url, options)

    def put(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A PUT; see ``request()``."""
        return self._begin("PUT", url, options)

    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A PATCH; see ``request()``."""
        return self._begin("PATCH", url, options)

    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A DELETE; see ``request()``."""
        return self._begin("DELETE", url, options)

    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> AsyncStreaming:
        """A request whose body is read while it comes, for ``async with``; it starts there.

        The options are those of ``request()``. ``timeout`` bounds all of it, to the last byte;
        ``max_body`` counts where it is given here, and the client's does not.

        Example:
            >>> async with http.stream("GET", url, timeout=600) as response:
            ...     async for chunk in response.aiter_bytes():
            ...         file.write(chunk)
        """
        return AsyncStreaming(lambda kind: self._begin_with(method, url, streamed=kind, **options))

    async def close(self) -> None:
        """Ends all its requests with ``Closed`` and refuses later ones."""
        self._native.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Client(BaseClient):
    """The same client for synchronous code: every verb waits, and returns the ``Response``.

    The arguments are those of ``AsyncClient``. For many requests at once from synchronous code take
    an ``AsyncClient`` and ``result()``; the two share their connections.

    Example:
        >>> with tidegate.Client(timeout=5) as http:
        ...     cars = http.get("https://api.example.com/cars").raise_for_status().json()
    """

    __slots__ = ()

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """Sends a request and waits for its end. Ctrl-C is heard, and stops the transfer.

        The options are those of ``AsyncClient.request()``.

        Raises:
            Error: There was no response; which class says why.
            RuntimeError: Called on the thread of a running event loop, which it would block.
        """
        if _get_running_loop() is not None:
            raise RuntimeError("a Client would block the running event loop; use an AsyncClient")
        exchange = self._begin(method, url, options)
        try:
            return exchange.result()
        except BaseException:
            exchange.cancel()
            raise

    def get(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A GET; see ``request()``."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A HEAD; see ``request()``."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """An OPTIONS; see ``request()``."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A POST; see ``request()``."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A PUT; see ``request()``."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A PATCH; see ``request()``."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """A DELETE; see ``request()``."""
        return self.request("DELETE", url, **options)

    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Streaming:
        """A request whose body is read while it comes, for ``with``; it starts there.

        The options are those of ``AsyncClient.stream()``.

        Example:
            >>> with http.stream("GET", url, timeout=600) as response:
            ...     for chunk in response.iter_bytes():
            ...         file.write(chunk)
        """
        return Streaming(lambda kind: self._begin_with(method, url, streamed=kind, **options))

    def close(self) -> None:
        """Ends all its requests with ``Closed`` and refuses later ones. Does not wait."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
