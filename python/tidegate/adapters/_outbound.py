"""What the adapters for other HTTP clients share: a request as tidegate takes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from .._duration import MOST_SECONDS
from .._errors import InvalidArgument
from .._response import Response

_USER = re.compile(r"^([^/?]*//)[^/?]*@")

# What tidegate writes itself. Only a value that it would write too may be left out.
_OWN = {
    "connection": ("keep-alive",),
    "transfer-encoding": ("chunked",),
    "keep-alive": (),
}


def own_fields_dropped(url: str, fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields without those that the client makes itself of the URL and of the body.

    Raises:
        InvalidArgument: One of them says something else than the client does.
    """
    kept: list[tuple[str, str]] = []
    for name, value in fields:
        lower = name.lower()
        if lower == "host":
            if value.lower() != _host_of(url):
                raise InvalidArgument(
                    "the field 'Host' is another than the URL's, which is not supported"
                )
        elif lower != "content-length" and value.strip().lower() not in _OWN.get(lower, ()):
            kept.append((name, value))
    return kept


def _host_of(url: str) -> str:
    """As the client writes it: without the port that the scheme has anyway."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    usual = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    return host.removesuffix(usual) if usual else host


def without_user(url: str) -> str:
    """The URL without user, password and fragment: they were made fields before."""
    return _USER.sub(r"\1", url.partition("#")[0])


def checked_time(name: str, given: object) -> float | None:
    """Seconds as the client takes them, at most a day; None is the client's own.

    Raises:
        InvalidArgument: It is no number of seconds.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given > 0:
        raise InvalidArgument(
            f"the {name} timeout must be an int, float or None, more than 0, and not {given!r}"
        )
    return min(float(given), MOST_SECONDS)


def attempt_time(connect: float | None, read: float | None) -> float | None:
    """Until the head of an answer: the peers count from the last byte that was sent."""
    if read is None:
        return None
    return min(MOST_SECONDS, read + (connect or 0.0))


def whole_time(own: float, *parts: float | None) -> float:
    """For all of a request: the client's, but never less than an attempt was given."""
    return min(MOST_SECONDS, max(own, sum(part for part in parts if part is not None)))


def reason_of(response: Response) -> str:
    """The usual words for the status; those of the server are not kept."""
    try:
        return HTTPStatus(response.status).phrase
    except ValueError:
        return ""
