"""urllib3's ``Retry`` for tidegate's clients.

What it replaces: ``urllib3.util.Retry``, which it takes the arguments of::

    from tidegate.adapters.requests import Adapter
    from tidegate.adapters.urllib3 import Retry

    session.mount("https://", Adapter(max_retries=Retry(total=3, status_forcelist=[502, 503])))
    http = tidegate.Client(retry=Retry(total=3).policy)

It counts and answers as urllib3's does, for code that does so by hand: ``increment()``,
``is_retry()``, ``sleep()``. A client does not ask it: it gets its ``policy``.

Known differences of the policy:

- One number counts. ``connect``, ``read`` and ``other`` may be left out, or not be less than
  ``total``; ``status`` may be 0 as well. Anything else is refused.
- Each pause is drawn from zero to its bound, from the first one on, so ``backoff_jitter`` adds
  nothing. A budget bounds the attempts of all requests together.
- A status is tried again if it is in ``status_forcelist``; one that is not is an answer, also with
  a ``Retry-After``.
- A server that asks for more than ``retry_after_max`` is not waited for at all.
- Redirects are the session's: what is said of them here is not looked at, as requests does not.

The module needs no urllib3, but for the errors of ``increment()`` and ``parse_retry_after()``.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from email.utils import mktime_tz, parsedate_tz
from itertools import takewhile
from types import TracebackType
from typing import Any, ClassVar, NamedTuple

from .._errors import InvalidArgument
from .._retry import RetryPolicy
from ._retry_policy import policy_of

__all__ = ["RequestHistory", "Retry"]

_IDEMPOTENT = frozenset({"HEAD", "GET", "PUT", "DELETE", "OPTIONS", "TRACE"})
_SECRET = frozenset({"cookie", "authorization", "proxy-authorization"})


class RequestHistory(NamedTuple):
    """An attempt that ``increment()`` was told of."""

    method: str | None
    url: str | None
    error: Exception | None
    status: int | None
    redirect_location: str | None


@dataclass(eq=False, repr=False, slots=True)
class Retry:
    """How often, when and what is tried again, in urllib3's words.

    Args:
        total: Further attempts. False is 0, and gives the answer out whatever its status.
        connect: Those after no connection; None is as many as ``total``. So are ``read``,
            ``redirect``, ``status`` and ``other``.
        allowed_methods: What may be tried again after it was sent; None is every method.
        status_forcelist: Statuses that are tried again.
        backoff_factor: What the pauses in seconds are made of; each doubles the one before.
        backoff_max: The longest.
        raise_on_redirect: Not looked at.
        raise_on_status: Where the attempts are used up, an answer with one of the statuses is an
            error of ``Adapter``.
        history: The attempts before.
        respect_retry_after_header: Whether a server says when.
        remove_headers_on_redirect: Not looked at.
        backoff_jitter: What chance adds to a pause at most, in seconds.
        retry_after_max: The longest that a server may ask for, in seconds.
    """

    DEFAULT_ALLOWED_METHODS: ClassVar = _IDEMPOTENT
    DEFAULT_BACKOFF_MAX: ClassVar = 120
    DEFAULT_REMOVE_HEADERS_ON_REDIRECT: ClassVar = _SECRET
    DEFAULT_RETRY_AFTER_MAX: ClassVar = 21_600
    RETRY_AFTER_STATUS_CODES: ClassVar = frozenset({413, 429, 503})

    total: bool | int | None = 10
    connect: bool | int | None = None
    read: bool | int | None = None
    redirect: bool | int | None = None
    status: bool | int | None = None
    other: bool | int | None = None
    allowed_methods: Collection[str] | None = _IDEMPOTENT
    status_forcelist: Collection[int] | None = None
    backoff_factor: float = 0
    backoff_max: float = DEFAULT_BACKOFF_MAX
    raise_on_redirect: bool = True
    raise_on_status: bool = True
    history: tuple[RequestHistory, ...] = ()
    respect_retry_after_header: bool = True
    remove_headers_on_redirect: Collection[str] = _SECRET
    backoff_jitter: float = 0.0
    retry_after_max: float = DEFAULT_RETRY_AFTER_MAX

    def __post_init__(self) -> None:
        if self.redirect is False or self.total is False:
            self.redirect, self.raise_on_redirect = 0, False
        self.status_forcelist = self.status_forcelist or ()
        self.history = self.history or ()
        self.remove_headers_on_redirect = frozenset(
            name.lower() for name in self.remove_headers_on_redirect
        )

    @classmethod
    def of(cls, given: Any) -> Retry:
        """The same of a number, or of urllib3's own object.

        Raises:
            InvalidArgument: It is something else.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, (bool, int)):
            return cls(given)
        if not hasattr(given, "status_forcelist"):
            kind = type(given).__name__
            raise InvalidArgument(f"max_retries must be a number or a Retry, not a {kind}")
        names = (field.name for field in fields(cls) if hasattr(given, field.name))
        return cls(**{name: getattr(given, name) for name in names})

    def new(self, **changes: Any) -> Retry:
        """The same but for what is given."""
        return replace(self, **changes)

    @property
    def policy(self) -> RetryPolicy:
        """What a client makes of it.

        Raises:
            InvalidArgument: It says what tidegate does not do.
        """
        return policy_of(self)

    def tries(self, method: str) -> bool:
        """What was sent by this method may be tried again."""
        allowed = self.allowed_methods
        return not allowed or method.upper() in {name.upper() for name in allowed}

    def idempotent(self, method: str) -> bool | None:
        """What a request of this method says of itself, so that it is tried again or not."""
        if not self.allowed_methods:
            return None
        usual = frozenset(name.upper() for name in self.allowed_methods) == _IDEMPOTENT
        return True if self.tries(method) else None if usual else False

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        """An answer with this status is tried again."""
        asked = (
            has_retry_after
            and self.respect_retry_after_header
            and status_code in self.RETRY_AFTER_STATUS_CODES
        )
        listed = status_code in (self.status_forcelist or ())
        return self.tries(method) and (listed or bool(self.total and asked))

    def is_exhausted(self) -> bool:
        """More was tried than was allowed."""
        counts = (self.total, self.connect, self.read, self.redirect, self.status, self.other)
        return any(count < 0 for count in counts if count is not None)

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: Any = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: TracebackType | None = None,
    ) -> Retry:
        """What is left after an attempt that ended with ``response`` or ``error``.

        Raises:
            urllib3.exceptions.MaxRetryError: Nothing is.
            Exception: ``error`` itself, where it is not to be tried again.
        """
        from urllib3.exceptions import MaxRetryError, ResponseError

        kind = _kind(error, response)
        status = None if error or response is None else response.status
        if error is not None:
            never = kind in ("connect", "read") and getattr(self, kind) is False
            sent = kind == "read" and not (method and self.tries(method))
            if self.total is False or never or sent:
                raise error.with_traceback(_stacktrace or error.__traceback__)
        counted = {name: getattr(self, name) for name in ("total", kind) if name}
        less = {name: count - 1 for name, count in counted.items() if count is not None}
        target = response.get_redirect_location() if kind == "redirect" else None
        attempt = RequestHistory(method, url, error, status, target)
        left = self.new(**less, history=(*self.history, attempt))
        if left.is_exhausted():
            why = "too many redirects" if target else ResponseError.GENERIC_ERROR
            if status and not target:
                why = ResponseError.SPECIFIC_ERROR.format(status_code=status)
            reason = error or ResponseError(why)
            raise MaxRetryError(_pool, url or "", reason) from reason
        return left

    def get_backoff_time(self) -> float:
        """The pause in seconds before the next attempt; none before the first two."""
        row = takewhile(lambda attempt: attempt.redirect_location is None, reversed(self.history))
        failed = sum(1 for _ in row)
        if failed < 2:
            return 0.0
        pause = self.backoff_factor * 2 ** (failed - 1) + random.random() * self.backoff_jitter
        return float(max(0, min(self.backoff_max, pause)))

    def parse_retry_after(self, retry_after: str) -> float:
        """The seconds that a server asks for.

        Raises:
            urllib3.exceptions.InvalidHeader: It is neither a number nor a date.
        """
        if re.fullmatch(r"\s*[0-9]+\s*", retry_after):
            seconds: float = int(retry_after)
        elif (date := parsedate_tz(retry_after)) is not None:
            seconds = max(0, mktime_tz(date) - time.time())
        else:
            from urllib3.exceptions import InvalidHeader

            raise InvalidHeader(f"the field Retry-After is no time: {retry_after}")
        return min(seconds, self.retry_after_max)

    def get_retry_after(self, response: Any) -> float | None:
        """The seconds that this answer asks for, if it does."""
        asked = response.headers.get("Retry-After")
        return None if asked is None else self.parse_retry_after(asked)

    def sleep(self, response: Any = None) -> None:
        """Waits on this thread until the next attempt is due; nothing of tidegate calls it."""
        asked = self.respect_retry_after_header and response and self.get_retry_after(response)
        if pause := asked or self.get_backoff_time():
            time.sleep(pause)

    def __repr__(self) -> str:
        names = ("total", "connect", "read", "redirect", "status")
        told = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({told})"


def _kind(error: Exception | None, response: Any) -> str:
    """Which number an attempt counts against, beside the total; none without a response."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        ProtocolError,
        ProxyError,
        ReadTimeoutError,
    )

    if error is None:
        if response is None:
            return ""
        return "redirect" if response.get_redirect_location() else "status"
    cause = error.original_error if isinstance(error, ProxyError) else error
    if isinstance(cause, ConnectTimeoutError):
        return "connect"
    return "read" if isinstance(error, (ReadTimeoutError, ProtocolError)) else "other"
