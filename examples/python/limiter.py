"""How often something may start: now or not at all, in turn, and after a "too many requests"."""

import asyncio

import tidegate as tg

# Each start half a second after the one before, and a pause of 1 to 3 s after each twenty.
polite = tg.Limiter("encar", pace=0.5, pause=(20, 1, 3))
# At most 100 in any second, and 1,000 an hour on the long run.
limiter = tg.Limiter(
    "api", rate=[tg.Rate(100, "1s", burst=10, strict=True), tg.Rate(1000, "1h", 100)]
)


async def main() -> None:
    if polite.try_acquire():
        print("starts at once")
    async with polite(timeout=10):  # waits for its turn, or raises RateLimited at once
        print("had its turn")
    limiter.penalize(30)  # the service said: 429, Retry-After: 30
    try:
        await limiter.acquire(timeout=5)
    except tg.RateLimited as error:
        print(f"{error.cause}, again in {error.retry_after:.1f} s")


asyncio.run(main())
