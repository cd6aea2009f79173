"""Encar, simulated: Korean cars, page by page: encar.py [--port 9102] [--cars 400].

    GET /api/cars?page=1&size=20   {"total": 400, "page": 1, "cars": [{"id": 7000001, …}, …]}
    GET /api/cars/7000001          one of them, or 404

The site bears a request each half second and wants a pause now and then; who comes faster is not
told so, but shut out some day. ``GET /simulation`` has the time of each start, for tests to measure
how a program behaves. ``POST /simulation`` with ``{"script": [503, 503]}`` makes it fail.
"""

import asyncio
import random

from messages import Json, Reply, Request
from simulated import Upstream, arguments, serve, upstream_of

FIRST_ID = 7_000_001
MOST_OF_A_PAGE = 100
MODELS = {
    "Hyundai": ("Avante", "Grandeur", "Santa Fe", "Sonata"),
    "Kia": ("Carnival", "K5", "Sorento", "Sportage"),
    "Genesis": ("G70", "G80", "GV80"),
}
FUELS = ("petrol", "diesel", "hybrid", "electric")


def listing(cars: int, seed: str) -> list[Json]:
    """The same cars for the same seed."""
    draw = random.Random(seed)
    found: list[Json] = []
    for number in range(cars):
        make = draw.choice(sorted(MODELS))
        found.append(
            {
                "id": FIRST_ID + number,
                "make": make,
                "model": draw.choice(MODELS[make]),
                "year": draw.randint(2012, 2026),
                "mileage_km": draw.randrange(1_000, 200_000, 500),
                "fuel": draw.choice(FUELS),
                "price_krw": draw.randrange(4_000_000, 90_000_000, 100_000),
            }
        )
    return found


def encar(upstream: Upstream, cars: list[Json]) -> Upstream:
    """Its routes."""

    @upstream.route("GET", "/api/cars")
    def page(request: Request) -> Reply:
        try:
            number, size = (
                int(request.params.get(*each)) for each in (("page", "1"), ("size", "20"))
            )
        except ValueError as error:
            return Reply({"error": f"no page: {error}"}, 400)
        if number < 1 or not 1 <= size <= MOST_OF_A_PAGE:
            return Reply({"error": f"page is from 1 on, size from 1 to {MOST_OF_A_PAGE}"}, 400)
        begin = (number - 1) * size
        return Reply({"total": len(cars), "page": number, "cars": cars[begin : begin + size]})

    def route_of(car: Json) -> None:
        upstream.route("GET", f"/api/cars/{car['id']}")(lambda _: Reply(car))

    for car in cars:
        route_of(car)
    return upstream


async def main() -> None:
    parser = arguments("Encar, simulated.")
    parser.add_argument("--cars", type=int, default=400, help="how many it lists")
    options = parser.parse_args()
    cars = listing(options.cars, options.seed)
    await serve(encar(upstream_of("encar", options), cars), options)


if __name__ == "__main__":
    asyncio.run(main())
