"""tidegate: queries and calls that end by their deadline, whatever happens.

Example:
    >>> import tidegate as tg
    >>> ex = tg.Executor()
    >>> db = ex.sqlite("cars.db")
    >>> async with tg.page(18) as page:
    ...     cars = page.query(db, "SELECT * FROM listings LIMIT 4", timeout=15, default=[])
    >>> cars.value, cars.source, cars.degraded
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._answer import Answer, Rows, Source, Timings
from ._breaker import Breaker, BreakerPermit, BreakerStats
from ._cache import Cache, CacheStats
from ._cached import CachedCoroutine, CachedFunction, cached
from ._calls import Callables
from ._client import AsyncClient, Client
from ._client_stats import ClientStats, ProxyStats
from ._database import Database
from ._duration import header_timeout
from ._errors import (
    BlockedAddress,
    CallableFailed,
    Cancelled,
    CircuitOpen,
    Closed,
    ConfigError,
    ConnectionFailed,
    DecodeError,
    EngineBusy,
    EngineCorrupt,
    EngineUnavailable,
    Error,
    HTTPStatusError,
    InternalError,
    InvalidArgument,
    LocalResourceError,
    NotReady,
    OutOfMemory,
    Overloaded,
    PoolTimeout,
    ProtocolError,
    ProxyError,
    QueryError,
    RateLimited,
    RedirectError,
    Timeout,
    TlsFailed,
    TooLarge,
)
from ._executor import Executor
from ._gate import Gate, GateStats
from ._gate_permit import GatePermit
from ._headers import Headers
from ._keyed_limiter import KeyedLimiter, KeyedLimiterStats
from ._limiter import Limiter, LimiterStats, Rate, Reservation
from ._loads import LoadContext
from ._native import core
from ._operation import Operation
from ._page import Page, page
from ._refresh import Refresh
from ._response import Exchange, HttpTimings, Response
from ._retried import retry
from ._retry import RetryBudget, RetryPolicy
from ._runtime import configure, share_stats, shutdown, stats, stats_prometheus, workers
from ._settings import Config, Finding, expect_workers
from ._stream import AsyncStreamedResponse, StreamedResponse

__version__ = core.version()

if TYPE_CHECKING:
    from . import testing as testing
else:

    def __getattr__(name):
        """``tidegate.testing`` is imported when somebody looks at it."""
        if name == "testing":
            return import_module("tidegate.testing")
        raise AttributeError(f"module 'tidegate' has no attribute {name!r}")


__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncStreamedResponse",
    "BlockedAddress",
    "Breaker",
    "BreakerPermit",
    "BreakerStats",
    "Cache",
    "CacheStats",
    "CachedCoroutine",
    "CachedFunction",
    "CallableFailed",
    "Callables",
    "Cancelled",
    "CircuitOpen",
    "Client",
    "ClientStats",
    "Closed",
    "Config",
    "ConfigError",
    "ConnectionFailed",
    "Database",
    "DecodeError",
    "EngineBusy",
    "EngineCorrupt",
    "EngineUnavailable",
    "Error",
    "Exchange",
    "Executor",
    "Finding",
    "Gate",
    "GatePermit",
    "GateStats",
    "HTTPStatusError",
    "Headers",
    "HttpTimings",
    "InternalError",
    "InvalidArgument",
    "KeyedLimiter",
    "KeyedLimiterStats",
    "Limiter",
    "LimiterStats",
    "LoadContext",
    "LocalResourceError",
    "NotReady",
    "Operation",
    "OutOfMemory",
    "Overloaded",
    "Page",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ProxyStats",
    "QueryError",
    "Rate",
    "RateLimited",
    "RedirectError",
    "Refresh",
    "Reservation",
    "Response",
    "RetryBudget",
    "RetryPolicy",
    "Rows",
    "Source",
    "StreamedResponse",
    "Timeout",
    "Timings",
    "TlsFailed",
    "TooLarge",
    "__version__",
    "cached",
    "configure",
    "expect_workers",
    "header_timeout",
    "page",
    "retry",
    "share_stats",
    "shutdown",
    "stats",
    "stats_prometheus",
    "workers",
]
