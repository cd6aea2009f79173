"""TLS: whom a client believes, who it says that it is, and who gets whose connection."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, http_server
from .conftest import PATIENT


class Certificate(NamedTuple):
    """One that signed itself, and its key."""

    cert: str
    key: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    """Of the server, of two clients, and of one whose key is encrypted."""
    folder: Path = tmp_path_factory.mktemp("certificates")
    made = {}
    for name, password in {"server": "", "one": "", "two": "", "locked": "of mine"}.items():
        made[name] = Certificate(str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
        locking = ["-passout", f"pass:{password}"] if password else ["-nodes"]
        files = ["-keyout", made[name].key, "-out", made[name].cert, "-days", "2"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(
            ["openssl", "req", "-x509", *kind, *files, *locking, *subject],
            check=True,
            capture_output=True,
        )
    return made


class TlsServer(HttpServer):
    """It wants a certificate of its clients, and notes the name of each connection's."""

    context: ssl.SSLContext
    names: list[str]
    resumed: list[bool]

    def get_request(self) -> tuple[socket.socket, object]:
        plain, address = super().get_request()
        try:
            secured = self.context.wrap_socket(plain, server_side=True)
        except (OSError, ssl.SSLError):
            with suppress(OSError):
                plain.close()
            raise OSError("no handshake") from None
        subject = dict(pair for (pair,) in (secured.getpeercert() or {}).get("subject", ()))
        self.names.append(subject.get("commonName", ""))
        self.resumed.append(bool(secured.session_reused))
        return secured, address


@pytest.fixture
def tls(certificates: dict[str, Certificate]) -> Iterator[TlsServer]:
    """Takes connections with the certificates of the clients, or without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificates["server"])
    context.verify_mode = ssl.CERT_OPTIONAL
    for name in ("one", "two", "locked"):
        context.load_verify_locations(certificates[name].cert)
    with http_server(TlsServer) as server:
        server.context, server.names, server.resumed = context, [], []
        server.url = server.url.replace("http:", "https:")
        yield server


def test_a_connection_serves_those_alone_who_show_the_same_certificate(
    tls: TlsServer, certificates: dict[str, Certificate]
) -> None:
    """[T5] [T7] Nor does a session of TLS let anybody else in."""
    trust = {"ca_file": certificates["server"].cert}
    one, two = certificates["one"], certificates["two"]
    clients = {
        "": tg.Client(**trust, **PATIENT),
        "one": tg.Client(**trust, cert_file=one.cert, key_file=one.key, **PATIENT),
        "two": tg.Client(**trust, cert_file=two.cert, key_file=two.key, **PATIENT),
        "one again": tg.Client(**trust, cert_file=one.cert, key_file=one.key, **PATIENT),
    }
    reused = [http.get(tls.url).reused for _ in range(2) for http in clients.values()]

    assert reused == [False, False, False, True, True, True, True, True]
    assert tls.names == ["", "one", "two"]
    assert tls.resumed == [False, False, False]


def test_a_key_is_unlocked_with_its_password(
    tls: TlsServer, certificates: dict[str, Certificate]
) -> None:
    """With another one, or none, there is no connection, and no word of it."""
    locked = certificates["locked"]
    mine = {"ca_file": certificates["server"].cert, "cert_file": locked.cert}
    http = tg.Client(**mine, key_file=locked.key, key_password="of mine", **PATIENT)
    assert http.get(tls.url).status == 200
    for password in ("hunter2", None):
        wrong = tg.Client(**mine, key_file=locked.key, key_password=password, **PATIENT)
        with pytest.raises(tg.ConfigError) as caught:
            wrong.get(tls.url)
        assert "hunter" not in str(caught.value)
    assert tls.names == ["locked"]


def test_a_key_without_a_certificate_is_refused(certificates: dict[str, Certificate]) -> None:
    """And so is an unknown version of TLS."""
    with pytest.raises(tg.ConfigError, match="cert_file"):
        tg.Client(key_file=certificates["one"].key)
    with pytest.raises(tg.ConfigError, match="min_tls"):
        tg.Client(min_tls="1.1")  # type: ignore[arg-type]


def test_a_server_that_speaks_an_older_tls_only_is_not_spoken_to(
    tls: TlsServer, certificates: dict[str, Certificate]
) -> None:
    """TLS 1.2 is enough where nothing is said."""
    tls.context.maximum_version = ssl.TLSVersion.TLSv1_2
    trust = certificates["server"].cert

    assert tg.Client(ca_file=trust, **PATIENT).get(tls.url).status == 200
    with pytest.raises(tg.TlsFailed):
        tg.Client(ca_file=trust, min_tls="1.3", **PATIENT).get(tls.url)


def test_a_proxy_that_speaks_tls_is_checked_and_its_users_are_kept_apart(
    tls: TlsServer, certificates: dict[str, Certificate]
) -> None:
    """The server as a proxy: it answers what it should forward."""
    http = tg.Client(ca_file=certificates["server"].cert, **PATIENT)
    proxies = [tls.url.replace("//", f"//{user}:secret@") for user in ("me", "you")] * 2
    responses = [http.get("http://no-such-host.test/a", proxy=proxy) for proxy in proxies]

    assert [response.reused for response in responses] == [False, False, True, True]
    assert tls.asked == [("GET", "http://no-such-host.test/a")] * 4
    with pytest.raises(tg.ProxyError, match=r"127\.0\.0\.1"):
        tg.Client(proxy=proxies[0], **PATIENT).get("http://no-such-host.test/", attempts=1)
