"""What a program's own tests need of tidegate: a function in place of the network, and time that
passes at once.

Importing tidegate does not import this module; looking at ``tidegate.testing`` does.

Example:
    >>> from tidegate import testing
    >>> mock = testing.MockTransport(testing.Faults(["connect_failed", 503, 200]))
    >>> assert tidegate.Client(transport=mock).get("https://api.example.com/").attempts == 3
"""

from __future__ import annotations

from ._messages import Faults, Request, Response
from ._time import VirtualTime, virtual_time
from ._transport import MockTransport, mock_transport, no_network

__all__ = [
    "Faults",
    "MockTransport",
    "Request",
    "Response",
    "VirtualTime",
    "mock_transport",
    "no_network",
    "virtual_time",
]
