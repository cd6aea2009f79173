# SPDX-License-Identifier: Apache-2.0
"""A plugin: aiolimiter's tests get tidegate's AsyncLimiter."""

from __future__ import annotations

import aiolimiter
import pytest
from differences import Plugin

import tidegate as tg
from tidegate.adapters.aiolimiter import AsyncLimiter

aiolimiter.AsyncLimiter = AsyncLimiter


def granted() -> int:
    """The starts that the C++ library has let through for it."""
    counts = tg.stats().get("gate", {}).get("aiolimiter", {})
    return int(counts.get("granted", 0))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Plugin("aiolimiter", granted, "starts"))
