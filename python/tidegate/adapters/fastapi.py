"""tidegate in a FastAPI application.

What it replaces: the code around each query that bounds, counts and reports it. The changes are one
line each::

    from tidegate.adapters import fastapi as tide

    app = FastAPI(lifespan=tide.lifespan(databases={"cars": "cars.db"}))
    app.add_middleware(tide.DeadlineMiddleware, timeout=18)
    app.include_router(tide.health_router())

    @app.get("/cars")
    @tide.http_cache(ttl=300)
    async def cars(make: str, db: Annotated[tg.Database, Depends(tide.database("cars"))]):
        return await db.query("SELECT * FROM listings WHERE make = ?", [make], default=[])

Known differences: ``response_model`` is not applied to what ``http_cache`` answers. Figures are
those of one worker process, unless the workers share a ``state_dir``: then any of them speaks for
all.
Importing tidegate does not import this module, which needs FastAPI.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.requests import HTTPConnection

from .. import _page, _runtime
from .._database import Database
from .._duration import MOST_LIFE, seconds
from .._errors import Error, InvalidArgument
from .._executor import Executor
from .._native import core
from .._settings import Config
from .._work import is_coroutine_function
from ._deadline import DeadlineMiddleware
from ._http_cache import cache_headers, entity_tag, facts_of, is_known

__all__ = [
    "DeadlineMiddleware",
    "cached_response",
    "database",
    "executor",
    "health_router",
    "http_cache",
    "lifespan",
]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
Check = Database | Callable[[], Any]


class _Opened:
    """What a lifespan has put on ``app.state.tidegate``."""

    def __init__(self, executor: Executor, databases: dict[str, Database]) -> None:
        self.executor = executor
        self.databases = databases


def lifespan(
    app_lifespan: Lifespan | None = None,
    *,
    executor: Executor | None = None,
    config: Config | None = None,
    databases: Mapping[str, str | os.PathLike[str] | Database] | None = None,
    state_dir: str | os.PathLike[str] = "",
) -> Lifespan:
    """A lifespan for ``FastAPI(lifespan=…)`` that opens an executor around the app's own lifespan.

    The state that the app's lifespan yields is passed on. What was opened here is closed after it:
    calls that are still in flight end with ``Closed``. What was given is left open.

    Args:
        app_lifespan: The lifespan that the app has already.
        executor: An executor that exists already.
        config: Settings for the executor that is made otherwise.
        databases: Name → file, or a database that exists already; ``database(name)`` provides it.
        state_dir: The directory through which ``/metrics`` and ``/health`` of any worker speak for
            all, see ``tidegate.share_stats()``; if it is not given, ``runtime.state_dir`` of
            ``config``. Of this app alone.

    Raises:
        ConfigError: A setting is of the wrong type or out of range, or the directory cannot be
            used, when the app starts.
    """

    @asynccontextmanager
    async def around(app: FastAPI) -> AsyncIterator[Any]:
        shared = state_dir or ("" if config is None else str(config.get("runtime.state_dir")))
        if shared:
            _runtime.share_stats(shared)
        async with AsyncExitStack() as stack:
            used = executor
            if used is None:
                used = Executor(config)
                stack.callback(used.close)
            opened = {
                name: where if isinstance(where, Database) else used.sqlite(where, name=name)
                for name, where in (databases or {}).items()
            }
            app.state.tidegate = _Opened(used, opened)
            stack.callback(delattr, app.state, "tidegate")
            inner = None if app_lifespan is None else app_lifespan(app)
            yield None if inner is None else await stack.enter_async_context(inner)

    return around


def _opened(connection: HTTPConnection) -> _Opened:
    found = getattr(connection.app.state, "tidegate", None)
    if not isinstance(found, _Opened):
        raise RuntimeError("no executor: FastAPI(lifespan=tidegate.adapters.fastapi.lifespan(…))")
    return found


async def executor(connection: HTTPConnection) -> Executor:
    """The executor of the app's lifespan, for ``Depends(executor)``. Costs no thread."""
    return _opened(connection).executor


def database(name: str) -> Callable[[HTTPConnection], Awaitable[Database]]:
    """The database of this name, for ``Depends(database("cars"))``. Costs no thread.

    The dependency raises ``InvalidArgument`` if the lifespan knows no such name.
    """
    return _Named(name)


class _Named:
    """The dependency of one name. Two of one name are the same to ``dependency_overrides``."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, connection: HTTPConnection) -> Database:
        databases = _opened(connection).databases
        if self.name not in databases:
            raise InvalidArgument(f"no database {self.name!r}; there are {sorted(databases)}")
        return databases[self.name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash((_Named, self.name))


def health_router(
    checks: Mapping[str, Check] | None = None, *, timeout: float | str = 0.5, metrics: bool = True
) -> APIRouter:
    """``/health``, ``/health/live``, ``/health/ready`` and ``/metrics``.

    ``/health/live`` is 200 as long as the event loop turns. ``/health/ready`` is 200 if every check
    is well and 503 otherwise. ``/health`` is always 200 and tells all there is to know.
    ``/metrics`` is ``tidegate.stats_prometheus(workers="all")``; the figures of ``/health`` are
    those of all workers, too. Its checks are made by the worker that answers, ``pid``.

    Args:
        checks: Name → a database, which has to have a schema that can be read, or a function, which
            has to return in time and not to raise; a plain one runs on a thread. The databases of
            the lifespan if it is not given.
        timeout: How long one request may take for all checks, which run at once.
        metrics: False leaves ``/metrics`` out.
    """
    bound = seconds("timeout", timeout)
    router = APIRouter(tags=["health"])

    async def look(request: Request) -> dict[str, dict[str, Any]]:
        used = _opened(request).databases if checks is None else checks
        ex = _health_executor()
        async with _page.page(bound) as page:
            for name, check in used.items():
                if isinstance(check, Database):
                    page.query(check, "SELECT count(*) FROM sqlite_master", label=name)
                else:
                    page.add(ex.call(check, lane="health", label=name))
        return {operation.label: _verdict(operation.error) for operation in page.operations}

    @router.get("/health")
    async def health(request: Request) -> dict[str, Any]:
        found = await look(request)
        well = all(check["status"] == "ok" for check in found.values())
        stats = _runtime.stats(workers="all")
        lanes = stats.get("executor", {})  # there are none before the first call
        return {
            "status": "ok" if well else "degraded",
            "version": core.version(),
            "pid": os.getpid(),
            "workers": _runtime.workers(),
            "checks": found,
            "executor": {lane: _load(lane_stats) for lane, lane_stats in lanes.items()},
            "loop": stats["loop"],
        }

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/health/ready")
    async def ready(request: Request) -> JSONResponse:
        found = await look(request)
        well = all(check["status"] == "ok" for check in found.values())
        status = "ready" if well else "not ready"
        return JSONResponse({"status": status, "checks": found}, 200 if well else 503)

    if metrics:

        @router.get("/metrics")
        async def prometheus() -> PlainTextResponse:
            text = _runtime.stats_prometheus(workers="all")
            return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    return router


@functools.cache
def _health_executor() -> Executor:
    """Checks have permits of their own: a busy application is not an unhealthy one."""
    return Executor()


def _verdict(error: Error | None) -> dict[str, Any]:
    if error is None:
        return {"status": "ok"}
    return {"status": "failing", "reason": error.cause, "message": str(error)}


def _load(figures: Mapping[str, Any]) -> dict[str, Any]:
    # A lane that only workers had that have ended has no gauges any more.
    now = {name: figures.get(name, 0) for name in ("running", "queued", "zombies")}
    return now | {name: figures[name] for name in ("settled", "shed")}


async def _exchange(request: Request, response: Response) -> tuple[Request, Response]:
    return request, response


def _with_headers_of(given: Response, answer: Response) -> Response:
    """What the endpoint set on the response that FastAPI gave it; a cookie is for one user."""
    if "cache-control" in given.headers:
        del answer.headers["cache-control"]
    elif "set-cookie" in given.headers:
        answer.headers["Cache-Control"] = "no-store"
    answer.raw_headers.extend(given.raw_headers)
    return answer


def cached_response(
    request: Request,
    result: Any,
    *,
    ttl: float | str,
    stale_for: float | str = 0.0,
    private: bool = False,
    vary: Iterable[str] = (),
) -> Response:
    """The JSON response for a result, with what HTTP needs to know to keep it.

    It has ``Age``, ``Cache-Control`` and ``ETag``, and is 304 without a body where the client names
    that tag in ``If-None-Match``. The tag is the same in every worker and after a restart. It is
    weak for a dict with ``meta``, which may differ while all the rest is the same. A default is
    ``no-store`` and has no tag, a stale value is ``no-cache``.

    Args:
        request: Only those by ``GET`` and ``HEAD`` are answered with 304.
        result: An ``Answer``; a dict whose ``meta`` has ``source`` and ``age_s``; or any value,
            which is taken for fresh.
        ttl: How long it is good, counted from when it was computed.
        stale_for: How long after that it may be shown while the server fails.
        private: It is for this user alone.
        vary: The request headers that it depends on.
    """
    facts = facts_of(result)
    headers = cache_headers(
        facts,
        ttl=seconds("ttl", ttl, MOST_LIFE),
        stale_for=seconds("stale_for", stale_for, MOST_LIFE),
        private=private,
        vary=vary,
    )
    response = JSONResponse(jsonable_encoder(facts.body), headers=headers)
    if facts.source == "default":
        return response
    weak = facts.same is not facts.body
    rendered = response.render(jsonable_encoder(facts.same)) if weak else bytes(response.body)
    tag = response.headers["ETag"] = entity_tag(rendered, weak=weak)
    asked = request.headers.getlist("if-none-match")
    if asked and request.method in ("GET", "HEAD") and is_known(asked, tag):
        return Response(status_code=304, headers={**headers, "ETag": tag})
    return response


def http_cache(
    *,
    ttl: float | str,
    stale_for: float | str = 0.0,
    private: bool = False,
    vary: Iterable[str] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Awaitable[Any]]]:
    """``cached_response()`` as a decorator, below the route's.

    The endpoint returns what ``cached_response()`` takes. A ``Response`` is passed on as it is, and
    so is the result where another status than 200 is set, by the route or on the ``response`` that
    FastAPI gave. Headers that were set there are kept: ``Cache-Control`` takes the place of what is
    said here, and with a cookie the answer is ``no-store``.

    Example:
        >>> @app.get("/prices")
        ... @http_cache(ttl=300, stale_for=3600)
        ... async def prices(make: str): ...
    """
    options: dict[str, Any] = {
        "ttl": seconds("ttl", ttl, MOST_LIFE),
        "stale_for": seconds("stale_for", stale_for, MOST_LIFE),
        "private": private,
        "vary": tuple(vary),
    }

    def decorate(endpoint: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
        is_async = is_coroutine_function(endpoint)

        @functools.wraps(endpoint)
        async def route(
            *args: Any, _tidegate_exchange: tuple[Request, Response], **kwargs: Any
        ) -> Any:
            if is_async:
                result = await endpoint(*args, **kwargs)
            else:
                result = await run_in_threadpool(endpoint, *args, **kwargs)
            request, given = _tidegate_exchange
            status = given.status_code or getattr(request.scope.get("route"), "status_code", None)
            if isinstance(result, Response) or status not in (None, 200):
                return result
            return _with_headers_of(given, cached_response(request, result, **options))

        signature = inspect.signature(endpoint)
        # As a dependency: the endpoint may have parameters for them too.
        extra = inspect.Parameter(
            "_tidegate_exchange", inspect.Parameter.KEYWORD_ONLY, default=Depends(_exchange)
        )
        rest = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        route.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[*rest, extra], return_annotation=Any
        )
        return route

    return decorate
