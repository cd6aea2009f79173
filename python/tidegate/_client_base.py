"""What clients for asyncio and for synchronous code have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from . import _transport
from ._client_stats import ClientStats, ProxyStats
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
from ._gate import gate_of
from ._native import core
from ._page import current_page
from ._request_options import (
    NO_CHOICES,
    NO_TIMES,
    RequestOptions,
    auth_of,
    check_choices,
    hedge_of,
    joined,
    times_of,
)
from ._response import Exchange
from ._retry import RetryPolicy, checked_statuses
from ._settings import Config
from ._stream import AsyncStreamedResponse, StreamedResponse
from ._upload import Streamed, feed_here, is_streamed, new_body, take_length, whole

if TYPE_CHECKING:
    from ._gate import Gate
    from ._transport import Transport


class BaseClient:
    """Settings, and the request on its way in."""

    __slots__ = (
        "__weakref__",
        "_budget",
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
        hedge: bool | float | str | None = None,
        gate: Gate | str | None = None,
        transport: Transport | None = None,
    ) -> None:
        if auth_of(basic_user, basic_password, bearer_token) and bearer_token is None:
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
                "proxy": joined("proxy", proxy),
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
                "deadline_hosts": joined("deadline_hosts", deadline_hosts),
                "dns_threads": dns_threads,
                "dns_ttl": dns_ttl,
                "dns_stale_for": dns_stale_for,
                "cookies": cookies,
                "hedge": None if hedge is None else hedge is not False,
                "hedge_delay": None if isinstance(hedge, bool) else hedge,
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
        self._budget = None if retry is None else retry.shared_budget()
        self._native = core.open_client(
            merged._native, service, name, self._statuses, self._budget, gate_of(gate, merged)
        )

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

    def _begin(self, method: str, url: str, options: RequestOptions) -> Exchange:
        if options or self._transport is not None or _transport.installed:
            return self._begin_with(method, url, **options)
        page = current_page()
        deadline = None if page is None else page.deadline
        exchange = self._native.start(
            method, url, [], None, NO_TIMES, NO_CHOICES, deadline, "", False
        )
        exchange._method = method
        return exchange

    def _begin_with(
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
        hedge: bool | float | str | None = None,
        decode: bool | None = None,
        basic_user: str | None = None,
        basic_password: str | None = None,
        bearer_token: str | None = None,
        proxy: str | None = None,
        gate: Gate | str | None = None,
        label: str = "",
        streamed: type[StreamedResponse | AsyncStreamedResponse] | None = None,
    ) -> Exchange:
        # What is not given costs no call below.
        fields = [] if headers is None else header_pairs(headers)
        body: Body | core.Upload | None = None
        if is_streamed(content):
            if not (json is data is None and files is None):
                raise InvalidArgument("a request has one body: json, data, content or files")
            body = new_body(content, self._has_loop(), take_length(fields))
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
        times = NO_TIMES
        if not (
            timeout is pool_timeout is connect_timeout is attempt_timeout is read_timeout is None
        ):
            times = times_of(timeout, pool_timeout, connect_timeout, attempt_timeout, read_timeout)
        if not (max_body is attempts is max_redirects is idempotent is decode is None):
            check_choices(max_body, attempts, max_redirects, idempotent, decode)
        auth = None
        if not (basic_user is basic_password is bearer_token is None):
            auth = auth_of(basic_user, basic_password, bearer_token)
        choices = (
            max_body,
            idempotent,
            idempotency_key,
            attempts,
            max_redirects,
            decode,
            auth,
            proxy,
            hedge_of(hedge),
            None if gate is None else gate_of(gate, self._config),
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
        deadline = None if page is None else page.deadline
        streams = streamed is not None
        exchange = self._native.start(
            method, url, fields, body, times, choices, deadline, label, streams
        )
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
