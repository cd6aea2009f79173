"""What is tried again, followed and decoded, as Python sees it."""

import gzip
import pickle

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, refused_port

QUICK = tg.RetryPolicy(attempts=3, backoff="1ms")


@pytest.fixture
def http() -> tg.Client:
    return tg.Client(retry=QUICK)


def test_each_attempt_has_a_line(http: tg.Client, server: HttpServer) -> None:
    """In the response, which is that of the last one, and through a pickle."""
    response = http.get(server.url + "/status/503")
    copy = pickle.loads(pickle.dumps(response))

    assert (response.status, response.attempts) == (503, 3)
    assert len(server.asked) == 3
    assert [line.partition(" after ")[0] for line in response.history] == [
        f"attempt {i} of 3: 503" for i in (1, 2, 3)
    ]
    assert (copy.history, copy.redirects) == (response.history, 0)
    assert http.get(server.url + "/status/503", attempts=1).history == ()


def test_an_error_has_them_too(http: tg.Client) -> None:
    """And it pickles."""
    with pytest.raises(tg.ConnectionFailed) as caught:
        http.post(f"http://127.0.0.1:{refused_port()}/", json=1)
    error = pickle.loads(pickle.dumps(caught.value))

    assert error.attempts == len(error.history) == 3
    assert error.history[0].startswith("attempt 1 of 3: connect after ")
    assert error.copy().history == error.history
    assert tg.Error("by hand").history == ()


def test_a_post_is_sent_once_unless_it_may_be_sent_twice(
    http: tg.Client, server: HttpServer
) -> None:
    """A key gives the leave, and so does who asks."""
    url = server.url + "/status/503"

    assert http.post(url, json={}).attempts == 1
    assert http.post(url, json={}, idempotent=True).attempts == 3
    assert http.post(url, json={}, idempotency_key="").attempts == 3
    every = tg.Client(retry=tg.RetryPolicy(attempts=2, backoff=0, methods="every"))
    assert every.post(url, json={}).attempts == 2


def test_a_key_is_the_same_in_every_attempt(http: tg.Client, server: HttpServer) -> None:
    """It is sent as it was given."""
    told = http.post(server.url + "/", json={}, idempotency_key="order 7").json()

    assert ["Idempotency-Key", "order 7"] in told["headers"]


def test_a_redirect_is_followed(http: tg.Client, server: HttpServer) -> None:
    """The response says where it came from; without leave, it is the response itself."""
    server.raw = b"HTTP/1.1 302 Found\r\nLocation: /there?a=1#part\r\nContent-Length: 0\r\n\r\n"
    response = http.get(server.url + "/raw")

    assert (response.url, response.redirects) == (server.url + "/there?a=1#part", 1)
    assert response.json()["target"] == "/there?a=1"
    assert http.get(server.url + "/raw", max_redirects=0).status == 302
    assert tg.Client(max_redirects=0).get(server.url + "/raw").status == 302


def test_a_loop_of_redirects_is_an_error(http: tg.Client, server: HttpServer) -> None:
    """After as many as the client follows."""
    server.raw = b"HTTP/1.1 302 Found\r\nLocation: /raw\r\nContent-Length: 0\r\n\r\n"

    with pytest.raises(tg.RedirectError, match="more than 5 redirects"):
        http.get(server.url + "/raw")
    assert len(server.asked) == 6


def test_what_may_not_leave_the_public_internet_stays_there(server: HttpServer) -> None:
    """Also where nothing but the name says where it leads."""
    guarded = tg.Client(ssrf="all")

    with pytest.raises(PermissionError) as caught:
        guarded.get(server.url.replace("127.0.0.1", "localhost") + "/")
    assert isinstance(caught.value, tg.BlockedAddress)
    assert server.asked == []


def test_a_body_is_decoded_unless_it_is_wanted_as_it_came(
    http: tg.Client, server: HttpServer
) -> None:
    """The headers of the coding go with it."""
    packed = gzip.compress(b"plain" * 100)
    server.raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (
        len(packed),
        packed,
    )

    decoded = http.get(server.url + "/raw")
    assert (decoded.content, decoded.headers.get("content-encoding")) == (b"plain" * 100, None)
    assert http.get(server.url + "/raw", decode=False).content == packed
    assert tg.Client(decode=False).get(server.url + "/raw").content == packed


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"attempts": 101},
        {"attempts": True},
        {"attempts": "3"},
        {"max_redirects": -1},
        {"decode": 1},
        {"idempotency_key": 7},
        {"idempotency_key": "a\nb"},
    ],
    ids=str,
)
def test_a_wrong_option_is_an_invalid_argument(
    http: tg.Client, server: HttpServer, options: dict[str, object]
) -> None:
    """Before anything is sent."""
    with pytest.raises(tg.InvalidArgument):
        http.get(server.url + "/", **options)  # type: ignore[arg-type]
    assert server.asked == []


def test_a_policy_is_one_or_an_error() -> None:
    """Its values are those of the settings."""
    with pytest.raises(tg.InvalidArgument, match="RetryPolicy"):
        tg.Client(retry=3)  # type: ignore[arg-type]
    with pytest.raises(tg.ConfigError, match=r"retry\.attempts"):
        tg.Client(retry=tg.RetryPolicy(attempts=0))
    with pytest.raises(tg.ConfigError, match=r"retry\.methods"):
        tg.Client(retry=tg.RetryPolicy(methods="some"))  # type: ignore[arg-type]


def test_a_policy_says_which_answers_are_tried_again(server: HttpServer) -> None:
    """Those, and no others."""
    policy = tg.RetryPolicy(attempts=3, backoff=0, statuses=(404,))
    with tg.Client(retry=policy) as http:
        assert http.get(server.url + "/status/404").attempts == 3
        assert http.get(server.url + "/status/503").attempts == 1
    with tg.Client(retry=tg.RetryPolicy(statuses=())) as http:
        assert http.get(server.url + "/status/503").attempts == 1


@pytest.mark.parametrize("statuses", [503, "503", (True,), (99,), (600,), ("503",)], ids=str)
def test_a_status_that_is_none_is_refused(statuses: object) -> None:
    """Where the client is made."""
    with pytest.raises(tg.InvalidArgument, match="statuses"):
        tg.Client(retry=tg.RetryPolicy(statuses=statuses))  # type: ignore[arg-type]
