"""What a client counts."""

from __future__ import annotations

from typing import NamedTuple


class ProxyStats(NamedTuple):
    """What the proxies of one client did in this process.

    Attributes:
        request_count: Attempts that took one.
        session_rotations: Sessions that followed another one.
        current_proxy: Its host and port; ``""`` where the client has none.
        available_proxies: Those that are not set aside.
    """

    request_count: int
    session_rotations: int
    current_proxy: str
    available_proxies: int


class ClientStats(NamedTuple):
    """What a client counts in this process; clients of one name count together.

    Attributes:
        requests: Started.
        responses: Ended with a response, of whatever status.
        failures: Ended without one.
        opened: Connections opened for them.
        reused: Responses over a kept connection.
        resent: Requests that were sent again over a new connection.
        in_flight: Under way now.
        waiting: For their turn, now.
        retries: Further attempts.
        out_of_budget: Requests that had no further one for want of budget.
        hedges: Second requests beside a first that was slow.
        hedge_wins: Of those, how many answered first.
        proxies: What its proxies did; of this very client.
    """

    requests: int
    responses: int
    failures: int
    opened: int
    reused: int
    resent: int
    in_flight: int
    waiting: int
    retries: int
    out_of_budget: int
    hedges: int
    hedge_wins: int
    proxies: ProxyStats
