"""Requests over a Unix socket, as the server sees them."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, http_server, sent
from .conftest import PATIENT


class UnixServer(HttpServer):
    """Listens on a socket, the path of which is given to it before."""

    address_family = socket.AF_UNIX
    path = ""

    def server_bind(self) -> None:
        self.socket.bind(self.path)
        self.server_address = ("", 0)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, _ = self.socket.accept()
        return connection, ("", 0)


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[UnixServer]:
    class Here(UnixServer):
        path = str(tmp_path / "it.sock")

    with http_server(Here) as server:
        yield server


def test_all_requests_of_a_client_go_over_its_socket(unix: UnixServer) -> None:
    """Whatever host they name; nobody looks it up, and connections are kept."""
    http = tg.Client(unix_socket=unix.path, ssrf="all", **PATIENT)
    first = http.get("http://no-such-host.test/a", params={"b": "c"})
    again = http.get("http://no-such-host.test/b")

    assert first.json()["target"] == "/a?b=c"
    assert sent(first, "host") == ["no-such-host.test"]
    assert (first.reused, again.reused, unix.connections) == (False, True, 1)


def test_a_redirect_stays_on_the_socket(unix: UnixServer) -> None:
    """To another host, too."""
    unix.raw = b"HTTP/1.1 302 So\r\nLocation: http://other.test/there\r\nContent-Length: 0\r\n\r\n"
    response = tg.Client(unix_socket=unix.path, **PATIENT).get("http://no-such-host.test/raw")

    assert (response.url, sent(response, "host")) == ("http://other.test/there", ["other.test"])


def test_what_goes_over_a_socket_and_what_does_not_share_no_connection(
    unix: UnixServer, server: HttpServer
) -> None:
    """To the same host and port."""
    clients = [tg.Client(unix_socket=unix.path, **PATIENT), tg.Client(**PATIENT)] * 2
    reused = [http.get(server.url).reused for http in clients]

    assert reused == [False, False, True, True]
    assert (unix.connections, server.connections) == (1, 1)


def test_a_socket_that_nobody_listens_on_takes_no_connection(tmp_path: Path) -> None:
    """Like a port; the message names it."""
    with pytest.raises(tg.ConnectionFailed, match=r"none\.sock") as caught:
        tg.Client(unix_socket=f"{tmp_path}/none.sock", **PATIENT).get("http://a.test/", attempts=1)
    assert caught.value.cause == "connect"


@pytest.mark.parametrize("path", ["it.sock", "/" + "x" * 200, "/a\0b"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    """Before anything is opened, as is a proxy beside it."""
    with pytest.raises(tg.ConfigError):
        tg.Client(unix_socket=path)
    with pytest.raises(tg.ConfigError, match="proxy"):
        tg.Client(unix_socket="/it.sock", proxy="http://a.test")
