"""The one import of the extension, so that everything else can be read without it."""

from __future__ import annotations

from typing import Final

from tidegate import _core as core


class Missing:
    """The type of MISSING: an argument that was not given."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<not given>"


MISSING: Final = Missing()

__all__ = ["MISSING", "Missing", "core"]
