"""HTTP clients: the same verbs for asyncio and for synchronous code."""

from __future__ import annotations

import json as json_module
from asyncio import _get_running_loop
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict
from urllib.parse import quote, quote_plus, urlencode

from ._duration import seconds
from ._errors import InvalidArgument
from ._headers import Headers
from ._native import core
from ._page import current_page
from ._response import Exchange, Response
from ._settings import Config

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

QueryPairs = Mapping[str, object] | Iterable[tuple[str, object]]
HeaderPairs = Mapping[str, str] | Iterable[tuple[str, str]]
Body = bytes | bytearray | memoryview


class RequestOptions(TypedDict, total=False):
    """What a request may have otherwise than its client; see ``AsyncClient.request()``."""

    params: QueryPairs | None
    headers: HeaderPairs | None
    json: Any
    data: QueryPairs | Body | str | None
    content: Body | None
    timeout: float | str | None
    pool_timeout: float | str | None
    connect_timeout: float | str | None
    attempt_timeout: float | str | None
    read_timeout: float | str | None
    max_body: int | None
    idempotent: bool | None
    label: str


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
    """

    requests: int
    responses: int
    failures: int
    opened: int
    reused: int
    resent: int
    in_flight: int
    waiting: int


class _Client:
    """What both have: settings, and the request on its way in."""

    __slots__ = ("__weakref__", "_native")

    def __init__(
        self,
        config: Config | None = None,
        *,
        name: str = "",
        service: str = "",
        max_connections: int | None = None,
        max_connections_per_origin: int | None = None,
        queue: int | None = None,
        pool_timeout: float | str | None = None,
        connect_timeout: float | str | None = None,
        attempt_timeout: float | str | None = None,
        read_timeout: float | str | None = None,
        timeout: float | str | None = None,
        max_body: int | None = None,
        ca_file: str | None = None,
        user_agent: str | None = None,
    ) -> None:
        merged = (Config() if config is None else config).with_settings(
            "http",
            {
                "max_connections": max_connections,
                "max_connections_per_origin": max_connections_per_origin,
                "queue": queue,
                "pool_timeout": pool_timeout,
                "connect_timeout": connect_timeout,
                "attempt_timeout": attempt_timeout,
                "read_timeout": read_timeout,
                "timeout": timeout,
                "max_body": max_body,
                "ca_file": ca_file,
                "user_agent": user_agent,
            },
            service,
        )
        self._native = core.open_client(merged._native, service, name)

    def stats(self) -> ClientStats:
        """What it counts here; the same and more is in ``tidegate.stats()["http"]``."""
        return ClientStats(*self._native.counts())

    def _begin(
        self,
        method: str,
        url: str,
        *,
        params: QueryPairs | None = None,
        headers: HeaderPairs | None = None,
        json: Any = None,
        data: QueryPairs | Body | str | None = None,
        content: Body | None = None,
        timeout: float | str | None = None,
        pool_timeout: float | str | None = None,
        connect_timeout: float | str | None = None,
        attempt_timeout: float | str | None = None,
        read_timeout: float | str | None = None,
        max_body: int | None = None,
        idempotent: bool | None = None,
        label: str = "",
    ) -> Exchange:
        fields = _pairs_of_text("headers", headers)
        kind, body = _body(json, data, content)
        if kind and all(name.lower() != "content-type" for name, _ in fields):
            fields.append(("Content-Type", kind))
        if params is not None:
            url = _with_query(url, params)
        page = current_page()
        times = (
            _seconds("timeout", timeout),
            _seconds("pool_timeout", pool_timeout),
            _seconds("connect_timeout", connect_timeout),
            _seconds("attempt_timeout", attempt_timeout),
            _seconds("read_timeout", read_timeout),
        )
        if max_body is not None:
            _check_size("max_body", max_body)
        if idempotent is not None and not isinstance(idempotent, bool):
            raise InvalidArgument(f"idempotent must be a bool, not {idempotent!r}")
        begun = monotonic()
        deadline = None if page is None else page.deadline
        exchange = self._native.start(
            method, url, fields, body, times, max_body, idempotent, deadline, label
        )
        exchange._begun = begun
        exchange._method = method
        exchange._url = url
        return exchange


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
        queue: Requests that wait for their turn; the next is refused with ``Overloaded``. 1,000.
        pool_timeout: How long one waits for its turn; then ``PoolTimeout``. 5 s.
        connect_timeout: For lookup, TCP and TLS together. 3 s.
        attempt_timeout: From its turn until the head of the answer is there. 5 s.
        read_timeout: Of silence inside a body. 5 s.
        timeout: From the call to the end, all in all. 15 s.
        max_body: Bytes of the body of one answer; a longer one is ``TooLarge``. 32 MiB.
        ca_file: The certificates to trust, a file in PEM; the system's if it is not given.
        user_agent: What it calls itself; ``tidegate`` and its version if it is not given.

    Raises:
        ConfigError: A setting is of the wrong type or out of range.

    Example:
        >>> http = tidegate.AsyncClient(timeout=5)
        >>> response = await http.get("https://api.example.com/cars", params={"make": "Audi"})
        >>> response.status, response.json(), response.reused, response.timings.first_byte
    """

    __slots__ = ()

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
                ``content``: a body of bytes.
                ``timeout``, ``pool_timeout``, ``connect_timeout``, ``attempt_timeout``,
                ``read_timeout`` and ``max_body``: in place of the client's. Inside a page its
                deadline counts too.
                ``idempotent``: whether the server may see it twice, where a kept connection dies
                under it. If it is not given: GET, HEAD, OPTIONS, PUT, DELETE, and what has a header
                ``Idempotency-Key``.
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

    def close(self) -> None:
        """Ends all its requests with ``Closed`` and refuses later ones. Does not wait."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _seconds(name: str, value: float | str | None) -> float | None:
    return None if value is None else seconds(name, value)


def _check_size(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise InvalidArgument(f"{name} must be a number of bytes, not {value!r}")


def _pairs(name: str, given: Any) -> list[tuple[Any, Any]]:
    """The pairs of a mapping or of an iterable of them."""
    if isinstance(given, Headers):
        return list(given.fields)
    items = given.items() if isinstance(given, Mapping) else given
    try:
        return [(key, value) for key, value in items]
    except (TypeError, ValueError):
        kind = type(given).__name__
        raise InvalidArgument(f"{name} must be a mapping or pairs, not a {kind}") from None


def _pairs_of_text(name: str, given: HeaderPairs | None) -> list[tuple[str, str]]:
    return [] if given is None else _pairs(name, given)


def _query(name: str, given: QueryPairs) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for key, value in _pairs(name, given):
        for one in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(one, (bytes, bytearray, memoryview, Mapping, list, tuple, set)):
                kind = type(one).__name__
                raise InvalidArgument(f"{name}: the value of {key!r} is a {kind}, which is no text")
            if one is True or one is False:
                one = "true" if one else "false"
            if one is not None:
                made.append((_text(name, str(key)), _text(name, str(one))))
    return made


def _text(name: str, given: str) -> str:
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidArgument(f"{name} holds a lone surrogate, which is no text") from None
    return given


def _with_query(url: str, params: QueryPairs) -> str:
    """The URL with more in its query."""
    query = urlencode(_query("params", params), quote_via=quote, safe="")
    if not query or not isinstance(url, str):
        return url
    url, mark, fragment = url.partition("#")
    joint = "" if url.endswith(("?", "&")) else "&" if "?" in url else "?"
    return f"{url}{joint}{query}{mark}{fragment}"


def _body(json: Any, data: Any, content: Any) -> tuple[str, Body | None]:
    """The type of a body, if it has one by itself, and the body."""
    if sum(given is not None for given in (json, data, content)) > 1:
        raise InvalidArgument("a request has one body: json, data or content")
    if json is not None:
        try:
            text = json_module.dumps(
                json, ensure_ascii=False, allow_nan=False, separators=(",", ":")
            )
            return "application/json", text.encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArgument(f"json: {error}") from error
    if isinstance(data, str):
        return "", _text("data", data).encode()
    if data is not None and not isinstance(data, (bytes, bytearray, memoryview)):
        form = urlencode(_query("data", data), quote_via=quote_plus)
        return "application/x-www-form-urlencoded", form.encode()
    body = content if data is None else data
    if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
        raise InvalidArgument(f"content must be bytes, not a {type(body).__name__}")
    return "", body
