"""Requests through a proxy, as the proxy sees them, and what may never be said of it."""

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, refused_port, sent
from .conftest import PATIENT


def proxy_url(server: HttpServer, user: str = "") -> str:
    """The server as a proxy: it answers what it should forward, and tells what it saw."""
    return server.url.replace("//", f"//{user}@" if user else "//")


def test_a_proxy_gets_the_whole_url_and_its_user(shared: HttpServer) -> None:
    """Nobody here looks the name up."""
    http = tg.Client(proxy=proxy_url(shared, "me:of%20mine"), **PATIENT)
    response = http.get("http://no-such-host.test/a", params={"b": "c"})

    assert response.json()["target"] == "http://no-such-host.test/a?b=c"
    assert sent(response, "proxy-authorization") == ["Basic bWU6b2YgbWluZQ=="]
    assert sent(response, "host") == ["no-such-host.test"]


def test_a_request_has_a_proxy_of_its_own_or_none(shared: HttpServer, server: HttpServer) -> None:
    """In place of its client's."""
    http = tg.Client(proxy=proxy_url(shared), **PATIENT)

    assert http.get(server.url + "/a", proxy="").json()["target"] == "/a"
    other = http.get("http://no-such-host.test/", proxy=proxy_url(server, "me"))
    assert sent(other, "proxy-authorization") == ["Basic bWU6"]
    assert server.asked == [("GET", "/a"), ("GET", "http://no-such-host.test/")]


def test_a_proxy_that_takes_no_connection_is_a_proxy_error() -> None:
    """With its host, without its user; another attempt may help."""
    port = refused_port()
    http = tg.Client(proxy=f"http://me:hunter2@127.0.0.1:{port}", **PATIENT)
    for url in ("http://no-such-host.test/", "https://no-such-host.test/"):
        with pytest.raises(tg.ProxyError) as caught:
            http.get(url, attempts=1)
        assert (caught.value.cause, caught.value.retryable) == ("proxy", True)
        assert f"127.0.0.1:{port}" in str(caught.value)
        assert "hunter" not in str(caught.value)


def test_a_proxy_that_refuses_the_user_is_a_proxy_error(server: HttpServer) -> None:
    """The same again would fail again."""
    server.raw = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    http = tg.Client(proxy=proxy_url(server, "me:hunter2"), **PATIENT)
    with pytest.raises(tg.ProxyError) as caught:
        http.get("http://no-such-host.test/raw")

    assert (caught.value.cause, caught.value.retryable) == ("proxy_auth", False)
    assert (caught.value.attempts, len(server.asked)) == (1, 1)
    assert "hunter" not in str(caught.value)


def test_proxies_go_round_and_one_that_fails_is_passed_over(
    shared: HttpServer, server: HttpServer
) -> None:
    """Each session goes to the next; who asks sees which, and not as whom."""
    dead = f"http://me:hunter2@127.0.0.1:{refused_port()}"
    http = tg.Client(
        proxy=[proxy_url(shared), proxy_url(server, "me:hunter2"), dead],
        proxy_session=2,
        retry=tg.RetryPolicy(backoff=0, max_backoff=0),
        **PATIENT,
    )
    responses = [http.get("http://no-such-host.test/") for _ in range(5)]

    assert [response.attempts for response in responses] == [1, 1, 1, 1, 2]
    assert len(server.asked) == 2
    stats = http.stats().proxies
    assert stats == tg.ProxyStats(6, 3, shared.url.removeprefix("http://"), 2)
    assert "hunter" not in str(http.stats())


def test_a_session_has_connections_of_its_own(server: HttpServer) -> None:
    """Behind one proxy that gives each connection another address."""
    http = tg.Client(proxy=proxy_url(server), proxy_session=2, **PATIENT)
    reused = [http.get("http://no-such-host.test/").reused for _ in range(5)]

    assert reused == [False, True, False, True, False]
    assert server.connections == 3


def test_the_environment_counts_only_where_it_is_trusted(
    shared: HttpServer, server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[D8] And where nothing else is said, and for no host that is excepted."""
    monkeypatch.setenv("http_proxy", proxy_url(shared, "me:secret"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    trusting = tg.Client(trust_env=True, **PATIENT)
    monkeypatch.setenv("http_proxy", "http://hunter2@")

    asked = trusting.get("http://no-such-host.test/a")
    assert asked.json()["target"] == "http://no-such-host.test/a"
    assert trusting.get(server.url + "/a").json()["target"] == "/a"
    own = tg.Client(trust_env=True, proxy=proxy_url(server), **PATIENT)
    assert own.get("http://no-such-host.test/").status == 200
    assert tg.Client(**PATIENT).get(server.url + "/b").json()["target"] == "/b"
    assert len(server.asked) == 3
    with pytest.raises(tg.ConfigError, match="http_proxy") as caught:
        tg.Client(trust_env=True)
    assert "hunter" not in str(caught.value)


def test_a_redirect_has_the_proxy_of_where_it_leads(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a host that is excepted to one that is not."""
    server.raw = b"HTTP/1.1 302 So\r\nLocation: http://a.test/b\r\nContent-Length: 0\r\n\r\n"
    monkeypatch.setenv("http_proxy", proxy_url(server))
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    response = tg.Client(trust_env=True, **PATIENT).get(server.url + "/raw")
    assert response.json()["target"] == "http://a.test/b"
    assert server.asked == [("GET", "/raw"), ("GET", "http://a.test/b")]


def test_no_proxys_secret_is_shown(shared: HttpServer) -> None:
    """Not by a configuration, a client, a request, nor what is counted."""
    config = tg.Config()
    config.set("http.proxy", proxy_url(shared, "me:hunter2"))
    http = tg.AsyncClient(config, **PATIENT)
    exchange = http.get("http://no-such-host.test/")
    exchange.result()

    shown = [repr(http), repr(exchange), config.to_json(), str(http.stats()), str(tg.stats())]
    assert not any("hunter" in text for text in shown)


@pytest.mark.parametrize("proxy", ["hunter2:3128", "ftp://hunter2@a.test", "http://a:hunter2@"])
def test_a_proxy_that_is_none_is_refused_without_a_word_of_it(proxy: str) -> None:
    """By the client, and by the request."""
    with pytest.raises(tg.ConfigError, match="proxy") as refused:
        tg.Client(proxy=proxy)
    with pytest.raises(tg.InvalidArgument, match="proxy") as caught:
        tg.Client().get("http://a.test/", proxy=proxy)
    assert "hunter" not in str(refused.value) + str(caught.value)
