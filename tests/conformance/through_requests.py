# SPDX-License-Identifier: Apache-2.0
"""A plugin: every session of requests sends by tidegate."""

from __future__ import annotations

from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIServer

import pytest
import requests
import requests.adapters
import requests.sessions
from differences import Plugin
from pytest_httpbin import serve

from tidegate.adapters.requests import Adapter


class Threads(ThreadingMixIn):
    daemon_threads = True
    block_on_close = False


class ThreadedServer(Threads, WSGIServer):
    """What a test has given up waiting for does not keep the server from the next."""


class ThreadedSecureServer(Threads, serve.SecureWSGIServer):
    pass


class Server(serve.Server):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        options.setdefault("server_class", ThreadedServer)
        super().__init__(*arguments, **options)


serve.Server = Server
serve.SecureWSGIServer = ThreadedSecureServer

# Where a session takes it from, and where the tests do.
requests.adapters.HTTPAdapter = requests.sessions.HTTPAdapter = Adapter


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin("requests"))
