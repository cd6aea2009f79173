"""A second request beside one that is slow, as Python sees it."""

import pickle

import pytest

import tidegate as tg

from ..support.http_server import HttpServer


def test_a_slow_request_is_sent_a_second_time_beside_the_first(server: HttpServer) -> None:
    """The first good answer counts; the other request is cancelled."""
    http = tg.Client(name="hedge-python", hedge=0.001)
    response = http.get(server.url + "/hold-once")

    assert (response.status, response.hedged, response.attempts) == (200, True, 2)
    assert pickle.loads(pickle.dumps(response)).hedged
    assert len(server.asked) == 2
    stats = http.stats()
    assert (stats.hedges, stats.hedge_wins, stats.retries) == (1, 1, 0)


def test_a_request_may_want_it_otherwise_than_its_client(server: HttpServer) -> None:
    """And a POST is sent once in any case."""
    off = tg.Client()
    on = tg.Client(hedge="1ms", timeout="50ms")

    assert not off.get(server.url + "/").hedged
    assert off.get(server.url + "/hold-once", hedge=0.001).hedged
    before = len(server.asked)
    for refused in (
        lambda: on.get(server.url + "/hold", hedge=False),
        lambda: on.post(server.url + "/hold", json={}),
    ):
        with pytest.raises(tg.Timeout):
            refused()
    assert len(server.asked) <= before + 2


def test_what_is_no_delay_is_refused(server: HttpServer) -> None:
    """Before anything is sent."""
    with pytest.raises(tg.ConfigError, match="hedge_delay"):
        tg.Client(hedge="soon")
    with pytest.raises(tg.InvalidArgument, match="hedge"):
        tg.Client().get(server.url + "/", hedge=-1)
    assert tg.Config().get("http.hedge") is False
    assert not server.asked
