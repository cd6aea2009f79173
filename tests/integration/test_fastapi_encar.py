"""Encar in the FastAPI application: four workers, and one gate of them all. examples/fastapi."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from .fastapi_app import App
from .pace import starts_of, too_close, too_early
from .serving import until
from .upstream import Upstream

WORKERS, CARS, FIRST_ID = 4, 120, 7_000_001
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
        settings = {
            "WORKER_COUNT": str(workers),
            "GUNICORN_CMD_ARGS": "--keep-alive=120",  # a connection stays with its worker
            "PAGE_TIMEOUT": "60",
            "ENCAR_TIMEOUT": "30",
            "ENCAR_SCALE": str(SCALE),
            **environment,
        }
        app = App("after", tmp_path / "app", built_database, **settings)
        apps.append(app)
        return app.wait_until_serving(workers)

    yield start_one
    for app in apps:
        assert app.stop() == 0, app.log()


@pytest.fixture
def site_of(start: Callable[..., App], site: Upstream) -> Callable[..., App]:
    """The application that asks the site."""
    return partial(start, ENCAR_URL=site.url)


def path_of(number: int) -> str:
    return f"/api/v1/encar/{FIRST_ID + number}"


def ask(app: App, number: int = 0) -> httpx.Response:
    return app.get(path_of(number))


@contextmanager
def line_to_each(app: App) -> Iterator[dict[int, httpx.Client]]:
    """A connection that is kept to each worker, by its pid."""
    kept = httpx.Limits(keepalive_expiry=None)
    with ExitStack() as opened, ThreadPoolExecutor(8) as browsers:
        lines: dict[int, httpx.Client] = {}

        def connect(client: httpx.Client) -> tuple[int, httpx.Client]:
            return client.get("/stats").json()["pid"], client

        def found() -> bool:
            some = [httpx.Client(base_url=app.url, timeout=60, limits=kept) for _ in range(8)]
            for client in some:
                opened.enter_context(client)
            for pid, client in browsers.map(connect, some):
                lines.setdefault(pid, client)
            return len(lines) == WORKERS

        until(found, 60, "a connection to each worker")
        yield lines


def test_four_workers_keep_one_pace_together(site_of: Callable[..., App], site: Upstream) -> None:
    """With the pause after each 20 starts, and none closer to another than that."""
    app = site_of()

    def crawl(line: httpx.Client, first: int) -> list[int]:
        answers = [line.get(path_of(first + number)) for number in range(10)]
        return [answer.json()["car"]["id"] - FIRST_ID for answer in answers]

    close: list[list[str]] = []
    with line_to_each(app) as lines:
        httpx.get(site.url, timeout=30)
        for first in (0, 40, 80):  # the pauses are counted on
            seen = len(starts_of(site.told, ASKED))
            firsts = range(first, first + 40, 10)
            with ThreadPoolExecutor(WORKERS) as browsers:
                cars = list(browsers.map(crawl, lines.values(), firsts))
            assert [car for some in cars for car in some] == list(range(first, first + 40))
            series = starts_of(site.told, ASKED)[seen:]
            assert len(series) == 40
            close.append(too_close(series, INTERVAL, every=EVERY, pause=LEAST))
            if not close[-1]:
                break
        counted = [line.get("/stats").json() for line in lines.values()]
    assert close[-1] == [], close
    assert [told["encar"]["granted"] for told in counted] == [10 * len(close)] * WORKERS
    assert {told["pid"] for told in counted} == set(lines)
    (begin,) = (each["at"] for each in site.told["log"] if each["what"] == "GET /")
    starts = starts_of(site.told, ASKED)
    assert too_early(begin, starts, INTERVAL, every=EVERY, pause=LEAST) == []


def test_a_breaker_that_one_worker_trips_is_open_in_all(
    site_of: Callable[..., App], site: Upstream
) -> None:
    """Who comes then is told so by each of them, and Encar is left alone."""
    app = site_of(ENCAR_OPEN_FOR="300", ENCAR_SCALE="0.001")
    with line_to_each(app) as lines:
        first, *_ = lines.values()
        assert first.get(path_of(0)).status_code == 200
        assert first.get("/health").json()["encar"] == "ok"
        site.set(failure_rate=1.0)
        for _ in range(5):
            answer = first.get(path_of(0))
            assert (answer.status_code, answer.json()["detail"]) == (503, "no answer: http_status")
        for pid, line in lines.items():
            answer = line.get(path_of(0))
            assert (answer.status_code, answer.json()["detail"]) == (503, "no answer: circuit_open")
            assert 100 < int(answer.headers["Retry-After"]) <= 360
            told = line.get("/health").json()
            assert (told["status"], told["encar"], told["pid"]) == ("healthy", "open", pid)
            assert '\ntidegate_breaker_state{breaker="encar"} 1\n' in line.get("/metrics").text
            counted = line.get("/stats").json()["encar"]
            assert (counted["refused"], counted["breaker"]) == (1, "open")
    assert len(starts_of(site.told, ASKED)) == 6


def test_after_its_time_one_worker_s_probes_close_it_for_all(
    site_of: Callable[..., App], site: Upstream
) -> None:
    app = site_of(ENCAR_OPEN_FOR="0.001", ENCAR_SCALE="0.001")
    site.set(script=[500] * 5)
    assert {ask(app).status_code for _ in range(5)} == {503}
    until(lambda: ask(app).status_code == 200 and app.get("/health").json()["encar"] == "ok")
    with line_to_each(app) as lines:
        for line in lines.values():
            assert line.get(path_of(0)).status_code == 200
            assert line.get("/health").json()["encar"] == "ok"


def test_whose_turn_would_come_too_late_is_told_so_at_once(
    site_of: Callable[..., App], site: Upstream
) -> None:
    """With the time after which it would, and without a request."""
    app = site_of(workers=1, ENCAR_SCALE="1000")
    assert ask(app).status_code == 200
    late = ask(app)
    assert (late.status_code, late.json()["detail"]) == (503, "no answer: rate_limited")
    assert int(late.headers["Retry-After"]) > 60
    assert len(starts_of(site.told, ASKED)) == 1


def test_a_car_that_encar_has_not_is_no_failure(
    site_of: Callable[..., App], site: Upstream
) -> None:
    app = site_of(workers=1, ENCAR_SCALE="0.001")
    assert {ask(app, CARS + number).status_code for number in range(8)} == {404}
    assert app.get("/health").json()["encar"] == "ok"
    assert app.get("/api/v1/encar/none").status_code == 422


def test_without_a_url_there_is_no_encar(start: Callable[..., App]) -> None:
    app = start(workers=1)
    answer = ask(app)
    assert (answer.status_code, "ENCAR_URL" in answer.text) == (404, True)
    assert app.get("/health").json()["encar"] == "off"
    assert "encar" not in app.get("/stats").json()
