"""The URL of Redis: taken, never shown with its password."""

import json
import subprocess

import pytest

from .serving import BINARY, clean_environment

URLS = {
    "redis://cache": "redis://cache",
    "redis://:hunter2@cache": "redis://***@cache",
    "redis://me:hunter2@cache.internal:6380/2?db=hunter2": "redis://***@cache.internal:6380/2",
    "redis://me:hunt%2Fer2@[::1]:6379/": "redis://***@[::1]:6379/",
    "redis://me:hunt@er2@127.0.0.1": "redis://***@127.0.0.1",
    "unix:///run/redis.sock?db=1": "unix:///run/redis.sock",
    "unix://me:hunter2@/run/redis.sock": "unix://***@/run/redis.sock",
}


@pytest.mark.parametrize("url", URLS)
def test_the_settings_show_that_it_is_set_and_no_more(url):
    printed = subprocess.check_output(
        [BINARY, f"--redis={url}", "--print-config"], env=clean_environment(), text=True
    )
    assert json.loads(printed)["cache"]["redis"] == "***"
    assert "hunt" not in printed


def test_what_is_not_set_is_not_shown_as_set(start):
    printed = subprocess.check_output([BINARY, "--print-config"], env=clean_environment())
    assert json.loads(printed)["cache"]["redis"] == ""
    assert "redis" not in start().get("/health").json


@pytest.mark.parametrize(("url", "shown"), URLS.items())
def test_health_says_where_it_is_without_who_we_are_there(start, url, shown):
    server = start(f"--redis={url}", log__level="debug")
    health = server.get("/health")
    assert health.json["redis"]["url"] == shown
    said = [health.text, server.get("/metrics").text, server.get("/api/v1/cache/stats").text]
    assert server.get().status == 200
    assert server.stop() == 0
    said += [server.out.read_text(), server.err.read_text()]
    assert not any("hunt" in text for text in said)
