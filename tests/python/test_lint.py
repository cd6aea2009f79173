"""What contradicts itself is refused; what is doubtful, and attempts of attempts, is told once."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tidegate as tg
from tidegate.testing import Faults, MockTransport, virtual_time

CONTRADICTION = (
    "an attempt may take 8 s (http.attempt_timeout), but its whole request only 2 s (http.timeout)"
)


def test_the_defaults_say_nothing():
    assert tg.Config().lint(workers=8) == []


def test_settings_are_looked_at_without_making_anything():
    config = tg.Config()
    config.load_json(
        '{"services": {"encar": {"http": {"timeout": "2s", "attempt_timeout": "8s"}}}}'
    )
    assert config.lint() == [tg.Finding("attempt_timeout", True, "encar", CONTRADICTION)]
    config.set("gate.pace", 0.5)
    assert [(each.rule, each.refuses) for each in config.lint(workers=4)] == [
        ("workers", False),
        ("attempt_timeout", True),
    ]
    assert "together 4 in 0.5 s start" in config.lint(workers=4)[0].text


@pytest.mark.parametrize("workers", [0, -1, True, 1.5, "4"])
def test_workers_are_a_whole_number(workers):
    with pytest.raises(tg.InvalidArgument, match="workers must be"):
        tg.Config().lint(workers=workers)


@pytest.mark.parametrize("count", [-1, True, 1.5, "4", None])
def test_so_are_those_that_are_expected(count):
    with pytest.raises(tg.InvalidArgument, match="count must be"):
        tg.expect_workers(count)


@pytest.mark.parametrize("kind", [tg.Client, tg.AsyncClient])
def test_times_that_contradict_each_other_are_refused(kind):
    with pytest.raises(tg.ConfigError) as caught:
        kind(name="lint", timeout=2, attempt_timeout="8s")
    assert str(caught.value) == f"client 'lint': {CONTRADICTION}"
    with pytest.raises(tg.ConfigError, match="a second request would go out after"):
        kind(timeout=2, hedge=2)


def test_what_an_argument_says_is_nearer_than_a_setting(capfd):
    config = tg.Config()
    config.set("http.attempt_timeout", 10)
    tg.Client(config, name="lint-nearer", timeout=3).close()
    tg.Client(name="lint-nearer", timeout=1).close()  # and a default is no setting
    assert capfd.readouterr().err == ""
    config.set("http.timeout", 12)
    for _ in range(3):
        tg.Client(config, name="lint-nearer", attempt_timeout=13).close()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("tidegate warning: config: client 'lint-nearer': an attempt may take")


def test_a_breaker_for_which_nothing_is_slow_is_told(capfd):
    gate = tg.Gate("lint-slow", breaker={"slow_after": 20})
    tg.Client(name="lint-slow", gate=gate).close()
    assert "a call is slow after 20 s (breaker.slow_after), but has ended after 15 s" in (
        capfd.readouterr().err
    )


def test_workers_that_share_nothing_are_told_what_they_come_to(tmp_path):
    program = (
        "import tidegate as tg\n"
        "for _ in range(2): tg.Gate('encar', pace=0.5, pause=(20, 1, 3))\n"
        "tg.Limiter('other', rate='10/s')\n"
        "tg.Breaker('third', consecutive=5)\n"
        f"tg.Gate('shared', pace=0.5, share='host', state_dir={str(tmp_path / 'state')!r})\n"
        "tg.Gate('places', concurrency=8)\n"
        "tg.Client(name='fourth').close()\n"
    )

    def said(**environment: str) -> list[str]:
        names = ("WEB_CONCURRENCY", "WORKER_COUNT", "GUNICORN_CMD_ARGS")
        clean = {name: value for name, value in os.environ.items() if name not in names}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**clean, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stderr.splitlines()

    assert said() == said(WORKER_COUNT="1") == said(WEB_CONCURRENCY="many") == []
    assert said(WEB_CONCURRENCY="4") == [
        "tidegate warning: config: gate 'encar': 4 workers (WEB_CONCURRENCY) count each for "
        "themselves: together 4 in 0.5 s start instead of 1 in 0.5 s; with gate.share = host they "
        "count together",
        "tidegate warning: config: limiter 'other': 4 workers (WEB_CONCURRENCY) count each for "
        "themselves: together 40 in 1 s start instead of 10 in 1 s; with gate.share = host they "
        "count together",
        "tidegate warning: config: breaker 'third': 4 workers (WEB_CONCURRENCY) count each for "
        "themselves: their breakers open after 4 x 5 calls instead of 5; with breaker.share = host "
        "they count together, with redis they open together",
    ]
    assert len(said(WORKER_COUNT="2")) == len(said(GUNICORN_CMD_ARGS="-w 8 --timeout 30")) == 3


def test_attempts_around_a_client_that_tries_again_are_told_multiplied(capfd):
    http = tg.Client(transport=MockTransport(Faults(["connect_failed"] * 100)))

    @tg.retry(attempts=3, budget=100)
    def ask() -> int:
        return http.get("http://a.test/").status

    with virtual_time():
        for _ in range(2):
            with pytest.raises(tg.ConnectionFailed):
                ask()
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].endswith(
        ".ask: its calls are tried 4 times by themselves: 3 x 4 = 12 attempts; take one of the two "
        "away, as with RetryPolicy(attempts=1) for the client"
    )


def test_so_are_those_around_attempts_of_a_function(capfd):
    @tg.retry(attempts=2)
    def inner() -> None:
        raise ConnectionError("down")

    @tg.retry(attempts=3)
    def outer() -> None:
        inner()

    @tg.retry(attempts=5)
    def outermost() -> None:
        outer()

    with virtual_time(), pytest.raises(ConnectionError):
        outermost()
    said = capfd.readouterr().err
    assert "outer: its calls are tried 2 times by themselves: 3 x 2 = 6 attempts" in said
    assert "outermost: its calls are tried 6 times by themselves: 5 x 6 = 30 attempts" in said


def test_what_is_tried_again_in_one_place_alone_says_nothing(capfd):
    once = tg.Client(
        retry=tg.RetryPolicy(attempts=1),
        transport=MockTransport(Faults(["connect_failed"] * 100)),
    )

    @tg.retry(attempts=3)
    def around_one() -> int:
        return once.get("http://a.test/").status

    @tg.retry(attempts=3)
    def plain() -> None:
        raise ConnectionError("down")

    with virtual_time():
        with pytest.raises(tg.ConnectionFailed):
            around_one()
        with pytest.raises(ConnectionError):
            plain()
    assert capfd.readouterr().err == ""
