"""What a ``Retry`` of urllib3 means as a ``RetryPolicy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import InvalidArgument
from .._retry import RetryPolicy

if TYPE_CHECKING:
    from .urllib3 import Retry

_MOST_ATTEMPTS = 100
_DAY = 86_400.0


def policy_of(retry: Retry) -> RetryPolicy:
    """The policy that tries as often, what and when the other says.

    Raises:
        InvalidArgument: It says what tidegate does not do.
    """
    if not retry.respect_retry_after_header:
        raise InvalidArgument(
            "respect_retry_after_header=False is not supported: who says when is heard"
        )
    none = retry.status is not None and not retry.status
    return RetryPolicy(
        attempts=_one_number(retry) + 1,
        backoff=retry.backoff_factor,
        max_backoff=min(retry.backoff_max, _DAY),
        max_retry_after=min(retry.retry_after_max, _DAY),
        statuses=() if none else tuple(retry.status_forcelist or ()),
        methods="idempotent" if retry.allowed_methods else "every",
    )


def _one_number(retry: Retry) -> int:
    """Further attempts, of whatever kind."""
    total = retry.total
    if total is True:
        raise InvalidArgument("total=True is not supported: give a number")
    parts = {"connect": retry.connect, "read": retry.read, "other": retry.other}
    given = {name: int(part) for name, part in parts.items() if part is not None}
    if total is None:
        if len(given) < len(parts) or len(set(given.values())) > 1:
            raise InvalidArgument("without total, connect, read and other must be one number")
        total = given["connect"]
    number = int(total)
    if retry.status:
        given["status"] = int(retry.status)
    for name, part in given.items():
        if part < number:
            raise InvalidArgument(
                f"{name}={part} is not supported beside total={number}: one number counts for all"
            )
    if not 0 <= number < _MOST_ATTEMPTS:
        raise InvalidArgument(f"total must be from 0 to {_MOST_ATTEMPTS - 1}, not {number}")
    return number
