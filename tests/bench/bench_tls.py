# SPDX-License-Identifier: Apache-2.0
"""What a new verified TLS connection costs in Python: bench_tls.py --json FILE.

One nginx worker with a certificate of its own (ECDSA, P-256) closes each connection after one
answer and keeps no sessions. Synchronous code asks it again and again, with the certificate as the
only authority: ``cpu_us`` is what the process spent for a request, connection and handshake.
libcurl by pycurl, with one handle, takes turns with tidegate; the figures are medians of rounds.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pycurl
from bench_http import Figures, cost, medians, nginx, now

import tidegate as tg

ROUNDS = 5
REQUESTS = 300


def certificate(folder: str) -> tuple[str, str]:
    """A key and its certificate for 127.0.0.1."""
    key, cert = f"{folder}/key.pem", f"{folder}/cert.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1"
    files = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    return key, cert


def by_pycurl(url: str, cert: str) -> Callable[[], bytes]:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, url)
    handle.setopt(pycurl.CAINFO, cert)

    def get() -> bytes:
        body = io.BytesIO()
        handle.setopt(pycurl.WRITEDATA, body)
        handle.perform()
        return body.getvalue()

    return get


def one_round(get: Callable[[], bytes]) -> Figures:
    before = now()
    for _ in range(REQUESTS):
        assert get() == b"hello"
    return cost(before, REQUESTS)


def measure(url: str, cert: str) -> Figures:
    with tg.Client(name="tls", ca_file=cert) as client:
        clients = {"tidegate": lambda: client.get(url).content, "libcurl": by_pycurl(url, cert)}
        rounds: dict[str, list[Figures]] = {name: [] for name in clients}
        for number in range(ROUNDS + 1):
            for name, get in clients.items():
                spent = one_round(get)
                if number > 0:  # the first reads the certificate
                    rounds[name].append(spent)
        figures = {name: medians(of) for name, of in rounds.items()}
        assert client.stats().reused == 0
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    path: Path | None = parser.parse_args().json
    with tempfile.TemporaryDirectory() as folder:
        key, cert = certificate(folder)
        secure = f" ssl; ssl_certificate {cert}; ssl_certificate_key {key}"
        secure += "; ssl_session_cache off; ssl_session_tickets off"
        with nginx(folder, secure) as url:
            figures = measure(url.replace("http:", "https:") + "/closed", cert)
    text = json.dumps(figures, indent=2)
    print(text) if path is None else path.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
