"""A database of an executor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from ._answer import Rows
from ._duration import seconds
from ._errors import Error
from ._native import MISSING, core
from ._operation import Operation
from ._page import Page, current_page

D = TypeVar("D")

QueryValue = str | int | float | bool | bytes | bytearray | memoryview | None
QueryParams = Mapping[str, QueryValue] | Sequence[QueryValue] | None


class Database:
    """An SQLite file, queried by several threads at once. Made by ``Executor.sqlite()``."""

    __slots__ = ("_native", "_timeout")

    def __init__(self, native: core.Database, timeout: float) -> None:
        self._native = native
        self._timeout = timeout

    @overload
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        label: str = "",
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
    ) -> Operation[Rows | D]: ...
    def query(
        self,
        sql: str,
        params: QueryParams = None,
        *,
        timeout: float | str | None = None,
        default: object = MISSING,
        label: str = "",
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

        Raises:
            InvalidArgument: An argument is wrong. What is wrong with the SQL itself comes as the
                ``QueryError`` of the operation.
            Closed: ``shutdown()`` was called, or the interpreter ends.

        Example:
            >>> op = db.query("SELECT * FROM cars WHERE make = :make", {"make": make}, timeout=15)
            >>> for row in (await op).value: ...
        """
        bound = self._timeout if timeout is None else seconds("timeout", timeout)
        deadline = None if (page := current_page()) is None else page.deadline
        return self._native.submit(sql, params, bound, deadline, label, default)

    def _query_in(
        self,
        page: Page,
        sql: str,
        params: QueryParams,
        timeout: float | str | None,
        default: object,
        label: str,
    ) -> Operation[Any]:
        bound = self._timeout if timeout is None else seconds("timeout", timeout)
        return self._native.submit(sql, params, bound, page.deadline, label, default)
