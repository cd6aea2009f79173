"""GateSettings: what the configuration says of the gate of a service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._limiter import Rate
from ._settings import Config


class GateSettings:
    """What the settings say of a gate."""

    __slots__ = ("_config", "_service")

    def __init__(self, config: Config, service: str) -> None:
        self._config = config
        self._service = service

    def get(self, key: str) -> Any:
        return self._config.get(f"gate.{key}", service=self._service)

    def rate(self) -> Iterable[Rate]:
        if not self.get("rate"):
            return ()
        return (
            Rate(self.get("rate"), self.get("rate_per"), self.get("burst"), self.get("strict")),
        )

    def pace(self) -> float | None:
        return self.get("pace") or None

    def pause(self) -> tuple[int, float, float] | None:
        every = self.get("pause_every")
        return (every, self.get("least_pause"), self.get("most_pause")) if every else None
