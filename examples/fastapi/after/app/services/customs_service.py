"""Asks the customs calculator through tidegate; its token renews itself."""

from collections.abc import Awaitable, Mapping
from typing import Any

import tidegate as tg
from app.settings import settings


class CustomsUnavailableError(Exception):
    """The calculator gave no answer."""


class CustomsService:
    """One calculator."""

    def __init__(self, url: str, *, timeout: float, backoff: float) -> None:
        self._url = url
        self._http = tg.AsyncClient(
            name="customs", attempt_timeout=timeout, retry=tg.RetryPolicy(backoff=backoff)
        )
        self._tokens: tg.Cache[str] = tg.Cache("customs", stale_for=0, jitter=0, refresh_ahead=0.75)

    async def duty(self, car: Mapping[str, Any]) -> dict[str, Any]:
        """What the calculator says of it.

        Raises:
            CustomsUnavailableError: Nothing, or nothing good.
        """
        try:
            token = await self._tokens.get_or_load("token", self._new_token)
            response = await self._ask(car, token.value)
            if response.status == 401:
                self._tokens.invalidate("token", token.version)  # unless somebody did already
                token = await self._tokens.get_or_load("token", self._new_token)
                response = await self._ask(car, token.value)
            told: dict[str, Any] = response.raise_for_status().json()
        except tg.Error as error:
            raise CustomsUnavailableError(f"no answer: {error.cause}") from error
        return told

    async def ping(self) -> str:
        """``"ok"``, ``"off"`` or what is wrong."""
        if not self._url:
            return "off"
        try:
            await self._http.head(self._url, attempts=1)
        except tg.Error as error:
            return error.cause
        return "ok"

    def stats(self) -> dict[str, Any]:
        """What was counted in this process."""
        return {"http": self._http.stats()._asdict(), "tokens": self._tokens.stats()._asdict()}

    async def close(self) -> None:
        await self._http.close()

    def _ask(self, car: Mapping[str, Any], token: str) -> Awaitable[tg.Response]:
        return self._http.get(f"{self._url}/api/duty", params=car, bearer_token=token)

    async def _new_token(self, load: tg.LoadContext) -> str:
        response = await self._http.post(f"{self._url}/api/token", idempotent=True)
        issued = response.raise_for_status().json()
        load.ttl(0.8 * issued["expires_in"])
        return str(issued["token"])


service = CustomsService(
    settings.customs_url, timeout=settings.customs_timeout, backoff=settings.customs_backoff
)
