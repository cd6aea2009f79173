"""Values that are expensive to get: a cached function, a cache, and what happens on failure."""

import asyncio

import tidegate as tg

calls = 0


@tg.cached(ttl="5m", stale_for="1h")
async def prices(make: str, year: int = 2026) -> list[int]:
    """What a remote service takes its time for."""
    global calls
    calls += 1
    await asyncio.sleep(0.01)
    return [9000 + year, 12000 + year]


db = tg.Executor().sqlite(":memory:")
rates: tg.Cache[float] = tg.Cache("rates", ttl="1m")  # starts nothing, works in forked workers


def load_rate(load: tg.LoadContext) -> float:
    """A blocking function; it runs on a thread of the cache's."""
    load.ttl("10s")  # what the answer itself said
    return 1.17


def fail() -> float:
    raise ConnectionError("the bank is away")


async def main() -> None:
    many = await asyncio.gather(*(prices("Audi") for _ in range(100)))
    print(len(many), "answers,", calls, "call")
    await prices("Audi", 2026)
    await prices(make="Audi", year=2026)
    print("still", calls, "call")

    answer = await rates.get_or_load(("EUR", "USD"), load_rate)
    print(answer.value, answer.source)
    answer = await rates.get_or_load(("EUR", "USD"), load_rate)
    print(answer.value, answer.source)

    rates.put(("EUR", "GBP"), 0.86, ttl=0)  # over at once, and good enough for an hour
    answer = await rates.get_or_load(("EUR", "GBP"), fail)
    print(answer.value, answer.source, answer.reason)

    with rates.refresh_every(("EUR", "CHF"), load_rate, "10m"):  # loaded whoever wants it
        answer = await rates.get_or_load(("EUR", "CHF"), fail)
        print(answer.value)

    for _ in range(2):  # a query behind a cache, its key made of file, SQL and parameters
        rows = await db.query("SELECT :make AS make", {"make": "Kia"}, cache="5m", default=[])
        print(rows.value, rows.source)


if __name__ == "__main__":
    asyncio.run(main())
