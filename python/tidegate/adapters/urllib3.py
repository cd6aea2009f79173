"""urllib3's ``Retry`` for tidegate's clients.

What it replaces: ``urllib3.util.Retry``, which it takes the arguments of::

    from tidegate.adapters.requests import Adapter
    from tidegate.adapters.urllib3 import Retry

    session.mount("https://", Adapter(max_retries=Retry(total=3, status_forcelist=[502, 503])))
    http = tidegate.Client(retry=Retry(total=3).policy)

Known differences:

- One number counts. ``connect``, ``read`` and ``other`` may be left out, or not be less than
  ``total``; ``status`` may be 0 as well. Anything else is refused.
- Each pause is drawn from zero to its bound, from the first one on, so ``backoff_jitter`` adds
  nothing. A budget bounds the attempts of all requests together.
- A status is tried again if it is in ``status_forcelist``; one that is not is an answer, also with
  a ``Retry-After``.
- A server that asks for more than ``retry_after_max`` is not waited for at all.
- Redirects are the session's: what is said of them here is not looked at, as requests does not.

The module needs no urllib3.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .._errors import InvalidArgument
from .._retry import RetryPolicy

__all__ = ["Retry"]

_IDEMPOTENT = frozenset({"HEAD", "GET", "PUT", "DELETE", "OPTIONS", "TRACE"})
_MOST_ATTEMPTS = 100
_DAY = 86_400.0


class Retry:
    """How often, when and what is tried again, in urllib3's words.

    Args:
        total: Further attempts. False is 0, and gives the answer out whatever its status.
        connect: At least ``total``, or None; so are ``read`` and ``other``.
        status: The same, or 0: no status is tried again.
        redirect: Not looked at; so are ``raise_on_redirect``, ``remove_headers_on_redirect`` and
            ``backoff_jitter``.
        allowed_methods: What may be tried again after it was sent; None is every method.
        status_forcelist: Statuses that are tried again.
        backoff_factor: The bound of the first pause in seconds; it doubles with each.
        backoff_max: The longest bound.
        raise_on_status: Where the attempts are used up, an answer with one of the statuses is an
            error of ``Adapter``.
        respect_retry_after_header: True; False is refused.
        retry_after_max: The longest that a server may ask for, in seconds.

    Attributes:
        policy: The ``RetryPolicy``.

    Raises:
        InvalidArgument: An argument says what tidegate does not do.
    """

    __slots__ = ("_methods", "policy", "raise_on_status", "total")

    def __init__(
        self,
        total: bool | int | None = 10,
        connect: bool | int | None = None,
        read: bool | int | None = None,
        redirect: bool | int | None = None,
        status: bool | int | None = None,
        other: bool | int | None = None,
        allowed_methods: Collection[str] | None = _IDEMPOTENT,
        status_forcelist: Collection[int] | None = None,
        backoff_factor: float = 0,
        backoff_max: float = 120,
        raise_on_redirect: bool = True,
        raise_on_status: bool = True,
        history: tuple[Any, ...] | None = None,
        respect_retry_after_header: bool = True,
        remove_headers_on_redirect: Collection[str] = (),
        backoff_jitter: float = 0.0,
        retry_after_max: float = 21_600,
    ) -> None:
        self.total = _one_number(total, {"connect": connect, "read": read, "other": other}, status)
        if not respect_retry_after_header:
            raise InvalidArgument(
                "respect_retry_after_header=False is not supported: who says when is heard"
            )
        if history:
            raise InvalidArgument("history is not supported: Response.history has what was tried")
        self.raise_on_status = raise_on_status and total is not False
        methods = None if not allowed_methods else frozenset(m.upper() for m in allowed_methods)
        self._methods = methods
        statuses = () if status is not None and not status else tuple(status_forcelist or ())
        self.policy = RetryPolicy(
            attempts=self.total + 1,
            backoff=backoff_factor,
            max_backoff=min(backoff_max, _DAY),
            max_retry_after=min(retry_after_max, _DAY),
            statuses=statuses,
            methods="every" if methods is None else "idempotent",
        )

    @classmethod
    def of(cls, given: Any) -> Retry:
        """The same of a number, or of urllib3's own object.

        Raises:
            InvalidArgument: It is something else, or says what tidegate does not do.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, (bool, int)):
            return cls(given)
        try:
            return cls(
                total=given.total,
                connect=given.connect,
                read=given.read,
                status=given.status,
                other=given.other,
                allowed_methods=given.allowed_methods,
                status_forcelist=given.status_forcelist,
                backoff_factor=given.backoff_factor,
                backoff_max=given.backoff_max,
                raise_on_status=given.raise_on_status,
                history=given.history,
                respect_retry_after_header=given.respect_retry_after_header,
                retry_after_max=getattr(given, "retry_after_max", 21_600),
            )
        except AttributeError:
            kind = type(given).__name__
            raise InvalidArgument(
                f"max_retries must be a number or a Retry, not a {kind}"
            ) from None

    def tries(self, method: str) -> bool:
        """What was sent by this method may be tried again."""
        return self._methods is None or method.upper() in self._methods

    def idempotent(self, method: str) -> bool | None:
        """What a request of this method says of itself, so that it is tried again or not."""
        if self._methods is None:
            return None
        return True if self.tries(method) else None if self._methods == _IDEMPOTENT else False

    def __repr__(self) -> str:
        return f"<Retry total={self.total}>"


def _one_number(
    total: bool | int | None, parts: dict[str, bool | int | None], status: bool | int | None
) -> int:
    """Further attempts, of whatever kind."""
    if total is True:
        raise InvalidArgument("total=True is not supported: give a number")
    given = {name: int(part) for name, part in parts.items() if part is not None}
    if total is None:
        if len(given) < len(parts) or len(set(given.values())) > 1:
            raise InvalidArgument("without total, connect, read and other must be one number")
        total = given["connect"]
    number = int(total)
    if status:
        given["status"] = int(status)
    for name, part in given.items():
        if part < number:
            raise InvalidArgument(
                f"{name}={part} is not supported beside total={number}: one number counts for all"
            )
    if not 0 <= number < _MOST_ATTEMPTS:
        raise InvalidArgument(f"total must be from 0 to {_MOST_ATTEMPTS - 1}, not {number}")
    return number
