"""Cars of Encar, each asked for when somebody wants it."""

from typing import Any

from app.services.encar_service import EncarUnavailableError, service
from fastapi import APIRouter, HTTPException

from app.settings import settings

router = APIRouter(prefix="/api/v1/encar")


@router.get("/{car}")
async def encar(car: int) -> dict[str, Any]:
    """One car, or 404; 503 where Encar is left alone or its turn too late."""
    if not settings.encar_url:
        raise HTTPException(404, "no Encar is set: ENCAR_URL")
    try:
        found = await service.car(car)
    except EncarUnavailableError as error:
        again = {"Retry-After": str(error.retry_after)}
        raise HTTPException(503, str(error), again) from error
    if found is None:
        raise HTTPException(404, f"Encar has no car {car}")
    return {"car": found}
