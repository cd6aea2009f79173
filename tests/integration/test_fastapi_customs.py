"""Customs duties in the FastAPI application, before and after: examples/fastapi."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from .fastapi_app import App
from .serving import until
from .upstream import Upstream

DUTY = "/api/v1/customs/duty"
CAR = {"price_eur": 20_000, "year": 2020, "engine_cc": 1998}
TOKEN, ASKED = "POST /api/token", "GET /api/duty"
WHICH = ["before", "after"]


@pytest.fixture
def upstream(simulate: Callable[..., Upstream]) -> Upstream:
    return simulate("tks_customs", "--token-life=3600")


@pytest.fixture
def app(
    request: pytest.FixtureRequest, upstream: Upstream, tmp_path: Path, built_database: Path
) -> Iterator[App]:
    """One worker of the application that param names, and patient."""
    environment = {
        "WORKER_COUNT": "1",
        "PAGE_TIMEOUT": "60",
        "CUSTOMS_URL": upstream.url,
        "CUSTOMS_TIMEOUT": "30",
        "CUSTOMS_BACKOFF": "0.01",
    }
    one = App(request.param, tmp_path / "app", built_database, **environment)
    yield one.wait_until_serving(1)
    assert one.stop() == 0, one.log()


both = pytest.mark.parametrize("app", WHICH, indirect=True)
after = pytest.mark.parametrize("app", ["after"], indirect=True)


def ask(app: App) -> httpx.Response:
    return app.get(DUTY, params=CAR)


def ask_many(app: App, count: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(8) as browsers:
        return list(browsers.map(lambda _: ask(app), range(count)))


@both
def test_many_requests_share_one_token(app: App, upstream: Upstream) -> None:
    """And have the calculator's answer."""
    answers = ask_many(app, 24)
    assert {answer.status_code for answer in answers} == {200}, app.log()
    assert answers[0].json()["duty"] == {
        "duty_eur": 9590,
        "fee_eur": 50,
        "total_eur": 9640,
        "age_years": 6,
    }
    assert (upstream.started(TOKEN), upstream.started(ASKED)) == (1, 24)
    assert app.get("/health").json()["customs"] == "ok"
    assert "customs" in app.get("/stats").json()
    wrong = {**CAR, "fuel": "coal"}
    assert app.get(DUTY, params=wrong).status_code == 422


@both
@pytest.mark.parametrize("how", [{"revoke": True}, {"advance": 7200}], ids=["revoked", "over"])
def test_a_token_that_is_refused_is_renewed(app: App, upstream: Upstream, how: dict) -> None:
    assert ask(app).status_code == 200
    upstream.set(**how)
    assert [ask(app).status_code for _ in range(3)] == [200, 200, 200]
    assert (upstream.started(TOKEN), upstream.started(ASKED)) == (2, 5)


@after
def test_after_all_who_are_refused_at_once_have_one_renewal(app: App, upstream: Upstream) -> None:
    """Where before, each forgets what the other has just fetched."""
    assert ask(app).status_code == 200
    for renewals in (2, 3, 4):
        upstream.set(revoke=True)
        assert {answer.status_code for answer in ask_many(app, 16)} == {200}
        assert upstream.started(TOKEN) == renewals


@both
def test_what_fails_for_a_moment_is_asked_again(app: App, upstream: Upstream) -> None:
    assert ask(app).status_code == 200
    upstream.set(script=[503, 429, 500])
    assert ask(app).status_code == 200
    assert upstream.started(ASKED) == 5
    upstream.set(script=[503, 503, 503, 503])
    assert ask(app).status_code == 503
    assert upstream.started(ASKED) == 9


@both
def test_without_the_calculator_it_is_503_until_it_is_back(app: App, upstream: Upstream) -> None:
    """And /health says so."""
    assert ask(app).status_code == 200
    upstream.kill()
    answer = ask(app)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    told = app.get("/health").json()
    assert (told["status"], told["customs"]) == (
        "healthy",
        "connect" if app.which == "after" else "ConnectionError",
    )
    upstream.start()
    assert ask(app).status_code == 200
    assert app.get("/health").json()["customs"] == "ok"


def test_after_a_calculator_that_hangs_is_given_up_at_the_page_s_deadline(
    upstream: Upstream, tmp_path: Path, built_database: Path
) -> None:
    """Before, nothing bounds the whole."""
    environment = {"WORKER_COUNT": "1", "PAGE_TIMEOUT": "0.3", "CUSTOMS_URL": upstream.url}
    app = App("after", tmp_path / "app", built_database, **environment).wait_until_serving(1)
    upstream.set(hold=True)
    answer = ask(app)
    assert answer.status_code in (503, 504)  # 504 where the machine takes the second of grace
    assert "deadline" in answer.text
    upstream.set(hold=False)
    until(lambda: ask(app).status_code == 200, what="an answer")
    assert app.stop() == 0, app.log()


@pytest.mark.parametrize("which", WHICH)
def test_without_a_url_there_are_no_duties(
    which: str, tmp_path: Path, built_database: Path
) -> None:
    """404, and nothing to tell."""
    app = App(which, tmp_path / "app", built_database, WORKER_COUNT="1").wait_until_serving(1)
    answer = ask(app)
    assert (answer.status_code, "CUSTOMS_URL" in answer.text) == (404, True)
    assert app.get("/health").json()["customs"] == "off"
    assert "customs" not in app.get("/stats").json()
    assert app.stop() == 0, app.log()
