"""Asks Encar as often as it bears, however many workers ask."""

import math
from typing import Any

import tidegate as tg
from app.settings import settings


class EncarUnavailableError(Exception):
    """Encar gave no answer, or was not asked.

    Attributes:
        retry_after: In how many seconds one may come again.
    """

    def __init__(self, error: tg.Error) -> None:
        super().__init__(f"no answer: {error.cause}")
        self.retry_after = math.ceil(getattr(error, "retry_after", 0) or 1)


class EncarService:
    """One site, behind one gate for all workers that share a directory."""

    def __init__(self, url: str, *, scale: float, timeout: float, open_for: float) -> None:
        self._url = url
        # No further attempts: each would be a start that the gate knows nothing of.
        self._http = tg.AsyncClient(name="encar", timeout=timeout, retry=tg.RetryPolicy(attempts=1))
        self._gate = tg.Gate(
            "encar",
            pace=0.5 * scale,
            pause=(20, 1 * scale, 3 * scale),
            breaker={"consecutive": 5, "open_for": open_for},
            share="host" if settings.state_dir else "process",
            state_dir=settings.state_dir or None,
        )

    async def car(self, number: int) -> dict[str, Any] | None:
        """The car of this number, or None where there is none.

        Raises:
            EncarUnavailableError: It is left alone, the turn would come too late, or it fails.
        """
        try:
            async with self._gate:
                response = await self._http.get(f"{self._url}/api/cars/{number}")
                if response.status == 404:
                    return None
                found: dict[str, Any] = response.raise_for_status().json()
        except tg.Error as error:
            raise EncarUnavailableError(error) from error
        return found

    def state(self) -> str:
        """``"off"``, ``"ok"``, or what the breaker is otherwise: ``"open"``, ``"half_open"``."""
        breaker = self._gate.stats().breaker
        if not self._url or breaker is None:
            return "off"
        return "ok" if breaker.state == "closed" else breaker.state

    def stats(self) -> dict[str, Any]:
        """What was counted in this process; the breaker is that of all."""
        counted = self._gate.stats()
        breaker = counted.breaker and counted.breaker.state
        return {"granted": counted.granted, "refused": counted.refused, "breaker": breaker}

    async def close(self) -> None:
        await self._http.close()


service = EncarService(
    settings.encar_url,
    scale=settings.encar_scale,
    timeout=settings.encar_timeout,
    open_for=settings.encar_open_for,
)
