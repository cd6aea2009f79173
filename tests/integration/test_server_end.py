"""A second server on the port, and the end: what is in flight is answered, and the exit is 0."""

import signal
import subprocess
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from .serving import BINARY, PAGE, clean_environment, make_slow, until


def test_a_second_server_on_the_port_fails_by_name(start):
    server = start()
    second = subprocess.run(
        [BINARY, f"--port={server.port}", f"--database={server.database}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 2
    assert f"127.0.0.1:{server.port} is in use" in second.stderr
    assert "--port" in second.stderr
    assert server.get().status == 200


@pytest.mark.parametrize("host", ["256.1.1.1", "203.0.113.1", "no such host"])
def test_an_address_that_is_not_ours_fails_by_name(host):
    ended = subprocess.run(
        [BINARY, f"--host={host}", "--port=0"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 2
    assert f"cannot listen on {host}" in ended.stderr


def test_a_port_is_free_again_right_after_the_end(start):
    server = start()
    assert server.get().status == 200
    port = server.port
    assert server.stop() == 0
    again = start(f"--port={port}", folder="server-0")
    assert again.get().status == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_when_nothing_is_in_flight(start, number):
    server = start(server__keep_alive="1h")
    with server.connect() as idle:
        idle.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(65536).startswith(b"HTTP/1.1 200")
        started = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - started < 12
        assert not idle.recv(65536).startswith(b"HTTP")
    assert server.out.read_text().endswith("stopping\n")
    assert server.err.read_text() == ""


@pytest.mark.parametrize("drain", ["3s", "200ms", "0s"])
def test_requests_in_flight_are_answered_before_the_end(start_uncached, drain):
    server = start_uncached(server__drain_timeout=drain)
    make_slow(server.database)  # each page would take 15 s
    with ThreadPoolExecutor(20) as clients:
        pages = [clients.submit(server.get) for _ in range(20)]
        until(lambda: server.metric("tidegate_server_requests_in_flight") == 21, what="them")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 12
        for page in pages:
            assert page.result().status in (200, 503)
            assert page.result().meta["degraded"]
    assert server.err.read_text() == ""


def test_requests_under_load_are_answered_before_the_end(start):
    server = start()
    answered, refused, broken = Counter(), threading.Event(), []

    def ask_on() -> None:
        while not refused.is_set():
            try:
                answered[server.get(PAGE + "?limit=50").status] += 1
            except ConnectionRefusedError:
                refused.set()  # it accepts no more
            except Exception as failure:
                # Connected, but never accepted: the kernel's queue goes with the listening socket.
                if type(failure) is not ConnectionResetError:
                    broken.append(failure)
                refused.set()

    with ThreadPoolExecutor(8) as clients:
        askers = [clients.submit(ask_on) for _ in range(8)]
        until(lambda: answered[200] > 100, what="a hundred answers")
        assert server.stop() == 0
        for asker in askers:
            asker.result()
    assert set(answered) <= {200, 503}
    assert broken == []
