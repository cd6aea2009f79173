"""A client behind a gate: what the server sees, and what is refused."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

import tidegate as tg

from ..support.http_server import HttpServer
from .conftest import PATIENT, Runner


def test_the_server_never_sees_more_at_once_than_the_gate_has_slots(
    server: HttpServer, tools: SimpleNamespace
) -> None:
    """The next one comes when the one before has gone; a block by hand is one of them."""
    gate = tg.Gate("client-slots", concurrency=1)
    http = tg.AsyncClient(gate=gate, **PATIENT)
    with gate:
        held = [http.get(server.url + "/hold") for _ in range(3)]
        tools.eventually(lambda: gate.stats().waiting == 3)
        assert not server.asked
    for count, request in enumerate(held, 1):
        assert server.holding.acquire(timeout=20)
        assert (len(server.asked), gate.stats().inside) == (count, 1)
        assert gate.stats().waiting == 3 - count
        request.cancel()
        assert server.gone.acquire(timeout=20)
    tools.eventually(lambda: gate.stats().inside == 0)


def test_a_breaker_that_answers_have_opened_stops_what_would_be_sent(server: HttpServer) -> None:
    """And the refusal says when it may be asked again."""
    gate = tg.Gate("client-breaker", breaker={"consecutive": 3, "open_for": "1h"})
    http = tg.Client(gate=gate, retry=tg.RetryPolicy(attempts=1), **PATIENT)
    for _ in range(3):
        assert http.get(server.url + "/status/500").status == 500
    with pytest.raises(tg.CircuitOpen, match="client-breaker") as caught:
        http.get(server.url + "/")

    assert caught.value.retry_after > 1000
    assert caught.value.attempts == 0
    assert len(server.asked) == 3


def test_what_an_answer_says_of_when_to_come_again_holds_for_the_next(server: HttpServer) -> None:
    """One that could not start before its deadline is refused at once."""
    head = "HTTP/1.1 429 Slower\r\nRetry-After: 3000\r\nContent-Length: 0\r\n\r\n"
    server.raw = head.encode()
    gate = tg.Gate("client-penalty", max_penalty="1h")
    http = tg.Client(gate=gate, **PATIENT)
    assert http.get(server.url + "/raw", attempts=1).status == 429
    with pytest.raises(tg.RateLimited) as caught:
        http.get(server.url + "/")

    assert 1000 < caught.value.retry_after <= 3000
    assert gate.stats().penalties == 1
    assert len(server.asked) == 1


def test_a_line_is_bounded_by_its_length_and_by_the_deadline(server: HttpServer) -> None:
    """Each refusal has its class."""
    full = tg.Gate("client-full", concurrency=1, queue=0)
    busy = tg.Gate("client-busy", concurrency=1)
    http = tg.Client(**PATIENT)
    with full, busy:
        with pytest.raises(tg.Overloaded) as refused:
            http.get(server.url + "/", gate=full)
        with pytest.raises(tg.Timeout):
            http.get(server.url + "/", gate=busy, timeout=0.05)

    assert refused.value.cause == "queue_full"
    assert not server.asked
    assert http.get(server.url + "/", gate=full).status == 200


def test_a_request_may_have_another_gate_than_its_client(server: HttpServer) -> None:
    """Which several clients may share."""
    closed = tg.Gate("client-closed", breaker=True)
    closed.force("forced_open")
    other = tg.Gate("client-other")
    http = tg.Client(gate=closed, **PATIENT)
    with pytest.raises(tg.CircuitOpen):
        http.get(server.url + "/")
    assert http.get(server.url + "/", gate=other).status == 200
    assert tg.Client(**PATIENT).post(server.url + "/", json=1, gate=other).status == 200

    assert (other.stats().granted, closed.stats().granted) == (2, 0)


def test_an_awaited_request_and_a_stream_go_through_it(server: HttpServer, run: Runner) -> None:
    """Both leave it."""
    gate = tg.Gate("client-awaited", concurrency=2)

    async def ask() -> list[int]:
        async with tg.AsyncClient(gate=gate, **PATIENT) as http:
            answers = await asyncio.gather(*[http.get(server.url + "/") for _ in range(8)])
            async with http.stream("GET", server.url + "/") as response:
                await response.read()
            return [answer.status for answer in answers]

    before = gate.stats().granted
    assert run(ask()) == [200] * 8
    assert (gate.stats().granted - before, gate.stats().inside) == (9, 0)


def test_a_gate_is_given_by_the_name_of_its_service(server: HttpServer) -> None:
    """To a client, to a request, and as a setting: it is the service's one gate."""
    config = tg.Config()
    config.set("gate.concurrency", 9, service="py_named")
    config.set("http.gate", "py_named", service="py_names_it")
    gate = tg.Gate.of("py_named", config)
    assert gate is not None
    assert tg.Client(config, gate="py_named", **PATIENT).get(server.url + "/").status == 200
    http = tg.Client(config, **PATIENT)
    assert http.get(server.url + "/", gate="py_named").status == 200
    assert tg.Client(config, service="py_names_it").get(server.url + "/").status == 200
    assert gate.stats().granted == 3

    with pytest.raises(tg.ConfigError, match=r"gate 'nowhere': no setting makes one"):
        tg.Client(config, gate="nowhere")
    with pytest.raises(tg.ConfigError, match="nowhere"):
        http.get(server.url + "/", gate="nowhere")
    with pytest.raises(tg.ConfigError, match="1 to 64 of a-z"):
        tg.Client(config, gate="No Name")


@pytest.mark.parametrize("given", [b"encar", 1, True, object()])
def test_what_is_no_gate_is_refused(server: HttpServer, given: Any) -> None:
    """Before anything is sent."""
    with pytest.raises(tg.InvalidArgument, match=r"gate must be a tidegate\.Gate"):
        tg.AsyncClient(gate=given)
    with pytest.raises(tg.InvalidArgument, match=r"gate must be a tidegate\.Gate"):
        tg.Client().get(server.url + "/", gate=given)
    assert not server.asked


def test_the_clients_of_a_service_share_the_gate_of_its_settings(server: HttpServer) -> None:
    """Also one after the other; a gate that is given counts before it."""
    config = tg.Config()
    config.set("gate.breaker", True, service="flaky")
    config.set("breaker.consecutive", 2, service="flaky")
    for _ in range(2):
        with tg.Client(config, service="flaky", **PATIENT) as http:
            assert http.get(server.url + "/status/500", attempts=1).status == 500
    with pytest.raises(tg.CircuitOpen, match="flaky"):
        tg.Client(config, service="flaky", **PATIENT).get(server.url + "/")

    other = tg.Gate("not-flaky")
    assert tg.Client(config, service="flaky", gate=other).get(server.url + "/").status == 200
    assert tg.Client(config, service="sound").get(server.url + "/").status == 200
    assert len(server.asked) == 4
