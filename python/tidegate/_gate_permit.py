"""GatePermit: the right to make one call through a gate."""

from __future__ import annotations

from ._encode import HeaderPairs, header_pairs
from ._errors import HTTPStatusError, make_error
from ._native import core
from ._work import CANCELLED, FAILED, NUMBERS, cause_of

_NAMES = {number: name for name, number in NUMBERS.items()}


class GatePermit:
    """The right to make one call, or the refusal of it: then it is false.

    It is told once what came of the call; one that goes unsaid was cancelled.

    Attributes:
        cause: Of a refusal: ``"circuit_open"``, ``"pool_timeout"`` where no slot is free,
            ``"rate_limited"``, or ``"engine_unavailable"`` where Redis could not be asked; empty
            where the call may be made.
        retry_after: Of a refusal: how long to wait, in seconds; 0.0 where that is not known.
    """

    __slots__ = ("_native", "_refusal", "cause", "retry_after")

    def __init__(
        self, native: core.GatePermit | None, refusal: tuple[int, str, float] | None = None
    ) -> None:
        self._native = native
        self._refusal = refusal
        self.cause = "" if refusal is None else _NAMES[refusal[0]]
        self.retry_after = 0.0 if refusal is None else refusal[2]

    def __bool__(self) -> bool:
        return self._refusal is None

    @property
    def waited(self) -> float:
        """How long it waited for its turn, in seconds."""
        return 0.0 if self._native is None else self._native.waited

    def success(self) -> None:
        """The service did what it was asked."""
        if self._native is not None:
            self._native.ended(0)

    def failure(self, error: BaseException | None = None) -> None:
        """The call failed. What is no fault of the service does not count: see ``Breaker``."""
        if isinstance(error, HTTPStatusError) and error.status:
            self.http_status(error.status, error.retry_after)
        elif self._native is not None:
            self._native.ended(FAILED if error is None else cause_of(error))

    def http_status(self, status: int, retry_after: float | None = None) -> None:
        """There was an answer. A 429 or 503 that says when to come again puts off all starts."""
        if self._native is not None:
            self._native.ended_with_http_status(status, retry_after)

    def answered(self, status: int, headers: HeaderPairs) -> None:
        """The same with the answer's header: a mapping, or pairs.

        Retry-After, retry-after-ms or, of an answer without these, the fields of the RateLimit
        family may say when to come again.
        """
        if self._native is not None:
            self._native.ended_with_answer(status, header_pairs(headers))

    def timed(self, timeout: float, took: float = 0.0) -> None:
        """As ``BreakerPermit.timed()``, for the gate's breaker."""
        if self._native is not None:
            self._native.timed(timeout, took)

    def cancel(self) -> None:
        """Nothing is known of the service."""
        if self._native is not None:
            self._native.ended(CANCELLED)

    def _raise(self) -> None:
        if self._refusal is not None:
            number, message, retry_after = self._refusal
            raise make_error(number, message, retry_after=retry_after)
