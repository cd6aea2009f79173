"""The two expensive endpoints."""

import base64
import binascii
from itertools import chain, zip_longest
from typing import Annotated, Any

from app.services.warehouse import ask
from fastapi import APIRouter, HTTPException, Query

import tidegate as tg
from app import queries
from app.services.cache import Loaded, cache
from app.settings import settings

router = APIRouter(prefix="/api/v1")


@router.get("/home/recommendations")
async def recommendations(
    limit: Annotated[int, Query(ge=1, le=50)] = 4, make: queries.Make | None = None
) -> dict[str, Any]:
    """Cars for the home page, dealt out from four queries in turn."""
    wanted: dict[str, Any] = {"limit": limit, "make": make}

    async def load() -> Loaded:
        async with tg.page(settings.page_timeout) as page:
            results = [page.add(ask(query)) for query in queries.recommendations(**wanted)]
        body = {"recommendations": deal({r.label: r.value for r in results}, limit)}
        return Loaded(body, any(result.degraded for result in results))

    return await cache.get_or_load("recommendations", wanted, settings.recommendations_ttl, load)


@router.get("/analytics/price-alerts")
async def price_alerts(
    make: queries.Make | None = None,
    model: str | None = None,
    below_percent: Annotated[float, Query(ge=5, le=50)] = 20,
    page_size: Annotated[int, Query(ge=1, le=100)] = 20,
    page_token: str = "",
) -> dict[str, Any]:
    """Listings far below the median price of their model and year."""
    wanted: dict[str, Any] = {
        "make": make,
        "model": model,
        "below_percent": below_percent,
        "limit": page_size,
        "offset": offset_of(page_token),
    }

    async def load() -> Loaded:
        async with tg.page(settings.page_timeout) as page:
            results = [page.add(ask(query)) for query in queries.price_alerts(**wanted)]
        alerts, total = (result.value for result in results)
        following = wanted["offset"] + len(alerts)
        more = bool(total[0]["n"]) and following < total[0]["n"]
        body = {
            "alerts": alerts,
            "total": total[0]["n"],
            "next_page_token": token_of(following) if more else None,
        }
        return Loaded(body, any(result.degraded for result in results))

    return await cache.get_or_load("price_alerts", wanted, settings.price_alerts_ttl, load)


def deal(parts: dict[str, list[dict[str, Any]]], limit: int) -> list[dict[str, Any]]:
    """One car of each part in turn, none twice, until there are enough."""
    named = [[{**car, "reason": name} for car in cars] for name, cars in parts.items()]
    dealt: dict[int, dict[str, Any]] = {}
    for car in chain.from_iterable(zip_longest(*named)):
        if car is not None:
            dealt.setdefault(car["id"], car)
    return list(dealt.values())[:limit]


def token_of(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode()


def offset_of(token: str) -> int:
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
        if token and not (text.startswith("o") and text[1:].isdecimal() and len(text) < 12):
            raise ValueError(text)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(422, "page_token is none that was given out") from error
    return int(text[1:]) if token else 0
