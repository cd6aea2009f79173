# SPDX-License-Identifier: Apache-2.0
"""The peers that are measured beside tidegate."""

from __future__ import annotations

import importlib
from typing import Any


def peer(name: str) -> Any:
    """A module that may be missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
