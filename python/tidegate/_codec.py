"""How Python values are written to Redis: ``bytes`` as they are, everything else as JSON.

Never pickle: whoever can write to Redis could run code in every process that reads it. What JSON
knows is what comes back: a tuple as a list, the keys of a dict as strings. Half a surrogate pair,
which UTF-8 does not know, is written as its escape; two halves side by side come back as the
character that they make.
"""

from __future__ import annotations

import json
from typing import Any

Encoded = tuple[int, bytes]

# Numbers in the envelope of a value. Those below 128 are other languages'.
_JSON = 128
_BYTES = 129


def encode(value: Any) -> Encoded:
    """The codec's number and the bytes.

    Raises:
        TypeError: JSON does not know the type.
        ValueError: The value contains itself.
        RecursionError: It is nested too deeply.
    """
    if isinstance(value, bytes):
        return _BYTES, value
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return _JSON, text.encode(errors="backslashreplace")  # it makes \ud83d, as JSON has it
    except TypeError as error:
        raise TypeError(
            f"type {type(value).__name__} cannot be written to Redis: {error}; a cache with redis= "
            "keeps bytes and what JSON knows"
        ) from None


def decode(codec: int, payload: bytes) -> Any:
    """The value.

    Raises:
        ValueError: It is none of ours, or damaged.
    """
    if codec == _BYTES:
        return payload
    if codec == _JSON:
        return json.loads(payload)
    raise ValueError(f"codec {codec}")
