"""How requests came, as the site that they went to saw it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def starts_of(told: dict[str, Any], what: str) -> list[float]:
    """When each request came whose line begins with this, in seconds, in order."""
    return sorted(each["at"] for each in told["log"] if each["what"].startswith(what))


def too_early(
    begin: float, starts: Sequence[float], interval: float, *, every: int = 0, pause: float = 0.0
) -> list[str]:
    """What a pace from ``begin`` on does not allow: ``interval`` from one start to the next, and
    ``pause`` more after each ``every`` of them.

    A busy machine makes requests late, and so the next ones close to them. It makes none early:
    that is measured, for each start and all before it together.
    """
    found = []
    for number, start in enumerate(starts):
        least = number * interval + (number // every * pause if every else 0.0)
        if start - begin < least:
            found.append(
                f"start {number + 1} came {start - begin:.3f} s after the begin, not {least:.3f} s"
            )
    return found


def too_close(
    starts: Sequence[float], interval: float, *, every: int = 0, pause: float = 0.0
) -> list[str]:
    """Which starts came closer to the one before than the pace allows, by more than 50 ms.

    A machine that holds up one request and not the next does that too, now and then.
    """
    found = []
    for number, (before, start) in enumerate(pairwise(starts), 1):
        least = interval + (pause if every and number % every == 0 else 0.0) - 0.05
        if start - before < least:
            found.append(f"start {number + 1} came {start - before:.3f} s after the one before")
    return found
