"""The query executor: many queries and calls at once, each to its deadline."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from ._cache import Cache
from ._calls import Callables
from ._database import Database
from ._errors import Error, InvalidArgument
from ._gate import gate_of
from ._native import MISSING, core
from ._operation import Operation
from ._settings import Config

if TYPE_CHECKING:
    from concurrent.futures import Executor as ThreadsExecutor

    from typing_extensions import TypeVarTuple, Unpack

    from ._gate import Gate

    Ts = TypeVarTuple("Ts")

T = TypeVar("T")
D = TypeVar("D")


class Executor:
    """Runs queries and blocking calls, each to its deadline, with a bound on how many run at once.

    Constructing one starts no thread and opens nothing; the first query does. It may be made
    before a fork and used from any thread and any event loop.

    Args:
        config: Where settings come from that are not given here; the defaults if it is not given.
        max_running: Calls that run at once in all lanes together. 64.
        queue: Calls that wait at once in one lane; the next is refused. 1,000.
        query_timeout: The timeout of a call that sets none. 15 s.
        zombies_per_permit: How many given-up calls may still run for each permit of a lane. 2.
        callable_concurrency: Calls that run at once in one lane of callables. 16.
        gate: What the calls of each lane go through that has no gate of its own: a ``Gate``, or the
            name of the service whose settings ``gate.*`` make one; ``executor.gate``.

    Raises:
        ConfigError: A setting is of the wrong type or out of range.

    Example:
        >>> ex = tidegate.Executor(query_timeout=5)
        >>> db = ex.sqlite("cars.db")
        >>> answer = db.query("SELECT count(*) AS n FROM listings", default=[]).result()
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        max_running: int | None = None,
        queue: int | None = None,
        query_timeout: float | str | None = None,
        zombies_per_permit: int | None = None,
        callable_concurrency: int | None = None,
        gate: Gate | str | None = None,
    ) -> None:
        self._config = (Config() if config is None else config).with_settings(
            "executor",
            {
                "max_running": max_running,
                "queue": queue,
                "query_timeout": query_timeout,
                "zombies_per_permit": zombies_per_permit,
                "callable_concurrency": callable_concurrency,
            },
        )
        self._timeout = float(self._config.get("executor.query_timeout"))
        self._native = core.Executor(self._config._native, gate_of(gate, self._config))
        self._lanes: dict[str, Callables] = {}
        self._results: Cache[Any] | None = None

    def sqlite(
        self,
        path: str | os.PathLike[str],
        *,
        concurrency: int | None = None,
        max_rows: int | None = None,
        max_bytes: int | None = None,
        busy_timeout: float | str | None = None,
        max_value_bytes: int | None = None,
        writable: bool = False,
        name: str = "",
        service: str = "",
        gate: Gate | str | None = None,
    ) -> Database:
        """A lane over an SQLite file, which the first query opens.

        Args:
            path: The file. One that is replaced, deleted or broken is noticed by the next query.
            concurrency: Queries at once; each has a thread and a connection of its own. 4.
            max_rows: Rows of one answer. 100,000.
            max_bytes: Bytes of one answer. 64 MiB.
            busy_timeout: How long a query waits for a lock. 1 s.
            max_value_bytes: The largest text or blob. 16 MiB.
            writable: Statements may write, and a missing file is created.
            name: The lane's name in ``stats()`` and messages; the file's name without its ending.
            service: The named service whose settings count where none is given here.
            gate: What each query goes through when it would start, with all else that uses the
                gate: a ``Gate``, or the name of the service whose settings ``gate.*`` make one.
                What it refuses is refused with ``CircuitOpen`` or ``RateLimited``; its breaker
                learns what came of the query. The setting ``executor.gate``, then the executor's.

        Raises:
            ConfigError: A setting is of the wrong type or out of range.
            InvalidArgument: The path is not one.
        """
        where = os.fspath(path)
        if not isinstance(where, str) or not where or "\0" in where:
            raise InvalidArgument(f"path must be the name of a file, not {where!r}")
        config = self._config.with_settings(
            "sqlite",
            {
                "concurrency": concurrency,
                "max_rows": max_rows,
                "max_bytes": max_bytes,
                "busy_timeout": busy_timeout,
                "max_value_bytes": max_value_bytes,
            },
            service,
        )
        native = self._native.sqlite(
            where, name, writable, config._native, service, gate_of(gate, config)
        )
        return Database(native, self._timeout, self._own_cache)

    def _own_cache(self) -> Cache[Any]:
        """What ``query(cache=300)`` keeps its answers in; made when it is first wanted."""
        if self._results is None:
            self._results = Cache("queries", load_timeout=self._timeout)
        return self._results

    def callables(
        self,
        name: str = "callables",
        *,
        concurrency: int | None = None,
        gate: Gate | str | None = None,
    ) -> Callables:
        """The lane of this name for Python functions; made at the first call.

        Args:
            name: Its name in ``stats()`` and messages.
            concurrency: Calls that run at once. The executor's ``callable_concurrency``, 16.
            gate: What each call goes through, as for ``sqlite()``; the executor's.

        Raises:
            ConfigError: The concurrency is of the wrong type or out of range.
            InvalidArgument: The lane exists with another concurrency or another gate.
        """
        lane = self._lanes.get(name)
        native = gate_of(gate, self._config)
        if lane is not None and native is not None and native.key != lane._gate_key:
            raise InvalidArgument(f"lane {name!r} exists with another gate")
        if lane is not None and concurrency is None:
            return lane
        config = self._config.with_settings("executor", {"callable_concurrency": concurrency})
        permits = int(config.get("executor.callable_concurrency"))
        if lane is None:
            lane = self._lanes[name] = Callables(self._native, name, permits, self._timeout, native)
        elif lane.concurrency != permits:
            raise InvalidArgument(f"lane {name!r} exists with concurrency={lane.concurrency}")
        return lane

    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T]: ...
    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        default: Callable[[Error], D],
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T | D]: ...
    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], Awaitable[T]],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        default: D,
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T | D]: ...
    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T]: ...
    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        default: Callable[[Error], D],
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T | D]: ...
    @overload
    def call(
        self,
        fn: Callable[[Unpack[Ts]], T],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        default: D,
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[T | D]: ...
    def call(
        self,
        fn: Callable[[Unpack[Ts]], Any],
        *args: Unpack[Ts],
        timeout: float | str | None = None,
        default: object = MISSING,
        lane: Callables | str | None = None,
        label: str = "",
    ) -> Operation[Any]:
        """Starts ``fn(*args)`` in a lane of callables.

        A plain function runs on a thread of Python's, a coroutine function as a task of the running
        loop; both in the caller's context. What is late is answered for at its deadline, its
        permit is back, and its result is dropped; a task is then cancelled as well.

        Args:
            fn: The function. For keyword arguments give a ``functools.partial``.
            timeout: Seconds, or a text like ``"15s"``, from now until it ends, waiting included.
                The executor's ``query_timeout`` if it is not given; inside a page the earlier
                counts.
            default: As for ``Database.query()``.
            lane: The lane or its name; ``"callables"`` if it is not given.
            label: A name for messages and for ``Page.sources()``. It must hold no secret.

        Raises:
            InvalidArgument: An argument is wrong, or a coroutine function is called outside a loop.
                What the function raises comes as the ``CallableFailed`` of the operation.
            Closed: ``shutdown()`` was called, or the interpreter ends.

        Example:
            >>> op = ex.call(requests.get, url, timeout=5, default=None, lane="partner")
            >>> response = (await op).value
        """
        if lane is None:
            lane = self.callables()
        elif isinstance(lane, str):
            lane = self.callables(lane)
        return lane._start(fn, args, timeout, default, label)

    def as_executor(self, lane: Callables | str | None = None) -> ThreadsExecutor:
        """A ``concurrent.futures.Executor`` over a lane, for ``loop.run_in_executor()`` and the
        like.

        A future of it fails with ``tidegate.Timeout`` at the executor's ``query_timeout``, and is
        refused with ``tidegate.Overloaded`` where it could not run; an exception of the function's
        comes as it is.
        """
        from ._futures import LaneExecutor

        if lane is None or isinstance(lane, str):
            lane = self.callables() if lane is None else self.callables(lane)
        return LaneExecutor(lane)

    def close(self) -> None:
        """Ends all calls with ``Closed`` and refuses later ones. Does not wait."""
        self._native.close()

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
