"""Customs duties: the server asks the calculator, with a token that it keeps."""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from .pace import starts_of, too_close, too_early
from .serving import ALERTS, BINARY, PAGE, Answer, Server, clean_environment, until
from .upstream import Upstream

DUTY = "/api/v1/customs/duty"
CAR = DUTY + "?price_eur=20000&year=2020&engine_cc=1998&fuel=petrol"
TOKEN, ASKED = "POST /api/token", "GET /api/duty"
# On a busy machine the calculator may take its time.
PATIENT = {
    "server__probe_timeout": "10s",
    "executor__page_timeout": "60s",
    "services__customs__http__attempt_timeout": "60s",
    "services__customs__http__timeout": "60s",
}


@pytest.fixture
def upstream(simulate: Callable[..., Upstream]) -> Upstream:
    return simulate("tks_customs", "--token-life=3600")


@pytest.fixture
def server(start: Callable[..., Server], upstream: Upstream) -> Server:
    return start(f"--customs-url={upstream.url}", **PATIENT)


def ask_many(server: Server, count: int) -> list[Answer]:
    with ThreadPoolExecutor(8) as clients:
        return list(clients.map(lambda _: server.get(CAR, timeout=60), range(count)))


def health(server: Server) -> dict:
    return server.get("/health").json["customs"]


def test_the_duty_is_the_calculator_s(server):
    answer = server.get(CAR)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json["duty"] == {"duty_eur": 9590, "fee_eur": 50, "total_eur": 9640}
    assert (answer.meta["token"], answer.meta["attempts"]) == ("fresh", 1)
    assert server.get(CAR).meta["token"] == "cached"
    for query, total in {
        "price_eur=20000&year=2026&engine_cc=1998": 20_000 * 48 // 100 * 1142 // 1000,
        "price_eur=20000&year=2022&engine_cc=1998&fuel=diesel": 1998 * 27 // 10,
        "price_eur=20000&year=2026&fuel=electric": 3_000,
    }.items():
        duty = server.get(f"{DUTY}?{query}").json["duty"]
        assert duty["total_eur"] == duty["duty_eur"] + duty["fee_eur"]
        assert abs(duty["duty_eur"] - total) <= max(30, 0.003 * total), query


def test_many_requests_share_one_token_and_few_connections(server, upstream):
    answers = ask_many(server, 40)
    assert {answer.status for answer in answers} == {200}
    assert upstream.started(TOKEN) == 1
    assert upstream.started(ASKED) == 40
    counted = server.get("/api/v1/cache/stats").json["caches"]["customs"]
    assert (counted["loads"], counted["entries"]) == (1, 1)
    assert health(server)["requests"]["reused"] > 20
    assert server.metric("tidegate_http_requests_total", client="customs") >= 41


@pytest.mark.parametrize("how", [{"revoke": True}, {"advance": 7200}], ids=["revoked", "over"])
def test_a_token_that_is_refused_is_renewed_once_for_all(server, upstream, how):
    assert server.get(CAR).status == 200
    for times in range(1, 4):
        upstream.set(**how)
        answers = ask_many(server, 16)
        assert {answer.status for answer in answers} == {200}
        assert upstream.started(TOKEN) == 1 + times
        refused = upstream.told["statuses"]["401"]
        assert times <= refused <= 8 * times  # no more than were under way
        assert upstream.started(ASKED) == 1 + 16 * times + refused


def test_who_is_refused_twice_asks_no_third_time(server, upstream):
    assert server.get(CAR).status == 200
    upstream.set(script=[401, 0, 401])  # between the two, a token
    error = server.get(CAR).json["error"]
    assert error["message"] == "the customs calculator did not answer: http_status; try again later"
    assert (upstream.started(TOKEN), upstream.started(ASKED)) == (2, 3)
    assert server.get(CAR).status == 200


@pytest.mark.parametrize("script", [[200], [0, 200]], ids=["token", "duty"])
def test_an_answer_that_is_none_of_the_calculator_s_is_not_passed_on(server, upstream, script):
    upstream.set(script=script)
    error = server.get(CAR).json["error"]
    assert error["message"] == "the customs calculator did not answer: decode; try again later"
    assert server.get(CAR).status == 200


def test_a_token_is_renewed_before_its_time_is_up(start, simulate):
    upstream = simulate("tks_customs", "--token-life=5")
    server = start(f"--customs-url={upstream.url}", **PATIENT)

    def renewed() -> bool:
        assert server.get(CAR).status == 200
        return server.get("/api/v1/cache/stats").json["caches"]["customs"]["refreshes"] > 0

    until(renewed, 100, "a renewal in the background")
    assert upstream.started(TOKEN) > 1


def test_without_the_calculator_the_answer_is_503_and_pages_go_on(server, upstream):
    assert server.get(CAR).status == 200
    assert health(server)["status"] == "ok"
    upstream.kill()
    answer = server.get(CAR)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    error = answer.json["error"]
    assert (error["code"], error["field"]) == ("unavailable", "customs")
    assert error["message"] == "the customs calculator did not answer: connect; try again later"
    told = health(server)
    assert (told["status"], told["reason"], told["url"]) == ("failing", "connect", upstream.url)
    assert server.get("/health").json["status"] == "ok"
    assert [server.get(path).status for path in (PAGE, ALERTS)] == [200, 200]
    assert server.ready()

    upstream.start()  # with no token of before
    assert health(server)["status"] == "ok"
    assert server.get(CAR).status == 200
    assert upstream.started(TOKEN) == 1


def test_a_status_that_stays_is_503_after_four_attempts(server, upstream):
    assert server.get(CAR).status == 200
    upstream.set(script=[503, 500, 429, 502])
    before = upstream.started(ASKED)
    error = server.get(CAR).json["error"]
    assert error["message"].startswith("the customs calculator did not answer: http_status")
    assert upstream.started(ASKED) == before + 4
    upstream.set(script=[503])
    answer = server.get(CAR)
    assert (answer.status, answer.meta["attempts"]) == (200, 2)


@pytest.mark.parametrize("what", [TOKEN, ASKED])
def test_a_calculator_that_hangs_is_given_up_at_the_deadline(start, upstream, what):
    settings = {**PATIENT, "executor__page_timeout": "300ms", "server__prewarm": False}
    server = start(f"--customs-url={upstream.url}", **settings)

    def answers() -> bool:
        return server.get(CAR).status == 200

    if what == ASKED:
        until(answers, what="a token")
    before = upstream.started(what)
    upstream.set(hold=True)
    message = server.get(CAR).json["error"]["message"]
    assert message == "the customs calculator did not answer: deadline; try again later"
    assert upstream.started(what) <= before + 1
    upstream.set(hold=False)
    until(answers, what="an answer")


def test_a_calculator_that_hangs_leaves_workers_for_pages(start, upstream):
    server = start(f"--customs-url={upstream.url}", **PATIENT, server__threads=2)
    assert server.get(CAR).status == 200
    upstream.set(hold=True)
    with ThreadPoolExecutor(1) as client:
        held = client.submit(server.get, CAR, timeout=60)
        until(lambda: upstream.told["in_flight"] == 1, what="the request to be held")
        assert "queue_full" in server.get(CAR).json["error"]["message"]
        assert server.get(PAGE).status == 200
        upstream.set(hold=False)
        assert held.result().status == 200
    assert server.get(CAR).status == 200


@pytest.mark.parametrize("what", [TOKEN, ASKED])
def test_the_end_does_not_wait_for_the_calculator(start, upstream, what):
    server = start(f"--customs-url={upstream.url}", **PATIENT, server__drain_timeout="100ms")
    if what == ASKED:
        assert server.get(CAR).status == 200
    upstream.set(hold=True)
    with ThreadPoolExecutor(1) as client:
        held = client.submit(server.get, CAR, timeout=60)
        until(lambda: upstream.told["in_flight"] == 1, what="the request to be held")
        assert server.stop() == 0
        assert held.result().status == 503


def test_without_a_url_there_is_nothing_of_it(start):
    server = start()
    answer = server.get(CAR)
    error = answer.json["error"]
    assert (answer.status, error["code"], error["field"]) == (404, "not_set", "path")
    assert "--customs-url" in error["message"]
    assert "customs" not in server.get("/health").json
    assert "customs" not in server.get("/api/v1/cache/stats").json["caches"]
    assert 'cache="customs"' not in server.get("/metrics").text
    assert 'client="customs"' not in server.get("/metrics").text


def test_the_token_is_shown_nowhere_and_goes_to_no_redis(start, upstream):
    """Redis is for pages; a token stays in the process."""
    server = start(
        f"--customs-url={upstream.url}",
        "--redis=redis://127.0.0.1:1",
        **PATIENT,
        log__level="debug",
    )
    assert server.get(CAR).status == 200
    assert "customs" not in server.get("/health").json["redis"]["caches"]
    said = [server.get(path).text for path in ("/health", "/metrics", "/api/v1/cache/stats", CAR)]
    said += [server.out.read_text(), server.err.read_text()]
    assert not any("tks-" in text for text in said)


def test_settings_of_the_service_are_its_own():
    environment = clean_environment(TIDEGATE_SERVICES__CUSTOMS__HTTP__TIMEOUT="7s")
    printed = subprocess.check_output(
        [BINARY, "--print-config", "--customs-url=http://127.0.0.1:9101/"], env=environment
    )
    settings = json.loads(printed)
    assert settings["server"]["customs_url"] == "http://127.0.0.1:9101/"
    assert settings["services"]["customs"]["http"]["timeout"] == "7s"
    assert settings["services"]["customs"]["cache"]["stale_for"] == "0s"


def test_four_workers_keep_one_pace_together(start, upstream):
    """With the pause after each 20 starts, those for tokens among them."""
    interval, every, least = 0.1, 20, 0.2
    server = start(
        f"--customs-url={upstream.url}",
        "--workers=4",
        **PATIENT,
        services__customs__gate__pace="100ms",
        services__customs__gate__pause_every=every,
        services__customs__gate__least_pause="200ms",
        services__customs__gate__most_pause="400ms",
    )
    until(lambda: len(server.get("/health").json["workers"]["alive"]) == 4, what="four workers")

    def starts() -> list[float]:
        return starts_of(upstream.told, "GET /api/duty") + starts_of(upstream.told, TOKEN)

    httpx.get(upstream.url, timeout=30)
    close: list[list[str]] = []
    for _ in range(3):
        seen = len(starts())
        assert {answer.status for answer in ask_many(server, 44)} == {200}
        close.append(too_close(sorted(starts())[seen:], interval))
        if not close[-1]:
            break
    assert close[-1] == [], close
    (begin,) = (each["at"] for each in upstream.told["log"] if each["what"] == "GET /")
    assert too_early(begin, sorted(starts()), interval, every=every, pause=least) == []


def test_a_breaker_that_one_worker_trips_is_open_in_all(start, upstream):
    """Until its time is over the calculator is left alone, and every worker says so."""
    server = start(
        f"--customs-url={upstream.url}",
        "--workers=4",
        **PATIENT,
        services__customs__breaker__consecutive=5,
        services__customs__breaker__open_for="5m",
        services__customs__retry__attempts=1,
    )
    until(lambda: len(server.get("/health").json["workers"]["alive"]) == 4, what="four workers")
    assert server.get(CAR).status == 200
    assert health(server)["breaker"] == "closed"
    upstream.set(failure_rate=1.0)
    tripped = [server.get(CAR) for _ in range(8)]
    assert {answer.status for answer in tripped} == {503}
    seen = sum(upstream.told["starts"].values())

    refused = ask_many(server, 32)
    assert {answer.status for answer in refused} == {503}
    assert {answer.json["error"]["message"] for answer in refused} == {
        "the customs calculator did not answer: circuit_open; try again later"
    }
    assert all(200 < int(answer.headers["Retry-After"]) <= 360 for answer in refused)

    def all_have_told() -> bool:
        with ThreadPoolExecutor(8) as clients:
            for answer in clients.map(lambda _: server.get("/health").json, range(16)):
                customs = answer["customs"]
                told[answer["worker"]] = (customs["breaker"], customs.get("reason"))
        return len(told) == 4

    told: dict[int, tuple[str, str]] = {}
    until(all_have_told, what="each worker to tell")
    assert set(told.values()) == {("open", "circuit_open")}
    assert server.metric("tidegate_breaker_state", breaker="customs") == 1
    assert sum(upstream.told["starts"].values()) == seen


def test_a_breaker_that_is_open_closes_when_the_calculator_is_back(start, upstream):
    settings = {
        "services__customs__breaker__consecutive": 3,
        "services__customs__breaker__open_for": "1ms",
        "services__customs__breaker__max_open_for": "1ms",
    }
    server = start(f"--customs-url={upstream.url}", **PATIENT, **settings)
    assert server.get(CAR).status == 200
    upstream.set(script=[500, 500, 500])
    server.get(CAR)
    until(lambda: server.get(CAR).status == 200 and health(server)["breaker"] == "closed")
    opened = server.metric("tidegate_breaker_changes_total", breaker="customs", state="open")
    assert opened >= 1
