"""What a car costs at the customs."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query

from app.services.customs_service import CustomsUnavailableError, service
from app.settings import settings

router = APIRouter(prefix="/api/v1/customs")

Fuel = Literal["petrol", "diesel", "hybrid", "electric"]


@router.get("/duty")
async def duty(
    price_eur: Annotated[int, Query(ge=1, le=10_000_000)],
    year: Annotated[int, Query(ge=1950, le=2026)],
    engine_cc: Annotated[int, Query(ge=0, le=10_000)],
    fuel: Fuel = "petrol",
) -> dict[str, Any]:
    """The duty, the fee and both together, in euros."""
    if not settings.customs_url:
        raise HTTPException(404, "no customs calculator is set: CUSTOMS_URL")
    car = {"price_eur": price_eur, "year": year, "engine_cc": engine_cc, "fuel": fuel}
    try:
        return {"duty": await service.duty(car)}
    except CustomsUnavailableError as error:
        raise HTTPException(503, str(error), {"Retry-After": "1"}) from error
