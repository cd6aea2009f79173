"""How a test in Python waits for what has no event."""

import threading
import time
from collections.abc import Callable
from typing import Any


def until(condition: Callable[[], Any], within: float = 20.0, what: str = "it") -> Any:
    """The first true value of `condition`, asked again and again; fails after `within` seconds."""
    pause, deadline = threading.Event(), time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {within} s in vain for {what}"
        pause.wait(0.02)
    return value
