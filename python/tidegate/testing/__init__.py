"""What a program's own tests need of tidegate: time that passes at once.

Importing tidegate does not import this module.
"""

from __future__ import annotations

from ._time import VirtualTime, virtual_time

__all__ = ["VirtualTime", "virtual_time"]
