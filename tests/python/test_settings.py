"""Arguments and settings: what is wrong is refused before anything runs, and named."""

import inspect
import json
import math
from pathlib import Path
from typing import Any

import pytest

import tidegate as tg

WRONG_DURATIONS = [
    True,
    -1,
    -0.001,
    math.nan,
    math.inf,
    86_401,
    "15",
    "-1s",
    "1 fortnight",
    "",
    b"1s",
    [],
]


@pytest.mark.parametrize("wrong", WRONG_DURATIONS, ids=repr)
def test_a_wrong_timeout_is_refused(ex: tg.Executor, db: tg.Database, wrong: Any) -> None:
    """Everywhere by the same rule, with the argument's name."""
    for verb in (
        lambda: db.query("SELECT 1", timeout=wrong),
        lambda: ex.call(print, timeout=wrong),
        lambda: tg.page(wrong),
        lambda: tg.shutdown(wrong),
    ):
        with pytest.raises(ValueError, match="timeout"):
            verb()


@pytest.mark.parametrize("wrong", WRONG_DURATIONS, ids=repr)
def test_a_wrong_duration_is_refused_as_a_setting(wrong: Any) -> None:
    """The message names the key."""
    with pytest.raises(tg.ConfigError, match="query_timeout"):
        tg.Executor(query_timeout=wrong)


@pytest.mark.parametrize("timeout", [1, 1.5, "1s", "250ms", "1.5 s", 86_400])
def test_durations_are_seconds_or_texts(db: tg.Database, timeout: float | str) -> None:
    """As configuration writes them."""
    assert db.query("SELECT 1", timeout=timeout).result().source == "fresh"


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "many", 10**9])
def test_a_wrong_number_is_refused(ex: tg.Executor, wrong: Any) -> None:
    """A bool is no number, a float no integer."""
    with pytest.raises(tg.ConfigError, match=r"executor\.max_running"):
        tg.Executor(max_running=wrong)
    with pytest.raises(tg.ConfigError, match=r"sqlite\.concurrency"):
        ex.sqlite("cars.db", concurrency=wrong)
    with pytest.raises(tg.ConfigError, match="callable_concurrency"):
        ex.callables("x", concurrency=wrong)


@pytest.mark.parametrize("wrong", ["", "a\0b", b"cars.db"])
def test_a_wrong_path_is_refused(ex: tg.Executor, wrong: Any) -> None:
    """Before it is opened."""
    with pytest.raises(tg.InvalidArgument, match="path"):
        ex.sqlite(wrong)


def test_an_unknown_key_names_the_nearest() -> None:
    """In code as in a document."""
    config = tg.Config()
    with pytest.raises(tg.ConfigError, match=r"executor\.queue"):
        config.set("executor.queu", 1)
    with pytest.raises(tg.ConfigError, match=r"executor\.queue"):
        config.get("executor.queu")
    with pytest.raises(tg.ConfigError, match="concurrency"):
        config.load_json('{"sqlite": {"concurency": 2}}')


def test_keyword_arguments_are_the_keys() -> None:
    """Every key of a section is an argument of what it belongs to, and no argument lacks a key."""
    keys = {key.name for key in tg.Config().keys()}  # noqa: SIM118
    executor = set(inspect.signature(tg.Executor).parameters) - {"config"}
    sqlite = set(inspect.signature(tg.Executor.sqlite).parameters)
    sqlite -= {"self", "path", "writable", "name", "service", "gate"}  # executor.gate

    # What no document and no environment can say.
    in_code = {"config", "name", "service", "retry", "transport"}
    for client in (tg.Client, tg.AsyncClient):
        http = set(inspect.signature(client).parameters) - in_code
        http.add("hedge_delay")  # a hedge= that is no bool
        assert {f"http.{name}" for name in http} == {k for k in keys if k.startswith("http.")}
    retry = set(inspect.signature(tg.RetryPolicy).parameters) - {"statuses"}
    assert {f"retry.{name}" for name in retry} == {k for k in keys if k.startswith("retry.")}
    breaker = set(inspect.signature(tg.Breaker).parameters) - {
        "name",
        "state_dir",  # gate.state_dir, as the next two
        "redis",
        "redis_timeout",
        "ignore",
        "config",
        "service",
    }
    assert {f"breaker.{name}" for name in breaker} == {k for k in keys if k.startswith("breaker.")}
    elsewhere = {"executor.page_timeout"}  # page(timeout), configure()
    assert {f"executor.{name}" for name in executor} | elsewhere == {
        key for key in keys if key.startswith("executor.")
    }
    assert {f"sqlite.{name}" for name in sqlite} == {k for k in keys if k.startswith("sqlite.")}


def test_defaults_are_those_of_the_library() -> None:
    """The sentences in the docstrings are true."""
    config = tg.Config()

    assert config.get("executor.query_timeout") == 15.0
    assert config.get("executor.page_timeout") == 18.0
    assert config.get("executor.max_running") == 64
    assert config.get("executor.queue") == 1000
    assert config.get("executor.callable_concurrency") == 16
    assert config.get("executor.zombies_per_permit") == 2
    assert config.get("sqlite.concurrency") == 4
    assert config.get("runtime.shutdown_timeout") == 2.0
    assert (config.get("cache.ttl"), config.get("cache.stale_for")) == (60.0, 3600.0)
    assert (config.get("cache.jitter"), config.get("cache.sliding")) == (0.1, False)
    assert (config.get("http.max_connections"), config.get("http.queue")) == (100, 1000)
    assert config.get("http.max_connections_per_origin") == 100
    assert (config.get("http.pool_timeout"), config.get("http.connect_timeout")) == (5.0, 3.0)
    assert (config.get("http.attempt_timeout"), config.get("http.read_timeout")) == (5.0, 5.0)
    assert (config.get("http.timeout"), config.get("http.max_body")) == (15.0, 32 << 20)
    assert (config.get("http.max_redirects"), config.get("http.ssrf")) == (5, "redirects")
    assert (config.get("http.dns_threads"), config.get("http.dns_ttl")) == (4, 60.0)
    assert config.get("http.dns_stale_for") == 600.0
    assert (config.get("retry.attempts"), config.get("retry.backoff")) == (4, 0.1)
    assert (config.get("retry.max_backoff"), config.get("retry.max_retry_after")) == (10.0, 60.0)
    assert (config.get("retry.budget"), config.get("retry.budget_per_second")) == (0.2, 3.0)
    assert config.get("retry.budget_most") == 100.0
    assert (config.get("breaker.failure_rate"), config.get("breaker.slow_rate")) == (0.5, 0.8)
    assert (config.get("breaker.min_calls"), config.get("breaker.window")) == (20, 60.0)
    assert (config.get("breaker.probes"), config.get("breaker.probe_timeout")) == (3, 10.0)
    assert (config.get("breaker.open_for"), config.get("breaker.max_open_for")) == (5.0, 300.0)
    assert (config.get("breaker.slow_after"), config.get("breaker.consecutive")) == (0.0, 0)
    assert tg.page()._timeout == 18.0


def test_a_configuration_is_read_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later settings win."""
    file = tmp_path / "tidegate.json"
    file.write_text('{"executor": {"queue": 5, "max_running": 7}}')
    monkeypatch.setenv("TIDEGATE_EXECUTOR__QUEUE", "6")
    config = tg.Config()
    config.load_file(file)
    config.load_env()
    config.set("executor.query_timeout", 0.25)

    assert (config.get("executor.queue"), config.get("executor.max_running")) == (6, 7)
    assert config.get("executor.query_timeout") == 0.25
    assert json.loads(config.to_json())["executor"]["queue"] == 6


def test_a_service_has_settings_of_its_own(cars: Path) -> None:
    """What is not set for it is everybody's."""
    config = tg.Config()
    config.set("sqlite.max_rows", 1, service="tiny")

    assert (
        config.get("sqlite.max_rows", service="tiny"),
        config.get("sqlite.max_rows"),
    ) == (1, 100_000)
    assert config.services() == ["tiny"]
    with tg.Executor(config) as ex:
        with pytest.raises(tg.TooLarge):
            ex.sqlite(cars, service="tiny").query("SELECT * FROM cars").result()
        relaxed = ex.sqlite(cars, service="tiny", max_rows=5)
        assert len(relaxed.query("SELECT * FROM cars").result().value) == 3


def test_a_secret_is_not_shown() -> None:
    """Neither among the settings nor in a refusal."""
    config = tg.Config()
    config.set("cache.redis", "redis://:hunter2@cache.example:6379/0", service="encar")

    assert "hunter2" not in config.to_json()
    assert config.get("cache.redis") == ""
    with pytest.raises(tg.ConfigError) as refused:
        config.load_json('{"cache": {"redis": 2}}')
    assert "2" not in str(refused.value)


def test_a_copy_is_independent() -> None:
    """The executor's own changes do not come back into the caller's configuration."""
    config = tg.Config()
    tg.Executor(config, queue=3)

    assert config.get("executor.queue") == 1000


def test_a_lane_is_made_once(ex: tg.Executor) -> None:
    """A second name for it must agree."""
    lane = ex.callables("ads", concurrency=2)

    assert lane is ex.callables("ads")
    with pytest.raises(tg.InvalidArgument, match="ads"):
        ex.callables("ads", concurrency=3)


def test_configure_sets_the_page_timeout() -> None:
    """What belongs to the process is applied to it."""
    config = tg.Config()
    config.set("executor.page_timeout", "3s")
    tg.configure(config)
    try:
        assert tg.page()._timeout == 3.0
    finally:
        tg.configure(tg.Config())


def test_the_version_is_the_library_s() -> None:
    """It is written down once."""
    assert tg.__version__.count(".") == 2
