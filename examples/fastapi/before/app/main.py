"""The application."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from app.endpoints import router
from app.services.async_query_service import service
from app.services.cache import cache


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield
    service.close()
    await cache.close()


app = FastAPI(title="Cars", lifespan=lifespan)
app.include_router(router)


@app.get("/health")
async def health() -> dict[str, Any]:
    """Well as long as it can answer; without Redis it only is slower."""
    return {"status": "healthy", "pid": os.getpid(), "redis": await cache.ping()}


@app.get("/stats")
async def stats() -> dict[str, Any]:
    """What this worker has counted."""
    return {"pid": os.getpid(), "answers": cache.counts, **service.stats()}
