"""Who may call a service now: a pace, two calls at once, and a breaker."""

import asyncio

import tidegate

gate = tidegate.Gate("encar", pace=0.01, concurrency=2, breaker={"consecutive": 3})


@gate.limit
async def fetch(car: int) -> int:
    await asyncio.sleep(0)
    return car * 100


async def main() -> None:
    print("prices:", await asyncio.gather(*(fetch(car) for car in range(5))))

    async with gate(timeout=10, priority="high") as permit:
        print("inside:", gate.stats().inside, "of", gate.stats().concurrency)
        permit.answered(429, {"RateLimit": '"minute";r=0;t=30'})  # "come again in 30 s"

    refused = gate.try_enter()
    print("now:", refused.cause, "for", refused.retry_after)
    try:
        async with gate(timeout=5):
            print("inside")
    except tidegate.RateLimited as error:
        print("within 5 s:", error)


asyncio.run(main())
