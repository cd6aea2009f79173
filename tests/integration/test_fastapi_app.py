"""The FastAPI application before and after tidegate was swapped in: examples/fastapi."""

import contextlib
import difflib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from ..support.redis_process import redis_server
from .fastapi_app import ENTRYPOINT, HEAD, App, Outcome, bad_hour, requests
from .serving import ROOT, clean_environment, until

FOLDER = ROOT / "examples/fastapi"
BEFORE, AFTER = FOLDER / "before/app", FOLDER / "after/app"
HOME, ALERTS = "/api/v1/home/recommendations", "/api/v1/analytics/price-alerts"
THREADS_OF_A_LANE = 3 * 10  # for each of its permits one that runs and two that were given up
WHICH = pytest.mark.parametrize("which", ["before", "after"])


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    with redis_server(tmp_path_factory.mktemp("redis")) as redis:
        yield redis.url


def on(url: str, database: int) -> str:
    """The URL of another database of the same Redis."""
    return url.removesuffix("/0") + f"/{database}"


@pytest.fixture
def start(tmp_path: Path, built_database: Path) -> Iterator[Callable[..., App]]:
    """Starts applications of the test's own."""
    apps: list[App] = []

    def start_one(which: str = "after", **environment: str) -> App:
        folder = tmp_path / f"app-{len(apps)}"
        apps.append(App(which, folder, built_database, **environment))
        return apps[-1]

    yield start_one
    stop(apps)


def stop(apps: list[App]) -> None:
    for app in apps:
        app.ask_to_stop()
    for app in apps:
        app.stop()


@pytest.fixture(scope="module")
def well(
    tmp_path_factory: pytest.TempPathFactory, built_database: Path
) -> Iterator[dict[str, App]]:
    """Both applications, for tests that only read, over a BigQuery that answers at once."""

    def start_one(which: str, **environment: str) -> App:
        return App(which, tmp_path_factory.mktemp(which), built_database, **environment)

    apps = {which: quick(start_one, which) for which in ("before", "after")}
    yield apps
    stop(list(apps.values()))


def quick(start: Callable[..., App], which: str, **environment: str) -> App:
    """One worker whose BigQuery answers at once."""
    environment = {"LATENCY_SCALE": "0", "QUERY_TIMEOUT": "15", "PAGE_TIMEOUT": "18"} | environment
    return start(which, WORKER_COUNT="1", **environment).wait_until_serving(1)


def answer(app: App, path: str, **params: Any) -> dict[str, Any]:
    response = app.get(path, params=params)
    assert response.status_code == 200, response.text + app.log()
    body: dict[str, Any] = response.json()
    return body


# What the two have in common, and what tells them apart.


def endpoints_of(source: str) -> dict[str, str]:
    """The text of each endpoint, by its name; under "" what is outside."""
    parts = re.split(r"^(?=@router\.get|def )", source, flags=re.M)
    found = {}
    for part in parts:
        name = re.search(r"async def (\w+)\(", part) if part.startswith("@router") else None
        found[name[1] if name else ""] = found.get(name[1] if name else "", "") + part
    return found


def test_the_swap_is_two_lines_an_endpoint() -> None:
    """And what is not in after/ is the same file."""
    before = endpoints_of((BEFORE / "endpoints.py").read_text())
    after = endpoints_of((AFTER / "endpoints.py").read_text())
    assert before.keys() == after.keys() == {"", "recommendations", "price_alerts"}
    for name, text in before.items():
        diff = list(difflib.ndiff(text.splitlines(), after[name].splitlines()))
        gone = [line for line in diff if line.startswith("- ")]
        come = [line for line in diff if line.startswith("+ ")]
        assert (len(gone), len(come)) == (1, 2), (name, gone, come)
    changed = {str(path.relative_to(AFTER)) for path in AFTER.rglob("*.py")}
    services = {f"services/{name}.py" for name in ("warehouse", "cache", "customs_service")}
    new = {"encar.py", "services/encar_service.py"}
    assert changed == {"endpoints.py", "main.py", *services, *new}
    assert not any((BEFORE / name).exists() for name in new)
    assert not any("tidegate as" in path.read_text() for path in BEFORE.rglob("*.py"))


@WHICH
def test_the_container_s_command_starts_it_as_it_is_set_up(which: str, tmp_path: Path) -> None:
    """Four workers, 1,000 connections in each, 120 s, a backlog of 2,048."""
    compose = (FOLDER / "docker-compose.yml").read_text()
    environment = dict(re.findall(r"^      ([A-Z_]+): \"(.*)\"$", compose, re.M))
    assert environment["WORKER_COUNT"] == "4"
    environment = clean_environment(**environment, PYTHON=sys.executable)
    show = [ENTRYPOINT, which, "--print-config"]
    printed = subprocess.check_output(show, env=environment, cwd=tmp_path, text=True)
    settings = dict(re.findall(r"^(\w+)\s+= (.*)$", printed, re.M))
    wanted = {
        "workers": "4",
        "timeout": "120",
        "backlog": "2048",
        "worker_class": "app.worker.Worker",
    }
    assert {name: settings[name] for name in wanted} == wanted

    worker = "from app.worker import Worker; print(Worker.CONFIG_KWARGS['limit_concurrency'])"
    path = {**environment, "PYTHONPATH": str(FOLDER / "before")}
    assert subprocess.check_output([sys.executable, "-c", worker], env=path) == b"1000\n"
    wrong = subprocess.run([ENTRYPOINT, "later"], capture_output=True, text=True)
    assert (wrong.returncode, "before or after" in wrong.stderr) == (2, True)


def test_the_database_is_built_once_by_the_server_that_knows_how(
    built_database: Path, tmp_path: Path
) -> None:
    """And the server ends."""
    from .serving import BINARY

    database = Path(shutil.copyfile(built_database, tmp_path / "cars.db"))
    done = database.stat().st_mtime_ns
    prepare = [sys.executable, FOLDER / "prepare.py", BINARY, database]
    subprocess.run(prepare, check=True, timeout=60, capture_output=True)
    assert database.stat().st_mtime_ns == done
    assert subprocess.run([*prepare[:-1], tmp_path], capture_output=True).returncode != 0


# What each does.


def test_both_give_the_same_answers(well: dict[str, App]) -> None:
    """To every request, where nothing is late."""
    apps = list(well.values())
    for path, params in [
        (HOME, {}),
        (HOME, {"limit": 7, "make": "Audi"}),
        (ALERTS, {}),
        (ALERTS, {"make": "Ford", "model": "Fiesta", "below_percent": 30, "page_size": 3}),
    ]:
        one, other = (answer(app, path, **params) for app in apps)
        assert one == other
        assert one["meta"] == {"source": "fresh", "age_s": 0, "degraded": False}
    for wrong in ({"limit": 0}, {"make": "Lada"}, {"limit": "many"}):
        assert {app.get(HOME, params=wrong).status_code for app in apps} == {422}
    for token in ("x", "b", "bzE", "LTE=", "\N{SNOWMAN}"):
        assert {app.get(ALERTS, params={"page_token": token}).status_code for app in apps} == {422}


@WHICH
def test_the_pages_hold_every_alert_once(well: dict[str, App], which: str) -> None:
    """By following the tokens."""
    app, token, seen = well[which], "", []
    while token is not None:
        page = answer(app, ALERTS, make="Audi", page_size=100, page_token=token)
        seen += [car["id"] for car in page["alerts"]]
        token = page["next_page_token"]
    assert len(seen) == len(set(seen)) == page["total"]
    assert all(car["below_percent"] >= 20 for car in page["alerts"])


@WHICH
def test_an_answer_is_fresh_then_cached_then_stale(
    start: Callable[..., App], redis_url: str, which: str
) -> None:
    """And the default where there never was one; every source is counted."""
    url = on(redis_url, 2 if which == "before" else 3)
    brief = {"REDIS_URL": url, "RECOMMENDATIONS_TTL": "0.001"}
    well = quick(start, which, REDIS_URL=url)
    soon_old = quick(start, which, **brief)
    late = quick(start, which, **brief, LATENCY_SCALE="1", QUERY_TIMEOUT="0.05")
    assert well.get("/health").json()["redis"] == "ok"

    fresh = answer(well, HOME, make="BMW")
    cached = answer(well, HOME, make="BMW")
    old = answer(soon_old, HOME, make="Audi")
    until(lambda: is_written(soon_old), what="the old answer in Redis")
    stale = answer(late, HOME, make="Audi")
    default = answer(late, HOME, make="Skoda")
    found = [(body["meta"]["source"], body["meta"]["degraded"]) for body in (fresh, cached, stale)]
    assert found == [("fresh", False), ("cached", False), ("stale", True)]
    assert fresh["recommendations"] == cached["recommendations"]
    assert old["recommendations"] == stale["recommendations"]
    assert stale["meta"]["age_s"] > 0
    assert default["meta"] == {"source": "default", "age_s": 0, "degraded": True}
    assert [car["model"] for car in default["recommendations"]] == ["Fabia"]
    assert answer(well, HOME, make="BMW", limit=5)["meta"]["source"] == "fresh"  # another key

    assert answer(well, "/stats")["answers"] == {"fresh": 2, "cached": 1}
    counted = answer(late, "/stats")
    assert counted["answers"] == {"stale": 1, "default": 1}
    assert counted["queries"] == {"fresh": 0, "default": 8}
    assert counted["zombies"] > 0  # BigQuery has not answered yet


def is_written(app: App) -> bool:
    """Its answer is in Redis; after/ writes behind the answer, before/ ahead of it."""
    counted = answer(app, "/stats")
    return app.which == "before" or counted["cache"]["tier"]["stored"] == 1


@pytest.mark.parametrize(
    ("which", "again", "says"), [("before", "fresh", "refused"), ("after", "cached", "down")]
)
def test_without_its_redis_it_goes_on(
    start: Callable[..., App], which: str, again: str, says: str
) -> None:
    """Before, nothing is kept then; after, each worker keeps its own."""
    app = quick(start, which, REDIS_URL="redis://127.0.0.1:1/0")
    sources = [answer(app, HOME)["meta"]["source"] for _ in range(2)]
    assert sources == ["fresh", again]
    assert says in app.get("/health").json()["redis"]


def test_after_asks_once_for_all_who_want_the_same(start: Callable[..., App]) -> None:
    """Eight browsers, one load of four queries."""
    app = quick(start, "after", LATENCY_SCALE="0.02")
    with ThreadPoolExecutor(8) as browsers:
        bodies = list(browsers.map(lambda _: answer(app, HOME)["recommendations"], range(8)))
    assert all(body == bodies[0] for body in bodies)
    counted = answer(app, "/stats")
    assert counted["queries"] == {"fresh": 4, "default": 0}
    assert counted["answers"].keys() <= {"fresh", "cached"}
    assert sum(counted["answers"].values()) == 8
    assert counted["cache"]["puts"] == 1


def test_after_all_who_wait_for_a_late_load_have_its_fallback(start: Callable[..., App]) -> None:
    """And the next one has a load of its own."""
    app = quick(start, "after", LATENCY_SCALE="1000", QUERY_TIMEOUT="0.5")
    with ThreadPoolExecutor(4) as browsers:
        bodies = list(browsers.map(lambda _: answer(app, HOME), range(4)))
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["meta"] == {"source": "default", "age_s": 0, "degraded": True}
    asked = answer(app, "/stats")["queries"]["default"]
    assert answer(app, HOME)["meta"]["source"] == "default"
    assert answer(app, "/stats")["queries"]["default"] == asked + 4


def test_after_has_the_health_and_the_metrics_of_tidegate(well: dict[str, App]) -> None:
    """Beside its own."""
    app = well["after"]
    answer(app, HOME, limit=2)
    assert answer(app, "/health")["status"] == "healthy"
    assert answer(app, "/health/ready")["status"] == "ready"
    assert 'tidegate_executor_submitted_total{lane="bigquery"}' in app.get("/metrics").text


@WHICH
def test_a_job_that_is_told_its_deadline_leaves_no_zombie(
    start: Callable[..., App], which: str
) -> None:
    """BigQuery stops it."""
    app = quick(start, which, LATENCY_SCALE="1000", QUERY_TIMEOUT="0.05", JOB_TIMEOUT="1")
    assert answer(app, HOME)["meta"]["source"] == "default"
    until(lambda: answer(app, "/stats")["zombies"] == 0, what="the last zombie to end")


def test_after_leaves_a_bigquery_alone_that_is_gone(start: Callable[..., App]) -> None:
    """All queries of a page have their fallbacks then, and none is sent."""
    app = quick(start, "after", LATENCY_SCALE="1000", QUERY_TIMEOUT="0.2", JOB_TIMEOUT="1")
    ask, limits = Asker(app), itertools.cycle(range(1, 50))

    def refused() -> float:
        return ask.metric("tidegate_executor_shed_total", 'lane="bigquery",cause="gate"')

    def refused_of_a_page() -> float:
        before = refused()
        body = answer(app, HOME, limit=next(limits))
        assert body["meta"] == {"source": "default", "age_s": 0, "degraded": True}
        return refused() - before

    assert refused_of_a_page() == 0
    until(lambda: refused_of_a_page() == 4, 60, "a page without a query")
    assert ask.metric("tidegate_breaker_changes_total", 'breaker="bigquery",state="open"') >= 1


# The bad hour.


def both(workers: int, url: str, first: int = 0, **more: str) -> dict[str, dict[str, str]]:
    """Each with a Redis database of its own."""
    shared = {"WORKER_COUNT": str(workers), "RECOMMENDATIONS_TTL": "30", "PRICE_ALERTS_TTL": "12"}
    shared |= more
    return {
        which: {"which": which, "REDIS_URL": on(url, number), **shared}
        for number, which in enumerate(("before", "after"), first)
    }


def report(outcomes: dict[str, Outcome]) -> None:
    print("\n" + "\n".join([HEAD, *(outcome.row(name) for name, outcome in outcomes.items())]))


def test_after_a_bad_hour_every_browser_has_its_answer(
    start: Callable[..., App], redis_url: str
) -> None:
    """Times 1:10; the same requests for both."""
    wanted = requests(seed=7, rate=9, seconds=5, sets=12)
    variants = both(2, redis_url, RECOMMENDATIONS_TTL="2", PRICE_ALERTS_TTL="2")
    outcomes = bad_hour(start, wanted, variants)
    report(outcomes)
    check(outcomes["after"], len(wanted))


@pytest.mark.deep
def test_after_a_long_bad_hour_every_browser_has_its_answer(
    start: Callable[..., App], redis_url: str
) -> None:
    """Four workers, cold; without and with BigQuery being told the deadline; and a few hot keys."""
    many = requests(seed=7, rate=20, seconds=30, sets=400)
    few = requests(seed=7, rate=20, seconds=30, sets=12)
    short = {"RECOMMENDATIONS_TTL": "3", "PRICE_ALERTS_TTL": "3"}
    outcomes: dict[str, Outcome] = {}
    for database, (name, wanted, settings) in enumerate(
        [("", many, {}), (", job timeout", many, {"JOB_TIMEOUT": "1"}), (", few keys", few, short)]
    ):
        variants = both(4, redis_url, 4 + 2 * database, **settings)
        for which, outcome in bad_hour(start, wanted, variants).items():
            outcomes[which + name] = outcome
            if which == "after":
                check(outcome, len(wanted))
    report(outcomes)


def check(outcome: Outcome, asked: int) -> None:
    assert outcome.sources["failed"] == 0, outcome.failures
    assert outcome.sources.total() == asked
    assert max(outcome.zombies.values()) <= THREADS_OF_A_LANE


class Asker:
    """Asks an application for numbers, each time over a new connection."""

    def __init__(self, app: App) -> None:
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(base_url=app.url, limits=limits, timeout=30)

    def get(self, path: str) -> httpx.Response:
        return self._http.get(path)

    def metric(self, name: str, labels: str = "") -> float:
        """The sum of its samples with these labels, as whoever answers tells it."""
        which = rf"\{{{labels}\}}" if labels else r"(?:\{.*\})?"
        found = re.findall(rf"^{name}{which} (\S+)$", self.get("/metrics").text, re.M)
        return sum(map(float, found))

    def health(self) -> dict[str, Any]:
        told: dict[str, Any] = self.get("/health").json()
        return told


def test_any_of_four_workers_speaks_for_all(start: Callable[..., App]) -> None:
    """Its metrics are the sum, also of a worker that was killed; health names the living."""
    environment = {"LATENCY_SCALE": "0", "QUERY_TIMEOUT": "15", "PAGE_TIMEOUT": "18"}
    app = start(WORKER_COUNT="4", **environment).wait_until_serving(4)
    ask = Asker(app)
    workers = set(ask.health()["workers"])
    assert len(workers) == 4

    submitted = "tidegate_executor_submitted_total"
    with ThreadPoolExecutor(8) as clients:
        paths = [f"{HOME}?limit={1 + n}&make=Audi" for n in range(20)]
        assert [r.status_code for r in clients.map(ask.get, paths)] == [200] * 20
        before = ask.metric(submitted)
        assert before >= 20
        assert set(clients.map(lambda _: ask.metric(submitted), range(20))) == {before}
        assert {told["pid"] for told in clients.map(lambda _: ask.health(), range(20))} <= workers

    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    counted = [before]

    def replaced() -> bool:
        with contextlib.suppress(httpx.HTTPError):  # what it had accepted is lost
            counted.append(ask.metric(submitted))
            alive = set(ask.health()["workers"])
            return victim not in alive and len(alive) == 4
        return False

    until(replaced, what="another worker")
    assert counted == sorted(counted)
    assert ask.metric(submitted) == before
    assert ask.metric("tidegate_workers_gone_total") == 1
    maps = Path(f"/proc/{min(ask.health()['workers'])}/maps").read_text()
    (directory,) = set(re.findall(r"(/\S*/cars-\w+)/stats-", maps))
    assert Path(directory).is_dir()
    assert app.stop() == 0, app.log()
    assert not Path(directory).exists()
