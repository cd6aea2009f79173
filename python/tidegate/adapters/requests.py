"""tidegate under requests.

What it replaces: ``requests.adapters.HTTPAdapter``, and with it urllib3. The change is one line::

    from tidegate.adapters.requests import Adapter
    from tidegate.adapters.urllib3 import Retry

    session.mount("https://", Adapter(max_retries=Retry(total=3)))
    session.mount("http://", Adapter())

Connections, places, attempts, deadlines and figures are tidegate's; a page around a call bounds it.
Redirects, cookies, authentication and decoding stay the session's. Errors are those of
``requests.exceptions``, or an ``InvalidRequest``, which is one too; tidegate's is their
``__cause__``.

Known differences:

- Without ``stream=True`` an answer is at most the client's ``max_body``, 32 MiB.
- An iterable is sent while it is read, and once; so is a file, and as often as it is wanted.
- What fails is tried again, as the client's ``RetryPolicy`` says: 4 attempts where ``max_retries``
  is not given.
- A request has an end: the client's ``timeout``, 15 s, or what its own timeouts add up to where
  that is more; ``timeout=None`` is tidegate's times. The read timeout also counts until the head
  of the answer.
- ``verify=False`` is refused. ``verify`` may be the path of a file in PEM; without one the system's
  certificates are trusted, and not certifi's.
- Proxies count, those of the environment too (see ``Session.trust_env``). With ``socks5://`` it is
  the proxy that looks up names, and ``socks4://`` is refused.
- What belongs to the connection is refused as a header: a ``Host`` that is not the URL's, a
  ``Connection`` but ``keep-alive``, a ``Transfer-Encoding`` but ``chunked``, and ``Expect``,
  ``Keep-Alive``, ``Proxy-Connection``, ``TE``, ``Trailer`` and ``Upgrade``.
- The reason phrase is the usual one for the status.
- On the thread of a running event loop a request raises ``RuntimeError``.

Importing tidegate does not import this module, which needs requests.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterable
from http.client import HTTPMessage
from typing import Any, NamedTuple, cast

import requests
from requests.adapters import BaseAdapter
from requests.cookies import extract_cookies_to_jar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers, select_proxy
from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from urllib3.util import Timeout as Times

from .._client import Client
from .._errors import Error, InvalidArgument, Timeout
from .._request_options import RequestOptions
from .._response import Response
from .._retry import RetryPolicy
from .._stream import StreamedResponse
from .._upload import ReadablePieces, Streamed, can_be_read_again
from ._outbound import (
    attempt_time,
    checked_time,
    own_fields_dropped,
    reason_of,
    whole_time,
    without_user,
)
from .urllib3 import Retry

__all__ = ["Adapter", "InvalidRequest"]


class InvalidRequest(requests.exceptions.RequestException, ValueError):  # noqa: N818
    """A request, or an option of it, is wrong, or asks for what tidegate does not do."""


_BY_CAUSE: dict[str, type[requests.RequestException]] = {
    "connect_timeout": requests.exceptions.ConnectTimeout,
    "attempt_timeout": requests.exceptions.ReadTimeout,
    "read_timeout": requests.exceptions.ReadTimeout,
    "pool_timeout": requests.exceptions.ConnectTimeout,
    "deadline": requests.exceptions.Timeout,
    "queue_full": requests.exceptions.ConnectionError,
    "dns": requests.exceptions.ConnectionError,
    "connect": requests.exceptions.ConnectionError,
    "connection_lost": requests.exceptions.ConnectionError,
    "protocol": requests.exceptions.ConnectionError,
    "blocked_address": requests.exceptions.ConnectionError,
    "tls": requests.exceptions.SSLError,
    "proxy": requests.exceptions.ProxyError,
    "proxy_auth": requests.exceptions.ProxyError,
    "bad_argument": InvalidRequest,
}


class _Files(NamedTuple):
    """Of a client: whom it trusts, and its own certificate."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None


class Adapter(BaseAdapter):
    """For ``session.mount("https://", Adapter())``.

    Args:
        pool_connections: Not looked at: connections are kept for all origins.
        pool_maxsize: Not looked at, unless ``pool_block``: as many are kept as were used at once.
        max_retries: A number, a ``Retry`` of urllib3 or of ``tidegate.adapters.urllib3``, or a
            ``RetryPolicy``. The default policy if it is not given.
        pool_block: At most ``pool_maxsize`` requests to one origin are under way at once, 10 if it
            is not given; the others wait.
        client: Whose connections, bounds and attempts count, instead of the arguments above; one of
            its own if it is not given. What is given is not closed with the adapter.

    Raises:
        InvalidArgument: An argument is wrong, or says what tidegate does not do.
    """

    def __init__(
        self,
        pool_connections: int | None = None,
        pool_maxsize: int | None = None,
        max_retries: int | Retry | RetryPolicy | Any | None = None,
        pool_block: bool = False,
        *,
        client: Client | None = None,
    ) -> None:
        super().__init__()
        if client is not None and not isinstance(client, Client):
            raise InvalidArgument(f"client must be a tidegate.Client, not {client!r}")
        if client is not None and (pool_block or max_retries is not None):
            raise InvalidArgument("pool_block and max_retries are the client's where it is given")
        self._retry: Retry | None = None
        self._policy: RetryPolicy | None = None
        if isinstance(max_retries, RetryPolicy):
            self._policy = max_retries
        elif max_retries is not None:
            self._retry = Retry.of(max_retries)
            self._policy = self._retry.policy
        self._most = (pool_maxsize or 10) if pool_block else None
        self._given = client
        self._start()
        if client is None:
            self._client_for(_Files())  # what is wrong is told here

    def _start(self) -> None:
        self._clients: dict[_Files, Client] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        if self._given is not None:
            raise TypeError("an Adapter with a client of its own cannot be pickled")
        return {"_retry": self._retry, "_policy": self._policy, "_most": self._most}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._given = None
        self._start()

    def _client_for(self, files: _Files) -> Client:
        """One for each set of files: they belong to a client."""
        if self._given is not None:
            if files.ca_file is not None:
                raise InvalidArgument("verify is the client's ca_file where a client is given")
            if files.cert_file is not None:
                raise InvalidArgument("cert is the client's cert_file where a client is given")
            return self._given
        with self._lock:
            found = self._clients.get(files)
            if found is None:
                found = Client(
                    retry=self._policy,
                    max_connections_per_origin=self._most,
                    **files._asdict(),
                    name="requests",
                )
                self._clients[files] = found
            return found

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str | None = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        """Sends a request; called by the session."""
        try:
            url = without_user(str(request.url))
            method = str(request.method)
            client = self._client_for(_files(url, verify, cert))
            options = self._options(client, request, url, timeout)
            if proxy := select_proxy(url, proxies):
                options["proxy"] = proxy if "://" in proxy else "http://" + proxy
            response = (
                client.stream(method, url, **options).__enter__()
                if stream
                else client.request(method, url, **options)
            )
        except Error as error:
            raise _translated(error, request) from error
        self._check_status(request, response)
        return self.build_response(request, _raw(response))

    def _options(
        self, client: Client, request: requests.PreparedRequest, url: str, timeout: Any
    ) -> RequestOptions:
        connect, read = _times(timeout)
        fields = [
            (_text(name), _text(value))
            for name, value in request.headers.items()
            if name.lower() != "proxy-authorization"  # the session's, of the proxy's URL
        ]
        return {
            "headers": own_fields_dropped(url, fields),
            "content": _body(request.body),
            "timeout": whole_time(client._timeout, connect, read),
            "connect_timeout": connect,
            "attempt_timeout": attempt_time(connect, read),
            "read_timeout": read,
            "idempotent": None
            if self._retry is None
            else self._retry.idempotent(str(request.method)),
            "max_redirects": 0,
            "decode": False,
        }

    def _check_status(self, request: requests.PreparedRequest, response: Response) -> None:
        """As urllib3: what was to be tried again and is not any more is an error."""
        retry = self._retry
        if retry is None or retry.total is False or not retry.raise_on_status:
            return
        if response.status in (retry.policy.statuses or ()) and retry.tries(response.method):
            if isinstance(response, StreamedResponse):
                response.close()
            raise requests.exceptions.RetryError(
                f"{response._what()}: the status is still {response.status} "
                f"after {response.attempts} attempts",
                request=request,
            )

    def build_response(
        self, request: requests.PreparedRequest, raw: HTTPResponse
    ) -> requests.Response:
        """What the session is given; as in requests' own adapter, it may be overridden."""
        made = requests.Response()
        made.status_code = raw.status
        made.headers = CaseInsensitiveDict(raw.headers)
        made.encoding = get_encoding_from_headers(made.headers)
        made.raw = raw
        made.reason = raw.reason or ""
        made.url = str(request.url)
        extract_cookies_to_jar(made.cookies, request, raw)
        made.request = request
        made.connection = self  # type: ignore[assignment]  # digest authentication sends by it
        return made

    def close(self) -> None:
        """Lets go of the clients that are the adapter's own; a later request makes another.

        Requests under way go on, as with urllib3: ``requests.get(url, stream=True)`` closes its
        session before the body is read.
        """
        with self._lock:
            self._clients = {}


class _Original:
    """What cookies are read from: the message of ``http.client``."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self.msg = HTTPMessage()
        for name, value in fields:
            self.msg[name] = value

    def close(self) -> None: ...

    def isclosed(self) -> bool:
        return True


class _Body(io.RawIOBase):
    """A body that is read while it comes, as a file. Its errors are those of urllib3."""

    def __init__(self, response: StreamedResponse) -> None:
        self._response = response

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        try:
            chunk: bytes = self._response._source.read(len(room)).result() if len(room) else b""
        except Timeout as error:
            raise ReadTimeoutError(None, None, str(error)) from error  # type: ignore[arg-type]
        except Error as error:
            raise ProtocolError(str(error), error) from error
        room[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._response.close()
        super().close()


def _raw(response: Response) -> HTTPResponse:
    headers = HTTPHeaderDict()
    for name, value in response.headers.fields:
        headers.add(name, value)
    raw = HTTPResponse(
        body=_Body(response)
        if isinstance(response, StreamedResponse)
        else io.BytesIO(response.content),
        headers=headers,
        status=response.status,
        version=11,
        reason=reason_of(response),
        preload_content=False,
        decode_content=False,
        request_method=response.method,
    )
    raw._original_response = _Original(response.headers.fields)  # type: ignore[assignment]
    return raw


def _files(url: str, verify: Any, cert: Any) -> _Files:
    """What is said of TLS, where it is spoken.

    Raises:
        InvalidArgument: It is asked for what tidegate does not do.
    """
    if not url.lower().startswith("https"):
        return _Files()
    if verify is not None and not verify:
        raise InvalidArgument("verify=False is not supported: give the file to trust")
    ca_file = None if verify is True or verify is None else _file("verify", verify)
    own = (cert, None) if isinstance(cert, (str, os.PathLike)) else tuple(cert or (None, None))
    if len(own) != 2:
        raise InvalidArgument("cert must be the path of a file in PEM, or two of them")
    return _Files(ca_file, *(path if path is None else _file("cert", path) for path in own))


def _file(name: str, path: Any) -> str:
    text = os.fspath(path)
    if not os.path.isfile(text):
        raise InvalidArgument(f"{name} must be the path of a file in PEM")
    return str(text)


def _times(timeout: Any) -> tuple[float | None, float | None]:
    if isinstance(timeout, Times):
        begun = timeout.clone()
        begun.start_connect()
        timeout = (begun.connect_timeout, begun.read_timeout)
        timeout = tuple(t if isinstance(t, (int, float)) else None for t in timeout)
    if isinstance(timeout, tuple) and len(timeout) != 2:
        raise InvalidArgument(f"a timeout must be a number or (connect, read), not {timeout!r}")
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    return checked_time("connect", connect), checked_time("read", read)


def _body(body: Any) -> bytes | Streamed | None:
    """A file from where it stands, an iterable as it comes."""
    if body is None:
        return None
    if hasattr(body, "read"):
        if can_be_read_again(body):
            return cast("ReadablePieces", body)
        body = body.read()
    if isinstance(body, (bytes, bytearray, str)):
        return _bytes(body) or None
    if not isinstance(body, Iterable):
        raise InvalidArgument(f"a body must be bytes, a file or an iterable, not {body!r}")
    return (_bytes(part) for part in body)


def _bytes(part: Any) -> bytes:
    return part.encode() if isinstance(part, str) else bytes(part)


def _text(given: str | bytes) -> str:
    return given.decode("latin-1") if isinstance(given, bytes) else given


def _translated(
    error: Error, request: requests.PreparedRequest
) -> requests.exceptions.RequestException:
    kind = _BY_CAUSE.get(error.cause, requests.exceptions.RequestException)
    if error.cause == "bad_argument" and str(error).startswith("the URL of the proxy"):
        kind = requests.exceptions.InvalidProxyURL
    elif error.cause == "bad_argument" and str(error).startswith("the URL"):
        kind = requests.exceptions.InvalidURL
    elif error.cause == "bad_argument" and str(error).startswith("the field"):
        kind = requests.exceptions.InvalidHeader
    return kind(str(error), request=request)
