"""Encar in the FastAPI application: four workers, and one gate of them all. examples/fastapi."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from .fastapi_app import App
from .pace import starts_of, too_early
from .serving import until
from .upstream import Upstream

WORKERS, CARS, FIRST_ID = 4, 60, 7_000_001
SCALE = 0.2
INTERVAL, EVERY, LEAST = 0.5 * SCALE, 20, 1 * SCALE
ASKED = "GET /api/cars/"


@pytest.fixture
def site(simulate: Callable[..., Upstream]) -> Upstream:
    return simulate("encar", f"--cars={CARS}")


@pytest.fixture
def start(tmp_path: Path, built_database: Path) -> Iterator[Callable[..., App]]:
    """Starts one application; it must end well."""
    apps: list[App] = []

    def start_one(workers: int = WORKERS, **environment: str) -> App:
        patient = {"PAGE_TIMEOUT": "60", "ENCAR_TIMEOUT": "30", "ENCAR_SCALE": str(SCALE)}
        count = {"WORKER_COUNT": str(workers)}
        app = App("after", tmp_path / "app", built_database, **{**patient, **count, **environment})
        apps.append(app)
        return app.wait_until_serving(workers)

    yield start_one
    for app in apps:
        assert app.stop() == 0, app.log()


def ask(app: App, number: int = 0) -> httpx.Response:
    return app.get(f"/api/v1/encar/{FIRST_ID + number}")


def ask_many(app: App, count: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(16) as browsers:
        return list(browsers.map(lambda number: ask(app, number), range(count)))


def told_by_each(app: App, path: str, enough: Callable[[dict[str, Any]], bool]) -> None:
    """Until each worker has told what is enough at this address."""
    found: dict[int, bool] = {}

    def all_have() -> bool:
        with ThreadPoolExecutor(16) as browsers:
            for answer in browsers.map(lambda _: app.get(path).json(), range(16)):
                found[answer["pid"]] = enough(answer)
        return len(found) == WORKERS and all(found.values())

    until(all_have, 60, f"each worker at {path}")


def test_four_workers_keep_one_pace_together(start: Callable[..., App], site: Upstream) -> None:
    """However many ask at once, with the pause after each 20 starts."""
    app = start(ENCAR_URL=site.url)
    httpx.get(site.url, timeout=30)
    answers = ask_many(app, 45)
    assert [answer.status_code for answer in answers] == [200] * 45, app.log()
    assert [answer.json()["car"]["id"] for answer in answers] == [
        FIRST_ID + number for number in range(45)
    ]
    (begin,) = (each["at"] for each in site.told["log"] if each["what"] == "GET /")
    starts = starts_of(site.told, ASKED)
    assert len(starts) == 45
    assert too_early(begin, starts, INTERVAL, every=EVERY, pause=LEAST) == []
    granted: dict[int, int] = {}

    def counted(answer: dict[str, Any]) -> bool:
        granted[answer["pid"]] = answer["encar"]["granted"]
        return True

    told_by_each(app, "/stats", counted)
    assert sum(granted.values()) == 45
    assert max(granted.values()) < 45  # more than one worker has asked


def test_a_breaker_that_one_worker_trips_is_open_in_all(
    start: Callable[..., App], site: Upstream
) -> None:
    """Who comes then is told so by each of them, and Encar is left alone."""
    app = start(ENCAR_URL=site.url, ENCAR_OPEN_FOR="300", ENCAR_SCALE="0.001")
    assert ask(app).status_code == 200
    assert app.get("/health").json()["encar"] == "ok"
    site.set(failure_rate=1.0)
    for _ in range(5):
        answer = ask(app)
        assert (answer.status_code, answer.json()["detail"]) == (503, "no answer: http_status")
    asked = len(starts_of(site.told, ASKED))
    assert asked == 6

    refused = ask_many(app, 32)
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["detail"] for answer in refused} == {"no answer: circuit_open"}
    assert all(100 < int(answer.headers["Retry-After"]) <= 360 for answer in refused)

    def has_refused(answer: dict[str, Any]) -> bool:
        ask(app)
        return answer["encar"]["refused"] > 0 and answer["encar"]["breaker"] == "open"

    told_by_each(app, "/stats", has_refused)
    told_by_each(app, "/health", lambda answer: answer["encar"] == "open")
    for _ in range(8):
        assert '\ntidegate_breaker_state{breaker="encar"} 1\n' in app.get("/metrics").text
    assert len(starts_of(site.told, ASKED)) == asked


def test_after_its_time_one_worker_s_probes_close_it_for_all(
    start: Callable[..., App], site: Upstream
) -> None:
    app = start(ENCAR_URL=site.url, ENCAR_OPEN_FOR="0.001", ENCAR_SCALE="0.001")
    site.set(script=[500] * 5)
    assert {ask(app).status_code for _ in range(5)} == {503}
    until(lambda: ask(app).status_code == 200 and app.get("/health").json()["encar"] == "ok")
    told_by_each(app, "/health", lambda answer: answer["encar"] == "ok")


def test_whose_turn_would_come_too_late_is_told_so_at_once(
    start: Callable[..., App], site: Upstream
) -> None:
    """With the time after which it would, and without a request."""
    app = start(workers=1, ENCAR_URL=site.url, ENCAR_SCALE="1000")
    assert ask(app).status_code == 200
    late = ask(app)
    assert (late.status_code, late.json()["detail"]) == (503, "no answer: rate_limited")
    assert int(late.headers["Retry-After"]) > 60
    assert len(starts_of(site.told, ASKED)) == 1


def test_a_car_that_encar_has_not_is_no_failure(start: Callable[..., App], site: Upstream) -> None:
    app = start(workers=1, ENCAR_URL=site.url, ENCAR_SCALE="0.001")
    assert {ask(app, CARS + number).status_code for number in range(8)} == {404}
    assert app.get("/health").json()["encar"] == "ok"
    assert app.get("/api/v1/encar/none").status_code == 422


def test_without_a_url_there_is_no_encar(start: Callable[..., App]) -> None:
    app = start(workers=1)
    answer = ask(app)
    assert (answer.status_code, "ENCAR_URL" in answer.text) == (404, True)
    assert app.get("/health").json()["encar"] == "off"
    assert "encar" not in app.get("/stats").json()
