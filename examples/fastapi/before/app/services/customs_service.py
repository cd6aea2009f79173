"""Asks the customs calculator; its tokens are kept, and renewed by a task in the background."""

import asyncio
import logging
from collections.abc import Mapping
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from app.settings import settings

log = logging.getLogger(__name__)

STATUSES = [429, 500, 502, 503, 504]
METHODS = ["HEAD", "GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"]
EVERY, AFTER_A_FAILURE = 30, 60  # seconds between looks at the tokens


class CustomsUnavailableError(Exception):
    """The calculator gave no answer."""


class CustomsService:
    """One calculator, asked from threads: requests blocks."""

    def __init__(self, url: str, *, timeout: float, backoff: float) -> None:
        self._url = url
        self._timeout = timeout
        self._session = self._new_session(3, backoff)
        self._health = self._new_session(0, 0)
        self._lock = asyncio.Lock()
        self._tokens: dict[str, float] = {}  # and until when each is good
        self._task: asyncio.Task[None] | None = None
        self._counts = {"asked": 0, "failed": 0, "tokens": 0}

    async def duty(self, car: Mapping[str, Any]) -> dict[str, Any]:
        """What the calculator says of it.

        Raises:
            CustomsUnavailableError: Nothing, or nothing good.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._renew_for_ever())
        self._counts["asked"] += 1
        try:
            response = await self._ask(car, await self._cached_token())
            if response.status_code == 401:
                await self._invalidate_all_tokens()
                response = await self._ask(car, await self._cached_token())
            response.raise_for_status()
            told: dict[str, Any] = response.json()
        except (requests.RequestException, KeyError, ValueError) as error:
            self._counts["failed"] += 1
            raise CustomsUnavailableError(f"no answer: {type(error).__name__}") from error
        return told

    async def ping(self) -> str:
        """``"ok"``, ``"off"`` or what is wrong."""
        if not self._url:
            return "off"
        try:
            await asyncio.to_thread(self._health.head, self._url, timeout=self._timeout)
        except requests.RequestException as error:
            return type(error).__name__
        return "ok"

    def stats(self) -> dict[str, Any]:
        """What was counted in this process."""
        return dict(self._counts)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._session.close()
        self._health.close()

    def _new_session(self, retries: int, backoff: float) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # directly
        retry = Retry(
            total=retries,
            backoff_factor=backoff,
            status_forcelist=STATUSES,
            allowed_methods=METHODS,
        )
        adapter = HTTPAdapter(
            pool_connections=20, pool_maxsize=100, max_retries=retry, pool_block=False
        )
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session

    async def _ask(self, car: Mapping[str, Any], token: str) -> requests.Response:
        return await asyncio.to_thread(
            self._session.get,
            f"{self._url}/api/duty",
            params=car,
            headers={"Authorization": f"Bearer {token}"},
            timeout=self._timeout,
        )

    async def _cached_token(self) -> str:
        await self._clean_expired_tokens()
        async with self._lock:
            if not self._tokens:
                await self._new_token()
            return next(iter(self._tokens))

    async def _new_token(self) -> None:
        """Under the lock."""
        response = await asyncio.to_thread(
            self._session.post, f"{self._url}/api/token", timeout=self._timeout
        )
        response.raise_for_status()
        issued = response.json()
        self._tokens[issued["token"]] = monotonic() + 0.8 * issued["expires_in"]
        self._counts["tokens"] += 1

    async def _clean_expired_tokens(self) -> None:
        async with self._lock:
            now = monotonic()
            self._tokens = {t: until for t, until in self._tokens.items() if until > now}

    async def _invalidate_all_tokens(self) -> None:
        async with self._lock:
            self._tokens.clear()

    async def _renew_for_ever(self) -> None:
        while True:
            try:
                await self._cached_token()
                await asyncio.sleep(EVERY)
            except (requests.RequestException, KeyError, ValueError) as error:
                log.warning("no token: %r", error)
                await asyncio.sleep(AFTER_A_FAILURE)


service = CustomsService(
    settings.customs_url, timeout=settings.customs_timeout, backoff=settings.customs_backoff
)
