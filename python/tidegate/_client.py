"""HTTP clients: the same verbs for asyncio and for synchronous code."""

from __future__ import annotations

from asyncio import _get_running_loop
from collections.abc import Iterable
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict
from uuid import uuid4

from . import _transport
from ._duration import seconds
from ._encode import (
    Body,
    HeaderPairs,
    QueryPairs,
    authorization,
    encode_body,
    header_pairs,
    with_query,
)
from ._errors import InvalidArgument
from ._form import Files, encode_form
from ._native import core
from ._page import current_page
from ._response import Exchange, Response
from ._retry import RetryPolicy, checked_statuses
from ._settings import Config
from ._stream import AsyncStreamedResponse, AsyncStreaming, StreamedResponse, Streaming
from ._upload import Streamed, feed_beside, feed_here, is_streamed, new_body, whole

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from ._transport import Transport


_Times = tuple[float | None, float | None, float | None, float | None, float | None]
_NO_TIMES: _Times = (None, None, None, None, None)


class RequestOptions(TypedDict, total=False):
    """What a request may have otherwise than its client; see ``AsyncClient.request()``."""

    params: QueryPairs | None
    headers: HeaderPairs | None
    json: Any
    data: QueryPairs | Body | str | None
    content: Body | Streamed | None
    files: Files | None
    timeout: float | str | None
    pool_timeout: float | str | None
    connect_timeout: float | str | None
    attempt_timeout: float | str | None
    read_timeout: float | str | None
    max_body: int | None
    idempotent: bool | None
    idempotency_key: str | None
    attempts: int | None
    max_redirects: int | None
    decode: bool | None
    basic_user: str | None
    basic_password: str | None
    bearer_token: str | None
    proxy: str | None
    label: str


class ProxyStats(NamedTuple):
    """What the proxies of one client did in this process.

    Attributes:
        request_count: Attempts that took one.
        session_rotations: Sessions that followed another one.
        current_proxy: Its host and port; ``""`` where the client has none.
        available_proxies: Those that are not set aside.
    """

    request_count: int
    session_rotations: int
    current_proxy: str
    available_proxies: int


class ClientStats(NamedTuple):
    """What a client counts in this process; clients of one name count together.

    Attributes:
        requests: Started.
        responses: Ended with a response, of whatever status.
        failures: Ended without one.
        opened: Connections opened for them.
        reused: Responses over a kept connection.
        resent: Requests that were sent again over a new connection.
        in_flight: Under way now.
        waiting: For their turn, now.
        retries: Further attempts.
        out_of_budget: Requests that had no further one for want of budget.
        proxies: What its proxies did; of this very client.
    """

    requests: int
    responses: int
    failures: int
    opened: int
    reused: int
    resent: int
    in_flight: int
    waiting: int
    retries: int
    out_of_budget: int
    proxies: ProxyStats


class _Client:
    """What both have: settings, and the request on its way in."""

    __slots__ = (
        "__weakref__",
        "_config",
        "_native",
        "_service",
        "_statuses",
        "_timeout",
        "_transport",
    )

    def __init__(
        self,
        config: Config | None = None,
        *,
        name: str = "",
        service: str = "",
        max_connections: int | None = None,
        max_connections_per_origin: int | None = None,
        max_idle_connections: int | None = None,
        connects_per_second: int | None = None,
        overflow: Literal["wait", "open", "fail"] | None = None,
        queue: int | None = None,
        pool_timeout: float | str | None = None,
        connect_timeout: float | str | None = None,
        attempt_timeout: float | str | None = None,
        read_timeout: float | str | None = None,
        timeout: float | str | None = None,
        max_body: int | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        key_password: str | None = None,
        min_tls: Literal["1.2", "1.3"] | None = None,
        proxy: str | Iterable[str] | None = None,
        proxy_session: int | None = None,
        unix_socket: str | None = None,
        trust_env: bool | None = None,
        user_agent: str | None = None,
        max_redirects: int | None = None,
        ssrf: Literal["off", "redirects", "all"] | None = None,
        decode: bool | None = None,
        basic_user: str | None = None,
        basic_password: str | None = None,
        bearer_token: str | None = None,
        deadline_header: str | None = None,
        deadline_hosts: str | Iterable[str] | None = None,
        dns_threads: int | None = None,
        dns_ttl: float | str | None = None,
        dns_stale_for: float | str | None = None,
        cookies: bool | None = None,
        retry: RetryPolicy | None = None,
        transport: Transport | None = None,
    ) -> None:
        if _auth(basic_user, basic_password, bearer_token) and bearer_token is None:
            bearer_token = ""  # the configuration's would count before
        merged = (Config() if config is None else config).with_settings(
            "http",
            {
                "max_connections": max_connections,
                "max_connections_per_origin": max_connections_per_origin,
                "max_idle_connections": max_idle_connections,
                "connects_per_second": connects_per_second,
                "overflow": overflow,
                "queue": queue,
                "pool_timeout": pool_timeout,
                "connect_timeout": connect_timeout,
                "attempt_timeout": attempt_timeout,
                "read_timeout": read_timeout,
                "timeout": timeout,
                "max_body": max_body,
                "ca_file": ca_file,
                "cert_file": cert_file,
                "key_file": key_file,
                "key_password": key_password,
                "min_tls": min_tls,
                "proxy": _joined("proxy", proxy),
                "proxy_session": proxy_session,
                "unix_socket": unix_socket,
                "trust_env": trust_env,
                "user_agent": user_agent,
                "max_redirects": max_redirects,
                "ssrf": ssrf,
                "decode": decode,
                "basic_user": basic_user,
                "basic_password": basic_password,
                "bearer_token": bearer_token,
                "deadline_header": deadline_header,
                "deadline_hosts": _joined("deadline_hosts", deadline_hosts),
                "dns_threads": dns_threads,
                "dns_ttl": dns_ttl,
                "dns_stale_for": dns_stale_for,
                "cookies": cookies,
            },
            service,
        )
        if retry is not None:
            if not isinstance(retry, RetryPolicy):
                raise InvalidArgument(f"retry must be a RetryPolicy, not {retry!r}")
            merged = merged.with_settings("retry", retry.settings(), service)
        self._timeout = float(merged.get("http.timeout", service=service))
        self._statuses = checked_statuses(retry)
        self._config = merged
        self._service = service
        if transport is not None and not callable(getattr(transport, "start", None)):
            raise InvalidArgument(f"transport must be one of tidegate.testing, not {transport!r}")
        self._transport = transport
        self._native = core.open_client(merged._native, service, name, self._statuses)

    def stats(self) -> ClientStats:
        """What it counts here; the same and more is in ``tidegate.stats()["http"]``."""
        counts = self._native.counts()
        return ClientStats(*counts[:-1], ProxyStats(*counts[-1]))

    def cookies_for(self, url: str) -> str:
        """The cookies that a request to this URL would send: ``"a=1; b=2"``. Not for a log."""
        return self._native.cookies_for(url)

    def clear_cookies(self) -> None:
        """Forgets all cookies."""
        self._native.clear_cookies()

    def _begin(
        self,
        method: str,
        url: str,
        *,
        params: QueryPairs | None = None,
        headers: HeaderPairs | None = None,
        json: Any = None,
        data: QueryPairs | Body | str | None = None,
        content: Body | Streamed | None = None,
        files: Files | None = None,
        timeout: float | str | None = None,
        pool_timeout: float | str | None = None,
        connect_timeout: float | str | None = None,
        attempt_timeout: float | str | None = None,
        read_timeout: float | str | None = None,
        max_body: int | None = None,
        idempotent: bool | None = None,
        idempotency_key: str | None = None,
        attempts: int | None = None,
        max_redirects: int | None = None,
        decode: bool | None = None,
        basic_user: str | None = None,
        basic_password: str | None = None,
        bearer_token: str | None = None,
        proxy: str | None = None,
        label: str = "",
        streamed: type[StreamedResponse | AsyncStreamedResponse] | None = None,
    ) -> Exchange:
        # Most requests give little: what is not given costs no call below.
        fields = [] if headers is None else header_pairs(headers)
        body: Body | core.Upload | None = None
        if is_streamed(content):
            if not (json is data is None and files is None):
                raise InvalidArgument("a request has one body: json, data, content or files")
            body = new_body(content, self._has_loop())
        elif files is not None or not (json is data is content is None):
            if files is None:
                kind, body = encode_body(json, data, content)
            else:
                kind, body = encode_form(json, data, content, files)
            if kind and all(name.lower() != "content-type" for name, _ in fields):
                fields.append(("Content-Type", kind))
        if params is not None:
            url = with_query(url, params)
        page = current_page()
        times = _NO_TIMES
        if not (
            timeout is pool_timeout is connect_timeout is attempt_timeout is read_timeout is None
        ):
            times = (
                _seconds("timeout", timeout),
                _seconds("pool_timeout", pool_timeout),
                _seconds("connect_timeout", connect_timeout),
                _seconds("attempt_timeout", attempt_timeout),
                _seconds("read_timeout", read_timeout),
            )
        if not (max_body is attempts is max_redirects is idempotent is decode is None):
            _check_number("max_body", max_body, 0, (1 << 63) - 1)
            _check_number("attempts", attempts, 1, 100)
            _check_number("max_redirects", max_redirects, 0, 100)
            _check_choice("idempotent", idempotent)
            _check_choice("decode", decode)
        auth = None
        if not (basic_user is basic_password is bearer_token is None):
            auth = _auth(basic_user, basic_password, bearer_token)
        choices = (
            max_body,
            idempotent,
            idempotency_key,
            attempts,
            max_redirects,
            decode,
            auth,
            proxy,
        )
        transport = self._transport or (_transport.installed[-1] if _transport.installed else None)
        if transport is not None:
            if idempotency_key is not None:
                fields.append(("Idempotency-Key", idempotency_key or uuid4().hex))
            if auth is not None:
                fields.append(("Authorization", authorization(auth)))
            outgoing = _transport.Outgoing(
                client=self,
                method=method,
                url=url,
                headers=fields,
                content=whole(content) if isinstance(body, core.Upload) else bytes(body or b""),
                timeout=times[0],
                attempt_timeout=times[3],
                idempotent=idempotent,
                attempts=attempts,
                deadline=None if page is None else page.deadline,
                label=label,
            )
            return transport.start(outgoing)
        begun = monotonic()
        deadline = None if page is None else page.deadline
        streams = streamed is not None
        exchange = self._native.start(
            method, url, fields, body, times, choices, deadline, label, streams
        )
        exchange._begun = begun
        exchange._method = method
        if streamed is not None:
            exchange._streamed = streamed
        if isinstance(body, core.Upload):
            self._feed(exchange, body, content)
        return exchange

    def _has_loop(self) -> bool:
        """An asynchronous body can be read."""
        return False

    _feed = staticmethod(feed_here)


class AsyncClient(_Client):
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
                read again. What it raises is the ``__cause__`` of the ``CallableFailed`` that the
                request ends with; from a ``Client`` it comes as it is.
                ``files``: a mapping, or pairs, made into a form with files, in which ``data`` is
                the fields. A file is bytes, text, or an object with ``read()``, by itself or in a
                tuple of its name, itself, and, if you like, its type. It is read whole, at once.
                ``timeout``, ``pool_timeout``, ``connect_timeout``, ``attempt_timeout``,
                ``read_timeout`` and ``max_body``: in place of the client's. Inside a page its
                deadline counts too.
                ``idempotent``: whether the server may see it twice, because its connection was lost
                or another attempt is made. If it is not given: GET, HEAD, OPTIONS, PUT, DELETE, and
                what has an ``Idempotency-Key``.
                ``idempotency_key``: sends such a header, the same with every attempt; ``""`` makes
                a random one.
                ``attempts``: how often it is tried at most, the first time included.
                ``max_redirects``: that are followed; 0 makes a redirect the response.
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
        return self._begin(method, url, **options)

    def get(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A GET; see ``request()``."""
        return self._begin("GET", url, **options)

    def head(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A HEAD; see ``request()``."""
        return self._begin("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """An OPTIONS; see ``request()``."""
        return self._begin("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A POST; see ``request()``."""
        return self._begin("POST", url, **options)

    def put(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A PUT; see ``request()``."""
        return self._begin("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A PATCH; see ``request()``."""
        return self._begin("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Exchange:
        """A DELETE; see ``request()``."""
        return self._begin("DELETE", url, **options)

    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> AsyncStreaming:
        """A request whose body is read while it comes, for ``async with``; it starts there.

        The options are those of ``request()``. ``timeout`` bounds all of it, to the last byte;
        ``max_body`` counts where it is given here, and the client's does not.

        Example:
            >>> async with http.stream("GET", url, timeout=600) as response:
            ...     async for chunk in response.aiter_bytes():
            ...         file.write(chunk)
        """
        return AsyncStreaming(lambda kind: self._begin(method, url, streamed=kind, **options))

    async def close(self) -> None:
        """Ends all its requests with ``Closed`` and refuses later ones."""
        self._native.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Client(_Client):
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
        exchange = self._begin(method, url, **options)
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
        return Streaming(lambda kind: self._begin(method, url, streamed=kind, **options))

    def close(self) -> None:
        """Ends all its requests with ``Closed`` and refuses later ones. Does not wait."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds(name: str, value: float | str | None) -> float | None:
    return None if value is None else seconds(name, value)


def _check_number(name: str, value: int | None, least: int, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgument(f"{name} must be an integer from {least} to {most}, not {value!r}")


def _check_choice(name: str, value: bool | None) -> None:
    if value is not None and not isinstance(value, bool):
        raise InvalidArgument(f"{name} must be a bool, not {value!r}")


def _joined(name: str, several: str | Iterable[str] | None) -> str | None:
    if several is None or isinstance(several, str):
        return several
    try:
        return ",".join(several)
    except TypeError:
        raise InvalidArgument(f"{name} must be a str or several") from None


def _auth(
    user: str | None, password: str | None, token: str | None
) -> tuple[str, str] | str | None:
    """Who asks. No message has what was given: it may be a secret at the wrong place."""
    if not all(given is None or isinstance(given, str) for given in (user, password, token)):
        raise InvalidArgument("basic_user, basic_password and bearer_token must be str")
    if user is None:
        if password is not None:
            raise InvalidArgument("there is a basic_password, and no basic_user")
        return token
    if token is not None:
        raise InvalidArgument("there is a basic_user, and a bearer_token")
    return user, password or ""
