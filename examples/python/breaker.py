"""A service that is down is left alone, and asked again a little when it may be back."""

import asyncio

import tidegate as tg

asked = 0
is_down = False

config = tg.Config()
config.set("log.level", "error")  # it would say when it opens
tg.configure(config)

breaker = tg.Breaker("encar", consecutive=5, open_for="50ms")


async def fetch(car: int) -> str:
    """What a remote service answers, if it does."""
    global asked
    asked += 1
    if is_down:
        raise ConnectionError("nobody is there")
    return f"car {car}"


@breaker
def count_cars() -> int:
    """A plain function goes through the same breaker."""
    return 7


async def listing(car: int) -> str:
    """A listing, or why there is none."""
    try:
        async with breaker:
            return await fetch(car)
    except ConnectionError as error:
        return f"failed: {error}"
    except tg.CircuitOpen as error:
        return f"refused: {error.cause}, {'ask later' if error.retry_after else 'ask now'}"


async def main() -> None:
    """Up, down, and up again."""
    global is_down
    print(await listing(1), "of", count_cars())

    is_down = True
    for _ in range(5):
        await listing(2)
    print(await listing(2))
    print("asked", asked, "times")

    is_down = False
    while breaker.state != "closed":
        await listing(3)
        await asyncio.sleep(breaker.stats().retry_after)
    print(await listing(3))


asyncio.run(main())
