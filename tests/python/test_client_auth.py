"""Who asks: Basic and Bearer, as the server sees it, and what may never be said of it."""

import pickle

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, sent


def test_a_request_says_who_asks(sync: tg.Client, shared: HttpServer) -> None:
    """In UTF-8; a header that is given counts before it."""
    basic = sync.get(shared.url, basic_user="Aladdin", basic_password="open sesame")
    assert sent(basic, "authorization") == ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]
    assert sent(
        sync.get(shared.url, basic_user="test", basic_password="123£"), "authorization"
    ) == ["Basic dGVzdDoxMjPCow=="]
    assert sent(sync.get(shared.url, bearer_token="own"), "authorization") == ["Bearer own"]
    given = sync.get(shared.url, bearer_token="own", headers={"authorization": "Mine x"})
    assert sent(given, "authorization") == ["Mine x"]
    assert sent(sync.get(shared.url), "authorization") == []


def test_a_client_says_it_with_every_request(shared: HttpServer) -> None:
    """The constructor's counts before the configuration's, and the request's before both."""
    config = tg.Config()
    config.set("http.bearer_token", "configured")

    assert sent(tg.Client(config).get(shared.url), "authorization") == ["Bearer configured"]
    http = tg.Client(config, basic_user="a", basic_password="b")
    assert sent(http.get(shared.url), "authorization") == ["Basic YTpi"]
    assert sent(http.get(shared.url, bearer_token="own"), "authorization") == ["Bearer own"]
    assert "configured" not in config.to_json()


def test_it_goes_to_no_other_origin(
    sync: tg.Client, shared: HttpServer, server: HttpServer
) -> None:
    """A redirect leads there without it."""
    server.raw = f"HTTP/1.1 307 So\r\nLocation: {shared.url}/\r\nContent-Length: 0\r\n\r\n".encode()

    response = sync.get(server.url + "/raw", bearer_token="secret")
    assert response.redirects == 1
    assert sent(response, "authorization") == []


def test_no_secret_is_shown(shared: HttpServer) -> None:
    """Not by the client, nor the request, nor the response, nor a pickle of it."""
    http = tg.AsyncClient(bearer_token="hunter2")
    exchange = http.get(shared.url + "/status/200", basic_user="hunter3", basic_password="hunter2")
    response = exchange.result()

    shown = [repr(http), repr(exchange), repr(response), repr(pickle.dumps(response))]
    assert not any("hunter" in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(http)


@pytest.mark.parametrize(
    "options",
    [
        {"basic_user": "hunter2:", "basic_password": "a"},
        {"basic_user": "a", "basic_password": "hunter2\r\nX: y"},
        {"basic_user": "a\0hunter2"},
        {"basic_user": "a", "basic_password": "hunter2\ud800"},
        {"basic_user": ("hunter2", "a")},
        {"basic_password": "hunter2"},
        {"bearer_token": b"hunter2"},
        {"bearer_token": "hunter2\n"},
        {"bearer_token": "hunter2 b"},
        {"bearer_token": ""},
        {"bearer_token": "hunter2", "basic_user": "a"},
    ],
    ids=ascii,
)
def test_what_is_no_credential_is_refused(
    sync: tg.Client, server: HttpServer, options: dict[str, object]
) -> None:
    """Before anything is opened, and it is not shown."""
    with pytest.raises(tg.InvalidArgument) as caught:
        sync.get(server.url, **options)  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)
    assert server.connections == 0


def test_a_client_of_no_credential_is_not_made() -> None:
    """And its error does not show it."""
    with pytest.raises(tg.ConfigError) as caught:
        tg.Client(bearer_token="hunter2\r\nX: y")
    assert "hunter2" not in str(caught.value)
