"""A database of an executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from ._answer import Rows
from ._cache import Cache, life
from ._duration import seconds
from ._errors import Error, InvalidArgument
from ._native import MISSING, core
from ._operation import Operation
from ._page import Page, current_page

D = TypeVar("D")

QueryValue = str | int | float | bool | bytes | bytearray | memoryview | None
Kept = tuple[Cache[Any], float | None, float | None]  # with ttl and stale_for
QueryParams = Mapping[str, QueryValue] | Sequence[QueryValue] | None


class Database:
    """An SQLite file, queried by several threads at once. Made by ``Executor.sqlite()``."""

    __slots__ = ("_native", "_own_cache", "_timeout")

    def __init__(
        self, native: core.Database, timeout: float, own_cache: Callable[[], Cache[Any]]
    ) -> None:
        self._native = native
        self._timeout = timeout
        self._own_cache = own_cache

    @overload
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows]: ...
    @overload
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: Callable[[Error], D],
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows | D]: ...
    @overload
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: D,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Rows | D]: ...
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: object = MISSING,
        label: str = "",
        cache: Cache[Any] | float | str | None = None,
        ttl: float | str | None = None,
        stale_for: float | str | None = None,
    ) -> Operation[Any]:
        """Starts one statement that only reads.

        Args:
            sql: The statement. Values belong into ``params``, never into it.
            params: By name (``:make``, ``@make`` or ``$make`` in the SQL) or, in a sequence, by
                position.
            timeout: Seconds, or a text like ``"15s"``, from now until it ends, waiting included.
                The executor's ``query_timeout`` if it is not given; inside a page the earlier
                counts.
            default: What to answer with where there is no fresh value in time; or a callable that
                makes it from the ``Error``, quickly, in the code that asks for the answer. If it
                raises, its exception is the ``__cause__`` of the error. What is cancelled has none.
            label: A name for messages and for ``Page.sources()``. It must hold no secret.
            cache: A ``Cache`` that may have the answer, and else keeps it; or, as a duration, how
                long the executor's own cache keeps it. The query is then asked once for all who
                want it, and ``source`` is ``"fresh"``, ``"cached"``, ``"stale"`` where it fails or
                is late, or ``"default"`` where there is no stale one either. The timeout is that of
                the wait: the query goes on for the others and for the cache, by the executor's
                ``query_timeout`` and the cache's ``load_timeout``. The rows are shared by all who
                have them: change none.
            ttl: For this answer instead of the cache's; so is ``stale_for``.

        Raises:
            InvalidArgument: An argument is wrong. What is wrong with the SQL itself comes as the
                ``QueryError`` of the operation.
            Closed: ``shutdown()`` was called, or the interpreter ends.

        Example:
            >>> op = db.query("SELECT * FROM cars WHERE make = :make", {"make": make}, timeout=15)
            >>> for row in (await op).value: ...
        """
        page = current_page()
        kept = self._kept(cache, ttl, stale_for)
        return self._start(page, sql, params, timeout, default, label, kept)

    def key(self, sql: str, params: QueryParams = None) -> bytes:
        """The key of a query in a cache that was given to ``query()``.

        It is made of the file, the SQL text and the parameters, each by its value and type.

        Example:
            >>> cache.invalidate(db.key(CARS, {"make": make}))
        """
        return self._native.key(sql, params)

    def _start(
        self,
        page: Page | None,
        sql: str,
        params: QueryParams,
        timeout: float | str | None,
        default: object,
        label: str,
        kept: Kept | None,
    ) -> Operation[Any]:
        bound = self._timeout if timeout is None else seconds("timeout", timeout)
        deadline = None if page is None else page.deadline
        if kept is None:
            return self._native.submit(sql, params, bound, deadline, label, default)
        call = (bound, deadline, label, default)
        return core.cache_query(kept[0], self._native, sql, params, call, *kept[1:])

    def _kept(
        self,
        cache: Cache[Any] | float | str | None,
        ttl: float | str | None,
        stale_for: float | str | None,
    ) -> Kept | None:
        """Where an answer is kept, and for how long."""
        if isinstance(cache, Cache):
            return cache, life("ttl", ttl), life("stale_for", stale_for)
        if cache is None:
            if ttl is not None or stale_for is not None:
                raise InvalidArgument("ttl and stale_for are those of an answer in a cache=")
            return None
        if ttl is not None:
            raise InvalidArgument("cache= is a duration already: it is the ttl")
        return self._own_cache(), life("cache", cache), life("stale_for", stale_for)
