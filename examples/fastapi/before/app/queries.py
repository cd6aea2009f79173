"""The queries behind the endpoints, and what to show in place of their rows."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Make = Literal[
    "Audi",
    "BMW",
    "Ford",
    "Hyundai",
    "Mercedes-Benz",
    "Skoda",
    "Toyota",
    "Vauxhall",
    "Volkswagen",
]
MAKES: tuple[str, ...] = get_args(Make)

CAR = "car.id, make, model, year, price_gbp, mileage_miles, fuel_type, transmission"

# The best of every wanted make from an index, and of those the best.
BEST = f"""
  SELECT {CAR} FROM json_each(:makes) AS wanted JOIN listings AS car ON car.id IN (
    SELECT id FROM listings WHERE make = wanted.value AND %s LIMIT :limit)
  ORDER BY %s LIMIT :limit"""
NEWEST = BEST % ("year IS NOT NULL ORDER BY year DESC, mileage_miles", "year DESC, mileage_miles")
LOW_MILEAGE = BEST % (
    "year <= 2018 AND miles_per_year IS NOT NULL ORDER BY miles_per_year",
    "miles_per_year, car.id",
)
ELECTRIFIED = BEST % (
    "segment = 'electrified' AND mileage_miles >= 1000 ORDER BY year DESC, mileage_miles",
    "year DESC, mileage_miles",
)

# What costs less than half of the median is a slip of the keyboard.
BELOW_MEDIAN = """
  FROM listings AS car JOIN medians AS usual USING (make, model, year)
  WHERE (:make IS NULL OR car.make = :make) AND (:model IS NULL OR car.model = :model)
    AND usual.listings >= 10 AND car.mileage_miles < 80000
    AND car.price_gbp BETWEEN usual.median_gbp * 0.5
                          AND usual.median_gbp * (1 - :below_percent / 100.0)"""

CHEAPEST = f"""
  SELECT {CAR}, usual.median_gbp,
         CAST(round(100.0 * (usual.median_gbp - price_gbp) / usual.median_gbp) AS INTEGER)
           AS below_percent
  {BELOW_MEDIAN}
  ORDER BY 1.0 * price_gbp / usual.median_gbp, car.id LIMIT :limit OFFSET :offset"""

HOW_MANY = f"SELECT count(*) AS n {BELOW_MEDIAN}"

# Usual cars, shown when nothing can be asked.
USUAL_CARS: list[dict[str, Any]] = [
    {"id": 3804, "make": "Audi", "model": "A3", "year": 2019, "price_gbp": 22850},
    {"id": 13682, "make": "BMW", "model": "3 Series", "year": 2019, "price_gbp": 27450},
    {"id": 37800, "make": "Ford", "model": "Fiesta", "year": 2019, "price_gbp": 14295},
    {"id": 41331, "make": "Hyundai", "model": "Tucson", "year": 2019, "price_gbp": 19000},
    {"id": 56888, "make": "Mercedes-Benz", "model": "C Class", "year": 2019, "price_gbp": 28450},
    {"id": 63289, "make": "Skoda", "model": "Fabia", "year": 2019, "price_gbp": 11590},
    {"id": 66294, "make": "Toyota", "model": "Yaris", "year": 2019, "price_gbp": 12491},
    {"id": 72358, "make": "Vauxhall", "model": "Corsa", "year": 2019, "price_gbp": 10300},
    {"id": 87883, "make": "Volkswagen", "model": "Golf", "year": 2019, "price_gbp": 19750},
]


@dataclass(frozen=True)
class Query:
    """One query of an endpoint."""

    name: str
    sql: str
    params: dict[str, Any]
    fallback: list[dict[str, Any]] = field(default_factory=list)


def recommendations(limit: int, make: str | None) -> list[Query]:
    """The four queries of the home page."""
    usual = [car for car in USUAL_CARS if make in (None, car["make"])][:limit]
    params = {"makes": json.dumps([make] if make else MAKES), "limit": limit}
    bargain = {"make": make, "model": None, "below_percent": 15, "limit": limit, "offset": 0}
    return [
        Query("newest", NEWEST, params, usual),
        Query("best_value", CHEAPEST, bargain),
        Query("low_mileage", LOW_MILEAGE, params),
        Query("electrified", ELECTRIFIED, params),
    ]


def price_alerts(
    make: str | None, model: str | None, below_percent: float, limit: int, offset: int
) -> list[Query]:
    """A page of listings that are far below the median of their kind, and how many there are."""
    params = {"make": make, "model": model, "below_percent": below_percent}
    return [
        Query("alerts", CHEAPEST, {**params, "limit": limit, "offset": offset}),
        Query("total", HOW_MANY, params, [{"n": None}]),
    ]
