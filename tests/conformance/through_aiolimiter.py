# SPDX-License-Identifier: Apache-2.0
"""A plugin: aiolimiter's tests get tidegate's AsyncLimiter."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from differences import Plugin
from fetch import FOLDER

import tidegate as tg
from tidegate.adapters.aiolimiter import AsyncLimiter

# Its own package gives the tests a version of the file that they are from, and nothing else.
sys.path.insert(0, str(Path(FOLDER, "aiolimiter", "src")))
import aiolimiter

aiolimiter.AsyncLimiter = AsyncLimiter


def granted() -> int:
    """The starts that the C++ library has let through and refused for it."""
    counts = tg.stats().get("gate", {}).get("aiolimiter", {})
    return int(counts.get("granted", 0))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin("aiolimiter", granted, "starts"))
