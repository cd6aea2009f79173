"""The customs calculator, simulated: tks_customs.py [--port 9101] [--token-life 60].

Who asks for a duty needs a token that is good for a short time; one that is over or was revoked is
answered with 401.

    POST /api/token                                   {"token": "…", "expires_in": 60}
    GET  /api/duty?price_eur=&engine_cc=&year=&fuel=  {"duty_eur": 5394, "fee_eur": 50, …}

``POST /simulation`` also takes ``{"revoke": true}``: all tokens given out so far are bad; and
``{"advance": 3600}``: that many seconds have passed for them. The rates are those that a person
pays for one car, and simplified: nobody should pay by them.
"""

import asyncio
import secrets
import time

from messages import Reply, Request
from simulated import Upstream, arguments, serve, upstream_of

FUELS = ("petrol", "diesel", "hybrid", "electric")
YEAR = 2026  # of the tariff
FEE_EUR = 50
ELECTRIC_PERCENT = 15

# Up to this price: percent of it, and a tenth of a euro for each cm³ at least.
NEW = ((8_500, 54, 25), (16_700, 48, 35), (42_300, 48, 55), (84_500, 48, 75), (169_000, 48, 150))
NEW_BEYOND = (48, 200)
# Up to this size: a tenth of a euro for each cm³, from three years on and from five years on.
USED = ((1_000, 15, 30), (1_500, 17, 32), (1_800, 25, 35), (2_300, 27, 48), (3_000, 30, 50))
USED_BEYOND = (36, 57)


class Tokens:
    """Tokens that are good until a time of this service's own clock."""

    def __init__(self, life: float) -> None:
        self._life = life
        self._ahead = 0.0
        self._good_until: dict[str, float] = {}

    def issue(self, _: Request) -> Reply:
        token = "tks-" + secrets.token_urlsafe(24)
        self._good_until[token] = self._now() + self._life
        return Reply({"token": token, "expires_in": self._life})

    def knows(self, request: Request) -> bool:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return kind == "Bearer" and self._now() < self._good_until.get(token, 0.0)

    def revoke(self, _: object) -> None:
        self._good_until.clear()

    def advance(self, by: float) -> None:
        self._ahead += by

    def _now(self) -> float:
        return time.monotonic() + self._ahead


def duty(price_eur: int, engine_cc: int, year: int, fuel: str) -> dict[str, int]:
    """In whole euros, rounded down."""
    age = max(0, YEAR - year)
    if fuel == "electric":
        owed = price_eur * ELECTRIC_PERCENT // 100
    elif age < 3:
        rates = (row[1:] for row in NEW if price_eur <= row[0])
        percent, tenths = next(rates, NEW_BEYOND)
        owed = max(price_eur * percent // 100, engine_cc * tenths // 10)
    else:
        rates = (row[1:] for row in USED if engine_cc <= row[0])
        younger, older = next(rates, USED_BEYOND)
        owed = engine_cc * (younger if age < 5 else older) // 10
    return {"duty_eur": owed, "fee_eur": FEE_EUR, "total_eur": owed + FEE_EUR, "age_years": age}


def customs(upstream: Upstream, life: float) -> Upstream:
    """Its routes."""
    tokens = Tokens(life)
    upstream.settings |= {"revoke": tokens.revoke, "advance": tokens.advance}
    upstream.route("POST", "/api/token")(tokens.issue)

    @upstream.route("GET", "/api/duty")
    def answer(request: Request) -> Reply:
        if not tokens.knows(request):
            return Reply({"error": "the token is none, is over or was revoked"}, 401)
        try:
            numbers = [int(request.params[name]) for name in ("price_eur", "engine_cc", "year")]
            fuel = FUELS[FUELS.index(request.params["fuel"])]
        except (KeyError, ValueError) as error:
            return Reply({"error": f"the car is not known: {error}"}, 400)
        price, engine, year = numbers
        return Reply(dict(duty(price, engine, year, fuel)))

    return upstream


async def main() -> None:
    parser = arguments("The customs calculator, simulated.")
    parser.add_argument("--token-life", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    await serve(customs(upstream_of("tks_customs", options), options.token_life), options)


if __name__ == "__main__":
    asyncio.run(main())
