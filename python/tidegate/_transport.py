"""Where a request goes: to the network, or to what a test has put in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ._client_base import BaseClient
    from ._response import Exchange


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A request as a client hands it on; None is the client's own."""

    client: BaseClient
    method: str
    url: str
    headers: list[tuple[str, str]]
    content: bytes
    timeout: float | None
    attempt_timeout: float | None
    idempotent: bool | None
    attempts: int | None
    deadline: float | None
    label: str


class Transport(Protocol):
    """What ``Client(transport=…)`` takes; see ``tidegate.testing.MockTransport``."""

    def start(self, outgoing: Outgoing, /) -> Exchange: ...


# For all clients of the process, while a test wants it so.
installed: list[Transport] = []
