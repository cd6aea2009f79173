"""Who is told how much time is left, and who is believed."""

import pytest

import tidegate as tg

from ..support.http_server import HttpServer, sent

FIELD = "X-Request-Timeout"


def test_only_a_listed_host_is_told(shared: HttpServer) -> None:
    """In milliseconds, of what is left of the whole."""
    for hosts in ("127.0.0.1", "api.example.com, 127.0.0.1", ["127.0.0.1"]):
        told = tg.Client(timeout=9, deadline_header=FIELD, deadline_hosts=hosts)
        (value,) = sent(told.get(shared.url), FIELD.lower())
        assert value.endswith("ms")
        assert 0 < int(value.removesuffix("ms")) <= 9000
    untold = tg.Client(deadline_header=FIELD, deadline_hosts=["127.0.0.2", "127.0.0.1:80"])
    assert sent(untold.get(shared.url), FIELD.lower()) == []
    assert sent(tg.Client(deadline_header=FIELD).get(shared.url), FIELD.lower()) == []


def test_a_page_bounds_what_is_told(shared: HttpServer) -> None:
    """Its deadline is the request's."""
    http = tg.Client(timeout=60, deadline_header="X-Wait-Ms", deadline_hosts="127.0.0.1")
    with tg.page(5):
        (value,) = sent(http.get(shared.url), "x-wait-ms")
    assert 0 < int(value) <= 5000


@pytest.mark.parametrize(
    ("value", "time"),
    [("5", 5), ("250ms", 0.25), ("3600", 18), ("-1", 18), ("soon", 18), ("", 18), ("é", 18)],
)
def test_a_caller_may_shorten_its_time_and_nothing_else(value: str, time: float) -> None:
    """Whatever the case of the header's name."""
    assert tg.header_timeout({FIELD.lower(): value}, FIELD, 18) == time
    assert tg.header_timeout([("A", "1"), (FIELD, value)], FIELD.upper(), "18s") == time
    assert tg.header_timeout({}, FIELD, 18) == 18


def test_what_is_wrong_is_refused() -> None:
    """At once."""
    with pytest.raises(tg.ConfigError):
        tg.Client(deadline_header="X\r\nY")
    with pytest.raises(tg.InvalidArgument):
        tg.Client(deadline_hosts=7)  # type: ignore[arg-type]
    with pytest.raises(tg.InvalidArgument):
        tg.header_timeout({}, FIELD, -1)
