# SPDX-License-Identifier: Apache-2.0
"""A plugin: the tests of urllib3's Retry get tidegate's.

They ask no server. That a Retry of this class is what the C++ library then goes by is seen in one
request at the end, which it has sent three times.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests
import urllib3.util
import urllib3.util.retry
from differences import Plugin
from test.tz_stub import stub_timezone_ctx

import tidegate as tg
from tidegate.adapters.requests import Adapter
from tidegate.adapters.urllib3 import RequestHistory, Retry

urllib3.util.Retry = urllib3.util.retry.Retry = Retry
urllib3.util.retry.RequestHistory = RequestHistory


class Handler(BaseHTTPRequestHandler):
    left = 2

    def do_GET(self) -> None:
        self.send_response(503 if Handler.left else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        Handler.left = max(0, Handler.left - 1)

    def log_message(self, *_: object) -> None: ...


class Sent(Plugin):
    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asking = requests.Session()
        asking.trust_env = False
        asking.mount("http://", Adapter(max_retries=Retry(total=2, status_forcelist=[503])))
        assert asking.get(f"http://127.0.0.1:{server.server_port}/").ok
        server.shutdown()
        server.server_close()
        assert tg.stats()["http"]["requests"]["retries"] == 2
        super().pytest_sessionfinish(session)


@pytest.fixture
def stub_timezone(request: pytest.FixtureRequest) -> Iterator[None]:
    """That of their conftest.py, which needs servers that these tests do not."""
    with stub_timezone_ctx(request.param):
        yield


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Sent("urllib3"))
