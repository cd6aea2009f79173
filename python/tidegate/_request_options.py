"""What a request may have otherwise than its client, and whether it is of its type."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from ._duration import seconds
from ._encode import Body, HeaderPairs, QueryPairs
from ._errors import InvalidArgument
from ._form import Files
from ._gate import Gate
from ._upload import Streamed

Times = tuple[float | None, float | None, float | None, float | None, float | None]
NO_TIMES: Times = (None, None, None, None, None)
NO_CHOICES = (None, None, None, None, None, None, None, None, None, None)


class RequestOptions(TypedDict, total=False):
    """What a request may have otherwise than its client; see ``AsyncClient.request()``."""

    params: QueryPairs | None
    headers: HeaderPairs | None
    json: Any
    data: QueryPairs | Body | str | None
    content: Body | Streamed | None
    files: Files | None
    timeout: float | str | None
    pool_timeout: float | str | None
    connect_timeout: float | str | None
    attempt_timeout: float | str | None
    read_timeout: float | str | None
    max_body: int | None
    idempotent: bool | None
    idempotency_key: str | None
    attempts: int | None
    max_redirects: int | None
    hedge: bool | float | str | None
    decode: bool | None
    basic_user: str | None
    basic_password: str | None
    bearer_token: str | None
    proxy: str | None
    gate: Gate | str | None
    label: str


def times_of(
    timeout: float | str | None,
    pool_timeout: float | str | None,
    connect_timeout: float | str | None,
    attempt_timeout: float | str | None,
    read_timeout: float | str | None,
) -> Times:
    """In seconds."""
    return (
        _seconds("timeout", timeout),
        _seconds("pool_timeout", pool_timeout),
        _seconds("connect_timeout", connect_timeout),
        _seconds("attempt_timeout", attempt_timeout),
        _seconds("read_timeout", read_timeout),
    )


def check_choices(
    max_body: int | None,
    attempts: int | None,
    max_redirects: int | None,
    idempotent: bool | None,
    decode: bool | None,
) -> None:
    """Each is of its type and in its range."""
    _check_number("max_body", max_body, 0, (1 << 63) - 1)
    _check_number("attempts", attempts, 1, 100)
    _check_number("max_redirects", max_redirects, 0, 100)
    _check_bool("idempotent", idempotent)
    _check_bool("decode", decode)


def _seconds(name: str, value: float | str | None) -> float | None:
    return None if value is None else seconds(name, value)


def _check_number(name: str, value: int | None, least: int, most: int) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgument(f"{name} must be an integer from {least} to {most}, not {value!r}")


def _check_bool(name: str, value: bool | None) -> None:
    if value is not None and not isinstance(value, bool):
        raise InvalidArgument(f"{name} must be a bool, not {value!r}")


def hedge_of(hedge: bool | float | str | None) -> bool | float | None:
    """Whether, or after how many seconds."""
    return hedge if hedge is None or isinstance(hedge, bool) else seconds("hedge", hedge)


def joined(name: str, several: str | Iterable[str] | None) -> str | None:
    if several is None or isinstance(several, str):
        return several
    try:
        return ",".join(several)
    except TypeError:
        raise InvalidArgument(f"{name} must be a str or several") from None


def auth_of(
    user: str | None, password: str | None, token: str | None
) -> tuple[str, str] | str | None:
    """Who asks. No message has what was given: it may be a secret at the wrong place."""
    if not all(given is None or isinstance(given, str) for given in (user, password, token)):
        raise InvalidArgument("basic_user, basic_password and bearer_token must be str")
    if user is None:
        if password is not None:
            raise InvalidArgument("there is a basic_password, and no basic_user")
        return token
    if token is not None:
        raise InvalidArgument("there is a basic_user, and a bearer_token")
    return user, password or ""
