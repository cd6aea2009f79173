"""What HTTP says about the age and the sameness of an answer. No framework, no I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._answer import Answer

_TAG = re.compile(r'[\s,]*(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a value.

    Attributes:
        body: What the response shows.
        same: What has to be equal for two responses to be the same: the body but for its ``meta``.
        source: ``"fresh"``, ``"cached"``, ``"stale"`` or ``"default"``.
        age: Seconds since it was computed.
    """

    body: Any
    same: Any
    source: str
    age: float


def facts_of(result: Any) -> Facts:
    """Of an ``Answer``; of a dict with ``meta`` (``source``, ``age_s`` or ``age``); of a value."""
    if isinstance(result, Answer):
        return Facts(result.value, result.value, result.source, result.age)
    if isinstance(result, Mapping) and isinstance(meta := result.get("meta"), Mapping):
        same = {key: value for key, value in result.items() if key != "meta"}
        age = meta.get("age_s", meta.get("age")) or 0.0
        source = meta.get("source") or ("default" if meta.get("degraded") else "fresh")
        return Facts(result, same, str(source), float(age))
    return Facts(result, result, "fresh", 0.0)


def entity_tag(rendered: bytes, *, weak: bool) -> str:
    """A quoted tag, equal in every process and after every restart for equal bytes."""
    digest = hashlib.sha256(rendered).hexdigest()[:32]
    return f'{"W/" if weak else ""}"{digest}"'


def is_known(if_none_match: Iterable[str], tag: str) -> bool:
    """Whether the client has this already: one of its tags, weak or not, or ``*``.

    A list that cannot be read matches nothing.
    """
    text = ",".join(if_none_match).strip(", \t")
    if text == "*":
        return True
    wanted = tag.removeprefix("W/")
    found, position = False, 0
    while position < len(text):
        match = _TAG.match(text, position)
        if match is None:
            return False
        found = found or match[1] == wanted
        position = match.end()
    return found


def cache_headers(
    facts: Facts, *, ttl: float, stale_for: float, private: bool, vary: Iterable[str]
) -> dict[str, str]:
    """``Age`` and ``Cache-Control``, and ``Vary`` where it is needed.

    A default is good enough to show and not good enough to store; a stale value may be kept, to be
    asked about each time.
    """
    headers = {"Age": str(max(0, int(facts.age)))}
    if facts.source == "default":
        headers["Cache-Control"] = "no-store"
    elif facts.source == "stale":
        headers["Cache-Control"] = "private, no-cache" if private else "no-cache"
    else:
        words = ["private"] if private else []
        words.append(f"max-age={max(0, int(ttl))}")
        if stale_for > 0:
            words.append(f"stale-if-error={int(stale_for)}")
        headers["Cache-Control"] = ", ".join(words)
    if names := ", ".join(vary):
        headers["Vary"] = names
    return headers
