"""The application."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from app.encar import router as encar_router
from app.services.encar_service import service as encar
from fastapi import FastAPI

import tidegate as tg
from app.customs import router as customs_router
from app.endpoints import router
from app.services import warehouse
from app.services.cache import cache
from app.services.customs_service import service as customs
from app.settings import settings
from tidegate.adapters import fastapi as tide


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    warehouse.ex.close()
    await customs.close()
    await encar.close()


around = tide.lifespan(lifespan, executor=warehouse.ex, state_dir=settings.state_dir)
app = FastAPI(title="Cars", lifespan=around)
app.add_middleware(tide.DeadlineMiddleware, timeout=settings.page_timeout)
app.include_router(router)
app.include_router(customs_router)
app.include_router(encar_router)


@app.get("/health")
async def health() -> dict[str, Any]:
    """Well as long as it can answer, whatever it asks others for."""
    told = {"redis": await cache.ping(), "customs": await customs.ping(), "encar": encar.state()}
    return {"status": "healthy", "pid": os.getpid(), "workers": tg.workers(), **told}


@app.get("/stats")
async def stats() -> dict[str, Any]:
    """What this worker has counted."""
    counted: dict[str, Any] = {"answers": cache.counts, "cache": cache.stats()}
    if settings.customs_url:
        counted["customs"] = customs.stats()
    if settings.encar_url:
        counted["encar"] = encar.stats()
    return {"pid": os.getpid(), **counted, **warehouse.stats()}


app.include_router(tide.health_router())  # /health/live, /health/ready, /metrics of all workers
