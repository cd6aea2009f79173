"""tidegate.adapters.requests under requests' own sessions, and its Retry."""

import asyncio
import gc
import gzip
import io
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("requests", reason="requests is pinned for the CPython of make test alone")

import requests
import urllib3

import tidegate as tg
from tidegate.adapters.requests import Adapter
from tidegate.adapters.urllib3 import Retry

from ..support.http_server import HttpServer, refused_port

URL = "http://127.0.0.1:1/"
HTTPS = "https://127.0.0.1:1/"


def session_with(adapter: Adapter) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    return made


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with session_with(Adapter()) as made:
        yield made


def fields(response: requests.Response, name: str) -> list[str]:
    return [value for field, value in response.json()["headers"] if field.lower() == name]


def test_a_request_goes_through_tidegate(shared: HttpServer, request: Any) -> None:
    """With its method, query, fields and body, each once; a client of tidegate's counts it."""
    name = request.node.name
    session = session_with(Adapter(client=tg.Client(name=name)))
    response = session.post(
        shared.url + "/cars", params={"make": "Škoda"}, json={"a": 1}, headers={"X-A": "1"}
    )

    told = response.json()
    assert (response.status_code, response.reason, response.ok) == (200, "OK", True)
    assert (told["method"], told["body"]) == ("POST", '{"a": 1}')
    assert told["target"] == "/cars?make=%C5%A0koda"
    assert fields(response, "x-a") == ["1"]
    for once in ("host", "content-length", "content-type", "user-agent", "accept-encoding"):
        assert len(fields(response, once)) == 1
    assert response.url == shared.url + "/cars?make=%C5%A0koda"
    assert response.request.method == "POST"
    assert tg.stats()["http"][name]["responses"] == 1


@pytest.mark.parametrize(
    "data",
    [b"one two", "one two", io.BytesIO(b"one two"), iter([b"one ", b"two"])],
    ids=["bytes", "text", "file", "iterable"],
)
def test_a_body_of_any_kind_is_sent(
    session: requests.Session, shared: HttpServer, data: Any
) -> None:
    """Whole."""
    assert session.post(shared.url, data=data).json()["body"] == "one two"


def test_a_file_is_sent_as_a_form(session: requests.Session, shared: HttpServer) -> None:
    """Multipart is made by requests."""
    body = session.post(shared.url, files={"car": ("a.txt", b"wheels")}).json()["body"]
    assert "wheels" in body
    assert 'filename="a.txt"' in body


def test_the_session_follows_redirects_and_keeps_cookies(
    session: requests.Session, server: HttpServer
) -> None:
    """Or not, as it is told: the adapter does neither."""
    server.raw = (
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Length: 0\r\n\r\n"
    )

    alone = session.get(server.url + "/raw", allow_redirects=False)
    assert (alone.status_code, alone.cookies.get_dict()) == (302, {"a": "1", "b": "2"})
    session.cookies.clear()
    response = session.get(server.url + "/raw")
    assert [r.status_code for r in response.history] == [302]
    assert response.json()["target"] == "/there"
    assert sorted(fields(response, "cookie")[0].split("; ")) == ["a=1", "b=2"]


def test_a_user_in_the_url_is_a_field_and_no_part_of_it(
    session: requests.Session, shared: HttpServer
) -> None:
    """requests makes it one."""
    response = session.get(shared.url.replace("//", "//me:secret@") + "/a@b#part")
    assert len(fields(response, "authorization")) == 1
    assert response.json()["target"] == "/a@b"


def test_a_body_is_decoded_once(session: requests.Session, server: HttpServer) -> None:
    """In every way to read it; ``raw`` has it as it came."""
    packed = gzip.compress(b"plain" * 100)
    url = server.answer_with(packed, "Content-Encoding: gzip", "Content-Type: text/plain")

    assert session.get(url).content == b"plain" * 100
    assert session.get(url).text == "plain" * 100
    assert b"".join(session.get(url, stream=True).iter_content(7)) == b"plain" * 100
    assert session.get(url, stream=True).raw.read() == packed
    assert session.get(url, stream=True).raw.read(decode_content=True) == b"plain" * 100
    assert session.get(url).headers["content-encoding"] == "gzip"


def test_lines_are_iterated(session: requests.Session, server: HttpServer) -> None:
    """As of any response."""
    url = server.answer_with(b"a\nb\nc", "Content-Type: text/plain; charset=utf-8")
    assert list(session.get(url, stream=True).iter_lines()) == [b"a", b"b", b"c"]


def test_a_body_is_streamed_in_bounded_memory(server: HttpServer, request: Any) -> None:
    """The bound of the client is for what is held whole; whoever leaves gives the place back."""
    client = tg.Client(max_body=10, max_connections=1, name=request.node.name)
    session = session_with(Adapter(client=client))
    url = server.answer_with(b"x" * 1_000_000)
    with session.get(url, stream=True) as response:
        assert client.stats().in_flight == 1
        assert sum(map(len, response.iter_content(10_000))) == 1_000_000
    for _ in range(3):
        with session.get(url, stream=True) as response:
            assert next(response.iter_content(10)) == b"x" * 10
    assert session.get(server.answer_with(b"small")).content == b"small"
    with pytest.raises(requests.RequestException):
        session.get(url.replace("raw", "cars"))


def test_a_body_is_read_after_its_session_was_closed(server: HttpServer) -> None:
    """As ``requests.get(url, stream=True)`` closes its own; more of it than is taken unread."""
    url = server.answer_with(b"x" * 4_000_000)
    with session_with(Adapter()) as session:
        response = session.get(url, stream=True)
    gc.collect()
    assert sum(map(len, response.iter_content(100_000))) == 4_000_000


def test_a_streamed_body_that_breaks_off_is_an_error_of_requests(
    session: requests.Session, server: HttpServer
) -> None:
    """As it is with urllib3."""
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    response = session.get(server.url + "/raw", stream=True)
    server.hang_up()
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _ = response.content
    with pytest.raises(requests.exceptions.RequestException):
        _ = session.get(server.url + "/raw", stream=True, timeout=0.3).content


def test_an_iterable_is_sent_as_it_comes_and_once(
    session: requests.Session, server: HttpServer
) -> None:
    """As it is with urllib3."""
    assert session.put(server.url + "/status/503", data=iter([b"a"])).status_code == 503
    assert len(server.asked) == 1


def test_head_has_a_length_and_no_body(session: requests.Session, shared: HttpServer) -> None:
    """As the server said."""
    response = session.head(shared.url)
    assert (response.content, int(response.headers["content-length"]) > 0) == (b"", True)


def test_digest_authentication_works(session: requests.Session, server: HttpServer) -> None:
    """It asks twice, by the response's connection."""
    server.raw = (
        b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
        b"Content-Length: 0\r\n\r\n"
    )
    auth = requests.auth.HTTPDigestAuth("me", "secret")
    assert session.get(server.url + "/raw", auth=auth).status_code == 401
    assert len(server.asked) == 2


# What goes wrong.


def test_no_connection_is_a_connection_error() -> None:
    """With tidegate's error behind it, and the request."""
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        session_with(Adapter(max_retries=0)).get(f"http://127.0.0.1:{refused_port()}")
    assert isinstance(caught.value.__cause__, tg.ConnectionFailed)
    assert caught.value.__cause__.attempts == 1
    assert caught.value.request is not None


@pytest.mark.parametrize(
    "timeout", [1.0, (1.0, 1.0), (None, 1.0), urllib3.Timeout(1.0, 1.0)], ids=str
)
def test_silence_is_a_read_timeout(server: HttpServer, timeout: Any) -> None:
    """After the session's own time."""
    session = session_with(Adapter(max_retries=0))
    with pytest.raises(requests.exceptions.ReadTimeout) as caught:
        session.get(server.url + "/hold", timeout=timeout)
    assert isinstance(caught.value.__cause__, tg.Timeout)
    assert server.gone.acquire(timeout=20)


def test_the_end_of_a_request_is_a_timeout(server: HttpServer) -> None:
    """The client's, where the session has none."""
    session = session_with(Adapter(client=tg.Client(timeout=0.05)))
    with pytest.raises(requests.exceptions.Timeout) as caught:
        session.get(server.url + "/hold")
    assert isinstance(caught.value.__cause__, tg.Timeout)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", tg.ProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", tg.Error),
    ],
)
def test_what_is_no_http_is_a_requests_exception(
    server: HttpServer, raw: bytes, kind: type[tg.Error]
) -> None:
    """Not a response."""
    server.raw = raw
    with pytest.raises(requests.exceptions.RequestException) as caught:
        session_with(Adapter(max_retries=0)).get(server.url + "/raw")
    assert isinstance(caught.value.__cause__, kind)


@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        (HTTPS, {"verify": False}, "verify=False"),
        (HTTPS, {"verify": "/"}, "file in PEM"),
        (HTTPS, {"verify": "/none.pem"}, "file in PEM"),
        (HTTPS, {"cert": "/a.pem"}, "cert"),
        (HTTPS, {"cert": ("/a.pem", "/a.key", "")}, "cert"),
        (HTTPS, {"cert": __file__}, "cert_file"),
        (HTTPS, {"proxies": {"all": "socks4://127.0.0.1:3128"}}, "proxy"),
        (URL, {"headers": {"Host": "elsewhere"}}, "Host"),
        (URL, {"headers": {"Connection": "close"}}, "Connection"),
        (URL, {"headers": {"Transfer-Encoding": "gzip"}}, "Transfer-Encoding"),
        (URL, {"headers": {"Expect": "100-continue"}}, "Expect"),
        (URL, {"headers": {"Keep-Alive": "timeout=5"}}, "Keep-Alive"),
        (URL, {"headers": {"Proxy-Connection": "keep-alive"}}, "Proxy-Connection"),
        (URL, {"headers": {"TE": "trailers"}}, "TE"),
        (URL, {"headers": {"Trailer": "X-A"}}, "Trailer"),
        (URL, {"headers": {"Upgrade": "h2c"}}, "Upgrade"),
        (URL, {"timeout": (1, 2, 3)}, "timeout"),
        (URL, {"timeout": "soon"}, "timeout"),
        (URL, {"timeout": 0}, "read timeout|connect timeout"),
        (URL, {"timeout": float("nan")}, "timeout"),
    ],
)
def test_what_is_not_supported_is_refused(url: str, options: Any, named: str) -> None:
    """By name, before anything is opened."""
    with tg.Client(name="refused by requests' adapter") as client:
        with pytest.raises(requests.exceptions.RequestException, match=named) as caught:
            session_with(Adapter(client=client)).get(url, **options)
        assert client.stats().opened == 0
    assert isinstance(caught.value.__cause__, tg.InvalidArgument)


@pytest.mark.parametrize("timeout", [(1, 2, 3), "soon", 0], ids=str)
def test_a_wrong_timeout_is_a_value_error(session: requests.Session, timeout: Any) -> None:
    """As with requests, and one of its own errors too."""
    with pytest.raises(ValueError, match="timeout must be") as caught:
        session.get(URL, timeout=timeout)
    assert isinstance(caught.value, requests.exceptions.RequestException)


def test_an_adapter_of_ones_own_builds_its_responses(shared: HttpServer) -> None:
    """build_response() is called for each, and may be overridden."""

    class Marked(Adapter):
        def build_response(
            self, request: requests.PreparedRequest, raw: urllib3.HTTPResponse
        ) -> requests.Response:
            raw.headers["X-Seen"] = str(raw.status)
            return super().build_response(request, raw)

    assert session_with(Marked()).get(shared.url).headers["X-Seen"] == "200"


def test_verify_and_cert_say_nothing_without_tls(
    session: requests.Session, shared: HttpServer
) -> None:
    """As with requests."""
    assert session.get(shared.url, verify=False, cert="/none.pem").status_code == 200


def test_requests_go_through_the_proxies_of_the_session(
    session: requests.Session, server: HttpServer, shared: HttpServer
) -> None:
    """With their user, also behind a redirect; without a scheme one is an HTTP proxy."""
    server.raw = b"HTTP/1.1 302 So\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
    proxy = server.url.replace("//", "//me:secret@")
    response = session.get("http://no-such-host.test/raw", proxies={"http": proxy})

    assert [target for _, target in server.asked] == [
        "http://no-such-host.test/raw",
        "http://no-such-host.test/there",
    ]
    fields = {name.lower(): value for name, value in response.json()["headers"]}
    assert fields["proxy-authorization"] == "Basic bWU6c2VjcmV0"
    session.proxies = {"http": shared.url.removeprefix("http://")}
    assert session.get("http://a.test/").json()["target"] == "http://a.test/"


def test_a_proxy_that_fails_is_requests_proxy_error(session: requests.Session) -> None:
    """And one that is none an invalid URL of a proxy."""
    dead = f"http://me:hunter2@127.0.0.1:{refused_port()}"
    with pytest.raises(requests.exceptions.ProxyError) as caught:
        session.get(URL, proxies={"http": dead})
    assert "hunter" not in str(caught.value)
    with pytest.raises(requests.exceptions.InvalidProxyURL):
        session.get(URL, proxies={"http": "http://a.test:99999"})


def test_on_the_thread_of_a_loop_it_is_refused(
    session: requests.Session, server: HttpServer
) -> None:
    """It would block the loop."""

    async def main() -> None:
        with pytest.raises(RuntimeError, match="event loop"):
            session.get(server.url)

    asyncio.run(main())
    assert server.asked == []


# Attempts.

LISTED = {"status_forcelist": [503], "backoff_factor": 0}


@pytest.mark.parametrize("kind", [Retry, urllib3.Retry])
def test_a_retry_counts_further_attempts(server: HttpServer, kind: Any) -> None:
    """Of tidegate's or of urllib3's own; what is left then is an error, as with urllib3."""
    session = session_with(Adapter(max_retries=kind(total=2, **LISTED)))

    with pytest.raises(requests.exceptions.RetryError, match="503 after 3 attempts"):
        session.get(server.url + "/status/503")
    assert len(server.asked) == 3
    assert session.get(server.url + "/status/502").status_code == 502
    assert len(server.asked) == 4


def test_the_last_answer_is_given_out_where_it_is_wanted(server: HttpServer) -> None:
    """``raise_on_status=False``."""
    session = session_with(Adapter(max_retries=Retry(2, raise_on_status=False, **LISTED)))
    assert session.get(server.url + "/status/503").status_code == 503
    assert len(server.asked) == 3


def test_a_stream_that_is_an_error_gives_its_place_back(server: HttpServer) -> None:
    """Nobody is given it, so nobody else could close it; more than is taken unread."""
    adapter = Adapter(pool_maxsize=1, pool_block=True, max_retries=Retry(0, **LISTED))
    session = session_with(adapter)
    server.raw = b"HTTP/1.1 503 Busy\r\nContent-Length: 4000000\r\n\r\n" + bytes(4_000_000)

    with pytest.raises(requests.exceptions.RetryError) as held:
        session.get(server.url + "/raw", stream=True)
    assert session.get(server.url + "/cars").ok
    assert held.value.request is not None


@pytest.mark.parametrize(
    ("methods", "method", "sent"),
    [
        (..., "GET", 3),
        (..., "POST", 1),
        (None, "POST", 3),
        (["POST"], "POST", 3),
        (["post"], "GET", 1),
        ({"GET", "PATCH"}, "PATCH", 3),
    ],
)
def test_the_methods_that_are_allowed_are_tried_again(
    server: HttpServer, methods: Any, method: str, sent: int
) -> None:
    """And no others."""
    chosen = {} if methods is ... else {"allowed_methods": methods}
    retry = Retry(2, raise_on_status=False, **LISTED, **chosen)
    session_with(Adapter(max_retries=retry)).request(method, server.url + "/status/503")
    assert len(server.asked) == sent


def test_a_policy_is_taken_as_it_is(server: HttpServer) -> None:
    """tidegate's own, and its default where nothing is given."""
    policy = tg.RetryPolicy(attempts=2, backoff=0)
    assert session_with(Adapter(max_retries=policy)).get(server.url + "/status/503").ok is False
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"total": True},
        {"total": -1},
        {"total": 100},
        {"total": None},
        {"total": None, "connect": 1, "read": 2, "other": 1},
        {"total": 3, "read": 0},
        {"total": 3, "connect": False},
        {"total": 3, "status": 1},
        {"respect_retry_after_header": False},
    ],
    ids=str,
)
def test_what_a_retry_cannot_mean_here_is_refused(options: Any) -> None:
    """And not passed over, where it is given to a client."""
    for given in (Retry(**options), urllib3.Retry(**options)):
        with pytest.raises(tg.InvalidArgument):
            Adapter(max_retries=given)
    with pytest.raises(tg.InvalidArgument):
        Retry(**options).policy.settings()


def test_a_retry_counts_as_urllib3s(server: HttpServer) -> None:
    """Attempts that a program makes by itself are taken off, and what is left is the policy."""
    lost = urllib3.exceptions.ProtocolError("lost")
    left = Retry(3, **LISTED).increment("GET", "/a", error=lost).increment("GET", "/b")
    assert [attempt.url for attempt in left.history] == ["/a", "/b"]
    assert left.policy.attempts == 2
    with pytest.raises(urllib3.exceptions.ProtocolError, match="lost"):
        left.increment("POST", "/c", error=lost)
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        left.increment("GET", "/c").increment("GET", "/d")

    session_with(Adapter(max_retries=left.new(raise_on_status=False))).get(
        server.url + "/status/503"
    )
    assert len(server.asked) == 2


def test_a_retry_is_a_policy() -> None:
    """In urllib3's words."""
    policy = Retry(
        3, connect=5, backoff_factor=0.5, backoff_max=60, status_forcelist=(502,), status=3
    ).policy
    assert policy == tg.RetryPolicy(
        attempts=4,
        backoff=0.5,
        max_backoff=60,
        max_retry_after=21_600,
        statuses=(502,),
        methods="idempotent",
    )
    assert Retry(3, status=0, status_forcelist=[502]).policy.statuses == ()
    assert Retry(None, connect=2, read=2, other=2).policy.attempts == 3
    assert Retry.of(urllib3.Retry(3)).policy == Retry(3).policy
    assert tg.Client(retry=Retry(3).policy).stats().in_flight == 0


# Its life.


def test_a_session_with_it_pickles(shared: HttpServer) -> None:
    """As with requests' own."""
    adapter = Adapter(max_retries=Retry(1))
    copy = pickle.loads(pickle.dumps(session_with(adapter)))
    assert copy.get(shared.url).status_code == 200
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Adapter(client=tg.Client()))


def test_a_closed_session_can_be_used_again(shared: HttpServer) -> None:
    """As with requests' own."""
    session = session_with(Adapter())
    session.close()
    assert session.get(shared.url).status_code == 200


def test_a_client_that_was_given_stays_open(shared: HttpServer) -> None:
    """It serves others beside the adapter."""
    with tg.Client() as client:
        session_with(Adapter(client=client)).close()
        assert client.get(shared.url).status == 200


@pytest.mark.parametrize(
    "options",
    [
        {"client": tg.AsyncClient()},
        {"client": tg.Client(), "max_retries": 3},
        {"client": tg.Client(), "pool_block": True},
        {"max_retries": "three"},
        {"max_retries": tg.RetryPolicy(statuses=(1,))},
    ],
    ids=["async", "retries", "block", "text", "status"],
)
def test_a_wrong_argument_is_refused(options: Any) -> None:
    """Where the adapter is made."""
    with pytest.raises(tg.InvalidArgument):
        Adapter(**options)


def test_blocking_bounds_the_requests_to_one_origin(server: HttpServer) -> None:
    """As urllib3's does; the next waits for its turn."""
    session = session_with(Adapter(pool_maxsize=1, pool_block=True, max_retries=0))
    with ThreadPoolExecutor() as pool:
        held = pool.submit(session.get, server.url + "/hold")
        assert server.holding.acquire(timeout=20)
        with tg.page(0.05), pytest.raises(requests.exceptions.Timeout):
            session.get(server.url)
        server.hang_up()
        assert isinstance(held.exception(20), requests.exceptions.ConnectionError)
    assert [target for _, target in server.asked] == ["/hold"]
