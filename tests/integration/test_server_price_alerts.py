"""Price alerts, against the same computed from the data file; their pages, and what is no token."""

import random
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from statistics import median
from typing import Any

import pytest

from .serving import ALERTS, ROOT, Server, make_slow, replace, until, write

TOKEN_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def alerts_of(cars: Iterable[dict[str, Any]], least: int = 1) -> list[tuple[int, int, int, int]]:
    """(below_percent, id, median, size of the group) of each, in the order of the list."""
    groups = defaultdict(list)
    for car in cars:
        if car["year"] is not None and 1990 <= car["year"] <= 2021:
            groups[car["make"], car["model"], car["year"]].append(car)
    found = []
    for group in groups.values():
        middle = int(median(car["price_gbp"] for car in group))
        for car in group if len(group) >= 5 else []:
            below = (middle - car["price_gbp"]) * 100 // middle
            if below >= least:
                found.append((below, car["id"], middle, len(group)))
    return sorted(found, reverse=True)


def walk(server: Server, token: str = "", **parameters: Any) -> list[dict[str, Any]]:
    """All alerts of all pages, from the one of `token` on."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    found = []
    while True:
        page = server.get(f"{ALERTS}?{query}" + (f"&page_token={token}" if token else ""))
        assert page.status == 200
        found += page.json["price_alerts"]
        if "next_page_token" not in page.json:
            return found
        assert len(page.json["price_alerts"]) == parameters.get("page_size", 20)
        token = page.json["next_page_token"]


def shown(alert: dict[str, Any]) -> tuple[int, int, int, int]:
    return alert["below_percent"], alert["id"], alert["median_gbp"], alert["compared"]


def test_all_pages_together_are_the_list_as_it_is_computed_from_the_data(start, listings):
    found = walk(start(), below_percent=20, page_size=99)
    assert [shown(alert) for alert in found] == alerts_of(listings.values(), 20)
    assert len(found) > 5000
    for alert in found:
        car = listings[alert["id"]]
        for column in ("make", "model", "year", "price_gbp", "transmission", "tax_gbp"):
            assert alert[column] == car[column]


@pytest.mark.parametrize(
    "chosen",
    [
        {"make": "Audi"},
        {"make": "mercedes-BENZ", "below_percent": 15},
        {"model": "golf"},
        {"model": "GOLF", "make": "volkswagen", "below_percent": 1},
        {"model": "C%20Class", "make": "Mercedes-Benz", "below_percent": 30},
        {"model": "golf", "make": "Audi"},
        {"model": "nonsense"},
        {"below_percent": 90},
    ],
    ids=str,
)
def test_the_list_is_of_what_was_chosen(start, listings, chosen):
    found = [shown(alert) for alert in walk(start(), **chosen)]
    make, model = (
        str(chosen.get(name, "")).replace("%20", " ").lower() for name in ("make", "model")
    )
    ids = {
        car["id"]
        for car in listings.values()
        if make in ("", car["make"].lower()) and model in ("", car["model"].lower())
    }
    expected = alerts_of(listings.values(), chosen.get("below_percent", 10))
    assert found == [alert for alert in expected if alert[1] in ids]


def test_the_last_page_is_full_or_not_and_has_no_token(start):
    server = start()
    number = len(walk(server, model="x5"))
    assert number > 3
    for size in (number, number + 1):
        page = server.get(f"{ALERTS}?model=x5&page_size={size}").json
        assert len(page["price_alerts"]) == number
        assert "next_page_token" not in page
    assert "next_page_token" in server.get(f"{ALERTS}?model=x5&page_size={number - 1}").json


def test_the_page_size_may_change_on_the_way(start):
    server = start()
    first = server.get(ALERTS + "?model=golf&page_size=7").json
    rest = walk(server, first["next_page_token"], model="golf", page_size=50)
    assert first["price_alerts"] + rest == walk(server, model="golf")


def test_a_token_that_was_changed_is_refused(start):
    server = start()
    token = server.get(ALERTS).json["next_page_token"]
    random.seed(token)
    forged = [token[:-1], token + "A", token + "=", token.lower(), "", "A" * 24, "%00" * 24]
    for place, digit in enumerate(token):
        other = random.choice(TOKEN_DIGITS.replace(digit, ""))
        forged.append(token[:place] + other + token[place + 1 :])
    for text in forged:
        refused = server.get(f"{ALERTS}?page_token={text}")
        assert refused.status == 400
        assert refused.json["error"]["code"] == "bad_page_token"
        assert refused.json["error"]["field"] == "page_token"
    assert server.get(f"{ALERTS}?page_token={token}").status == 200


def test_a_token_is_for_the_query_that_it_was_given_for(start):
    server = start()
    token = server.get(ALERTS).json["next_page_token"]
    for other in ("make=audi", "model=golf", "below_percent=11", "model=10"):
        refused = server.get(f"{ALERTS}?{other}&page_token={token}")
        assert (refused.status, refused.json["error"]["code"]) == (400, "bad_page_token")
    for same in ("below_percent=10", "page_size=3"):
        assert server.get(f"{ALERTS}?page_token={token}&{same}").status == 200


def test_a_changed_price_is_seen_after_the_ttl_and_not_before(start, listings):
    kept = start(server__prewarm=False)
    quick = start(services__price_alerts__cache__ttl="100ms")
    car = next(car for car in listings.values() if (car["model"], car["year"]) == ("Golf", 2017))
    before = kept.get(ALERTS + "?model=golf").json["price_alerts"]
    assert car["id"] not in {alert["id"] for alert in before}
    for server in (kept, quick):
        write(server, "UPDATE listings SET price_gbp = 1000 WHERE id = ?", car["id"])
    until(
        lambda: quick.get(ALERTS + "?model=golf").json["price_alerts"][0]["id"] == car["id"],
        what="the new price",
    )
    assert kept.get(ALERTS + "?model=golf").json["price_alerts"] == before


def test_the_list_follows_whatever_changes_the_listings(start):
    server = start(server__prewarm=False)
    random.seed(1)
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.row_factory = sqlite3.Row
        ids = [row[0] for row in connection.execute("SELECT id FROM listings WHERE make = 'Skoda'")]
        for car in random.sample(ids, 60):
            change = random.choice(
                [
                    "UPDATE listings SET price_gbp = price_gbp / 2 WHERE id = ?",
                    "UPDATE listings SET price_gbp = price_gbp * 3 WHERE id = ?",
                    "UPDATE listings SET year = year - 1 WHERE id = ?",
                    "UPDATE listings SET year = NULL WHERE id = ?",
                    "UPDATE listings SET model = 'Fabia' WHERE id = ?",
                    "UPDATE listings SET make = 'Audi' WHERE id = ?",
                    "DELETE FROM listings WHERE id = ?",
                ]
            )
            connection.execute(change, (car,))
        cars = [dict(row) for row in connection.execute("SELECT * FROM listings")]
        kept = connection.execute(
            "SELECT below_percent, id, make, model FROM price_alerts ORDER BY 1 DESC, 2 DESC"
        )
        looks = {car["id"]: (car["make"], car["model"]) for car in cars}
        assert [tuple(row) for row in kept] == [
            (below, car, *looks[car]) for below, car, *_ in alerts_of(cars)
        ]


def test_the_page_of_before_or_503_where_the_database_is_slow(start):
    server = start(
        server__prewarm=False,
        services__price_alerts__cache__ttl="0s",
        services__price_alerts__cache__failure_throttle="0s",
        executor__query_timeout="100ms",
    )

    def fresh() -> Any:
        answer = server.get(ALERTS)
        return answer if answer.status == 200 and answer.meta["source"] == "fresh" else None

    good = until(fresh, what="a fresh page")
    fast = server.database.read_bytes()
    make_slow(server.database)
    stale = server.get(ALERTS)
    assert (stale.status, stale.meta["source"], stale.meta["reason"]) == (200, "stale", "deadline")
    assert stale.json["price_alerts"] == good.json["price_alerts"]
    assert stale.json["next_page_token"] == good.json["next_page_token"]
    unseen = server.get(ALERTS + "?page_size=7")
    assert (unseen.status, unseen.headers["Retry-After"]) == (503, "1")
    assert unseen.json["error"]["code"] == "unavailable"
    assert "deadline" in unseen.json["error"]["message"]
    replace(server.database, fast)
    until(fresh, what="a fresh page")


def test_no_page_reads_more_than_an_index_says(built_database):
    """Whatever is chosen, SQLite searches by an index and sorts nothing."""
    source = (ROOT / "examples/server/listings.cpp").read_text()
    sql = re.search(r'alerts_sql.*?R"\((.*?)\)";', source, re.S)[1]
    order = " ORDER BY alert.below_percent DESC, alert.id DESC LIMIT :most"
    choices = {
        "": "price_alerts_all",
        " AND alert.make = :make": "price_alerts_make",
        " AND alert.model = :model": "price_alerts_model",
        " AND alert.model = :model AND +alert.make = :make": "price_alerts_model",
    }
    with closing(sqlite3.connect(built_database)) as connection:
        for choice, index in choices.items():
            names = re.findall(r":(\w+)", sql + choice + order)
            values = dict.fromkeys(names, 1)
            rows = connection.execute("EXPLAIN QUERY PLAN " + sql + choice + order, values)
            plan = [row[3] for row in rows]
            assert index in plan[0]
            assert all(step.startswith("SEARCH ") for step in plan), plan
