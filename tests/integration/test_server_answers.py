"""What the server answers when all is well: real cars, checked against the data file."""

import datetime
import email.utils
import re
from statistics import median

from .serving import PAGE, until, write

MAKES = ["Audi", "BMW", "Ford", "Hyundai", "Mercedes-Benz", "Skoda", "Toyota", "Vauxhall"]
MAKES.append("Volkswagen")
REASONS = ["newest", "best_value", "low_mileage", "segment"]


def cleaned(row: dict) -> dict:
    """A row of the data file by the rules of examples/data/README.md."""
    car = dict(row)
    if not 1990 <= row["year"] <= 2021:
        car["year"] = None
    if row["mileage_miles"] < 100 and row["year"] <= 2018:
        car["mileage_miles"] = None
    if row["mpg"] < 10:
        car["mpg"] = None
    if row["engine_litres"] == 0 or row["fuel_type"] == "Electric":
        car["engine_litres"] = None
    return car


def assert_real(cars: list[dict], listings: dict[int, dict]) -> None:
    for car in cars:
        expected = cleaned(listings[car["id"]])
        assert {name: car[name] for name in expected} == expected


def test_four_real_cars_of_four_kinds_with_meta(start_uncached, listings):
    answer = start_uncached().get(PAGE + "?limit=4")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    sent = email.utils.parsedate_to_datetime(answer.headers["Date"])
    assert abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds()) < 60
    assert [car["reason"] for car in answer.cars] == REASONS
    assert_real(answer.cars, listings)
    meta = answer.meta
    assert (meta["source"], meta["degraded"], meta["age_s"]) == ("fresh", False, 0)
    assert meta["elapsed_ms"] > 0
    assert list(meta["parts"]) == ["newest", "best_value", "low_mileage", "segments"]
    for part in meta["parts"].values():
        assert part["source"] == "fresh"
        assert part["rows"] > 0


def test_any_limit_and_make_gives_as_many_distinct_cars(start, listings):
    server = start()
    for make in [None, *MAKES]:
        for limit in (1, 2, 7, 50):
            cars = server.get(f"{PAGE}?limit={limit}" + (f"&make={make}" if make else "")).cars
            assert len(cars) == limit
            assert_real(cars, listings)
            assert make is None or {car["make"] for car in cars} == {make}
            looks = ("make", "model", "year", "price_gbp", "mileage_miles", "fuel_type")
            assert len({tuple(car[name] for name in looks) for car in cars}) == limit


def test_a_make_is_found_in_any_case(start):
    server = start()
    for make in ("bmw", "Bmw", "mercedes-benz", "M%45RCEDES-BENZ"):
        cars = server.get(f"{PAGE}?make={make}").cars
        assert {car["make"].lower() for car in cars} == {make.lower().replace("%45", "e")}


def test_the_flaws_of_the_data_are_not_shown(start):
    server = start()
    for make in MAKES:
        for car in server.get(f"{PAGE}?limit=50&make={make}").cars:
            assert 1990 <= car["year"] <= 2021
            assert car["engine_litres"] != 0
            assert car["mpg"] is None or car["mpg"] >= 10
            assert car["mileage_miles"] is None or car["mileage_miles"] >= 100 or car["year"] > 2018


def test_best_value_is_far_below_the_median_of_model_and_year(start, listings):
    cars = [c for c in start().get(f"{PAGE}?limit=50").cars if c["reason"] == "best_value"]
    assert len(cars) >= 10
    for car in cars:
        prices = [
            row["price_gbp"]
            for row in listings.values()
            if (row["make"], row["model"], row["year"]) == (car["make"], car["model"], car["year"])
        ]
        assert len(prices) >= 10
        assert car["median_gbp"] == int(median(prices))
        saving = 100 * (car["median_gbp"] - car["price_gbp"]) / car["median_gbp"]
        assert abs(car["saving_percent"] - saving) <= 0.5
        assert 15 <= car["saving_percent"] <= 50


def test_a_changed_row_is_seen_in_the_next_answer(start_uncached):
    server = start_uncached()
    assert server.get(PAGE + "?limit=1&make=Skoda").cars[0]["id"] != 60000
    write(
        server,
        "UPDATE listings SET year = 2021, mileage_miles = 0, make = 'Skoda' WHERE id = 60000",
    )
    assert server.get(PAGE + "?limit=1&make=Skoda").cars[0]["id"] == 60000
    write(server, "DELETE FROM listings WHERE id = 60000")
    assert server.get(PAGE + "?limit=1&make=Skoda").cars[0]["id"] != 60000


def test_a_median_follows_the_prices(start_uncached):
    server = start_uncached()
    rest = "'Manual', 9000, 'Petrol', 0, 30, 2"
    add = f"INSERT INTO listings VALUES (?, 'Audi', 'Quattro', 2019, ?, {rest})"

    def quattro() -> list[dict]:
        cars = server.get(PAGE + "?limit=50&make=Audi").cars
        return [(c["median_gbp"], c["saving_percent"]) for c in cars if c["model"] == "Quattro"]

    for i in range(9):
        write(server, add, 200_000 + i, 20_000 + 10 * i)
    assert quattro() == []  # nine are too few to speak of a median
    write(server, add, 200_009, 10_100)
    assert quattro() == [(20_035, 50)]
    write(server, "UPDATE listings SET price_gbp = 30000 WHERE id < 200009 AND id >= 200000")
    assert quattro() == []  # below half of the median: not believed
    write(server, "UPDATE listings SET price_gbp = 15200 WHERE id = 200009")
    assert quattro() == [(30_000, 49)]
    write(server, "DELETE FROM listings WHERE id = 200000")
    assert quattro() == []


def test_head_is_get_without_the_body(start):
    server = start()
    for path in (PAGE, "/health", "/metrics"):
        answer = server.get(path, method="HEAD")
        assert answer.status == 200
        assert answer.body == b""
        assert int(answer.headers["Content-Length"]) > 50


def test_every_address_of_the_list_answers(start, simulate):
    server = start(f"--customs-url={simulate('tks_customs').url}")
    addresses = server.get("/").json["addresses"]
    assert len(addresses) == 9
    until(server.ready, what="the server to be ready")
    for address in addresses:
        assert server.get(address["get"]).status == 200
    assert all(address["get"] in server.out.read_text() for address in addresses)


def test_the_start_shows_one_real_answer(start, listings):
    shown = re.findall(
        r"^  (\w+) +(\d{4}) ([\w-]+) (.+), £(\d+), (\d+) mi$", start().out.read_text(), re.M
    )
    assert [line[0] for line in shown] == REASONS
    known = {
        (str(r["year"]), r["make"], r["model"], str(r["price_gbp"]), str(r["mileage_miles"]))
        for r in listings.values()
    }
    assert all(line[1:] in known for line in shown)


def test_health_tells_how_it_is(start_uncached):
    server = start_uncached()
    health = server.get("/health").json
    assert health["status"] == "ok"
    assert health["database"]["status"] == "ok"
    assert health["queries"] == {"running": 0, "queued": 0, "zombies": 0}
    assert re.fullmatch(r"\d+\.\d+\.\d+", health["version"])
    later = until(lambda: server.get("/health").json["uptime_s"] > health["uptime_s"], what="time")
    assert later
    assert server.get("/health/live").json == {"status": "alive"}
    assert server.get("/health/ready").json["status"] == "ready"


def test_metrics_count_queries_and_requests(start_uncached):
    server = start_uncached()
    before = server.metric("tidegate_executor_submitted_total", lane="cars")
    answered = server.metric("tidegate_server_requests_total", path=PAGE, status="200")
    for _ in range(3):
        server.get()
    server.get(PAGE + "?limit=0")
    server.get("/nothing")
    assert server.metric("tidegate_executor_submitted_total", lane="cars") == before + 12
    assert server.metric("tidegate_server_requests_total", path=PAGE, status="200") == answered + 3
    assert server.metric("tidegate_server_requests_total", path=PAGE, status="400") == 1
    assert server.metric("tidegate_server_requests_total", path="other", status="404") == 1
    for line in server.get("/metrics").text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \w+ .+|\w+(\{(\w+=\"[^\"]*\",?)+\})? [-+\w.]+", line)
