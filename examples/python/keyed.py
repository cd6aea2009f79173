"""How often each user may ask: a dependency of FastAPI, and what a client sees of it."""

import math

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.testclient import TestClient

import tidegate as tg

# Three requests at once and one each 10 s for each user; at most 10,000 users are remembered.
users = tg.KeyedLimiter("users", rate=tg.Rate(6, "60s", burst=3), max_keys=10_000)


async def limited(request: Request) -> None:
    user = request.headers.get("X-User", "nobody")
    try:
        await users.acquire(user, timeout=0)  # now or not at all
    except tg.RateLimited as refused:
        headers = {"Retry-After": str(math.ceil(refused.retry_after))}
        raise HTTPException(429, "too many requests", headers) from refused


app = FastAPI(dependencies=[Depends(limited)])


@app.get("/cars")
async def cars() -> list[str]:
    return ["Audi", "BMW"]


with TestClient(app) as client:
    for user in ("ann", "ann", "ann", "ann", "bob"):
        answer = client.get("/cars", headers={"X-User": user})
        print(user, answer.status_code, answer.headers.get("Retry-After"))

stats = users.stats()
print(f"{stats.keys} users, {stats.granted} granted, {stats.refused} refused")
