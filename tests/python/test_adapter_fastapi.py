"""tidegate.adapters.fastapi in an application."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest

pytest.importorskip("fastapi", reason="FastAPI is pinned for the CPython of make test alone")

import httpx
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse

import tidegate as tg
from tidegate.adapters import fastapi as tide

ENV = dict(os.environ)
Database = Annotated[tg.Database, Depends(tide.database("cars"))]


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application between its start and its end, as a server runs it."""
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app) as state:
        app.state.yielded = state
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client


def test_importing_tidegate_imports_no_framework(tools: Any) -> None:
    """Nor do the adapters as such."""
    script = """
import sys, tidegate, tidegate.adapters
assert not {"fastapi", "starlette", "pydantic"} & set(sys.modules)
"""
    assert tools.run_script(script).returncode == 0


async def test_the_lifespan_opens_around_the_app_s_own_and_closes_after_it(cars: Path) -> None:
    """The app's finds it open, and its state is passed on."""
    seen: list[Any] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        db = app.state.tidegate.databases["cars"]
        seen.append((await db.query("SELECT count(*) AS n FROM cars")).value)
        yield {"answer": 42}
        seen.append((await db.query("SELECT 1 AS still_open")).value)
        seen.append(db)

    app = FastAPI(lifespan=tide.lifespan(own, databases={"cars": cars}))
    async with serving(app):
        assert app.state.yielded == {"answer": 42}
    assert seen[:2] == [[{"n": 3}], [{"still_open": 1}]]
    with pytest.raises(tg.Closed):
        await seen[2].query("SELECT 1")
    assert not hasattr(app.state, "tidegate")


async def test_what_was_given_is_left_open(ex: tg.Executor, db: tg.Database) -> None:
    """Somebody else closes it."""
    app = FastAPI(lifespan=tide.lifespan(executor=ex, databases={"cars": db}))
    async with serving(app):
        assert app.state.tidegate.databases["cars"] is db
    assert (await db.query("SELECT 1 AS one")).value == [{"one": 1}]


async def test_a_lifespan_that_fails_closes_what_was_opened(cars: Path) -> None:
    """And fails."""
    opened: list[tg.Database] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        opened.append(app.state.tidegate.databases["cars"])
        raise ConnectionError("the broker is away")
        yield

    app = FastAPI(lifespan=tide.lifespan(own, databases={"cars": cars}))
    with pytest.raises(ConnectionError):
        async with serving(app):
            pass
    with pytest.raises(tg.Closed):
        await opened[0].query("SELECT 1")


async def test_dependencies_provide_and_can_be_overridden(cars: Path, tmp_path: Path) -> None:
    """The executor and the databases of the lifespan; in a test, others."""
    app = FastAPI(lifespan=tide.lifespan(databases={"cars": cars}))

    @app.get("/cars")
    async def get(db: Database, ex: Annotated[tg.Executor, Depends(tide.executor)]) -> Any:
        called = await ex.call(len, "four")
        return [called.value, (await db.query("SELECT count(*) AS n FROM cars")).value]

    @app.get("/none")
    async def none(db: Annotated[tg.Database, Depends(tide.database("ships"))]) -> None: ...

    async with serving(app) as client:
        assert (await client.get("/cars")).json() == [4, [{"n": 3}]]
        with pytest.raises(tg.InvalidArgument, match=r"no database 'ships'; there are \['cars'\]"):
            await client.get("/none")
        other = tg.Executor().sqlite(tmp_path / "other.db", writable=True)
        await other.query("CREATE TABLE cars (make TEXT)")
        app.dependency_overrides[tide.database("cars")] = lambda: other
        assert (await client.get("/cars")).json() == [4, [{"n": 0}]]


async def test_without_the_lifespan_a_dependency_says_what_is_missing() -> None:
    """In one line."""
    app = FastAPI()

    @app.get("/")
    async def get(ex: Annotated[tg.Executor, Depends(tide.executor)]) -> None: ...

    async with serving(app) as client:
        with pytest.raises(RuntimeError, match="lifespan"):
            await client.get("/")


async def test_the_deadline_reaches_the_endpoints_of_both_kinds(cars: Path) -> None:
    """Coroutines, and functions in the thread pool."""
    app = FastAPI(lifespan=tide.lifespan(databases={"cars": cars}))
    app.add_middleware(tide.DeadlineMiddleware, timeout=0.1, grace=30)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT count(*) FROM n"

    @app.get("/async")
    async def in_loop(db: Database) -> Any:
        return (await db.query(endless, default="default")).value

    @app.get("/def")
    def in_thread(db: Database) -> Any:
        return db.query(endless, default="default").result().value

    @app.get("/raises")
    async def raises(db: Database) -> Any:
        return (await db.query(endless)).value

    async with serving(app) as client:
        assert (await client.get("/async")).json() == "default"
        assert (await client.get("/def")).json() == "default"
        late = await client.get("/raises")
        assert (late.status_code, late.json()["error"]["cause"]) == (504, "deadline")


async def test_a_function_that_blocks_its_thread_is_answered_for(tools: Any) -> None:
    """504, while it still runs."""
    gate, sent = tools.Gate(), list[Any]()
    app = FastAPI()
    app.add_middleware(tide.DeadlineMiddleware, timeout=0.02, grace=0)
    app.add_api_route("/", lambda: gate(), methods=["GET"])
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    to_read = asyncio.Queue[Any]()
    to_read.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    running = asyncio.create_task(app(scope, to_read.get, send))
    await tools.eventually_in_loop(lambda: len(sent) == 2)
    assert (sent[0]["status"], gate.open.is_set()) == (504, False)
    gate.open.set()
    await running
    assert len(sent) == 2


@pytest.fixture
def file(cars: Path, tmp_path: Path) -> Path:
    """A database that a test may break."""
    return Path(shutil.copyfile(cars, tmp_path / "cars.db"))


async def test_health_tells_what_is_so(file: Path) -> None:
    """A broken database makes it degraded and not ready; it stays alive."""
    app = FastAPI(lifespan=tide.lifespan(databases={"health_cars": file}))
    app.include_router(tide.health_router(timeout=20))
    async with serving(app) as client:
        assert (await client.get("/health/ready")).json()["status"] == "ready"
        health = (await client.get("/health")).json()
        assert (health["status"], health["checks"]) == ("ok", {"health_cars": {"status": "ok"}})
        assert health["executor"]["health_cars"]["settled"]["fresh"] >= 1

        os.unlink(file)
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        health = (await client.get("/health")).json()
        assert health["status"] == "degraded"
        assert health["checks"]["health_cars"]["reason"] == "engine_unavailable"
        assert (await client.get("/health/live")).json() == {"status": "alive"}

        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert re.search(r'submitted_total\{lane="health_cars"\} [1-9]', metrics.text)


def test_health_is_told_before_anything_was_asked(tools: Any) -> None:
    """In a process that has no lane yet."""
    script = """
import asyncio, httpx
from fastapi import FastAPI
from tidegate.adapters import fastapi as tide

async def main():
    app = FastAPI(lifespan=tide.lifespan())
    app.include_router(tide.health_router())
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as c:
            health = (await c.get("/health")).json()
            assert (health["status"], health["executor"]) == ("ok", {}), health
            assert (await c.get("/health/ready")).status_code == 200

asyncio.run(main())
"""
    done = tools.run_script(script)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_check_is_any_function_and_is_bounded(tools: Any) -> None:
    """One that hangs is failing in time, and one that raises too."""
    gate = tools.Gate()

    async def hangs() -> None:
        await asyncio.get_running_loop().create_future()

    def raises() -> None:
        raise ConnectionError("away")

    checks = {"blocks": gate, "hangs": hangs, "raises": raises, "well": lambda: None}
    for timeout in (0.2, 2, 20):
        app = FastAPI(lifespan=tide.lifespan())
        router = tide.health_router(checks, timeout=timeout, metrics=False)
        app.include_router(router, prefix="/internal")
        async with serving(app) as client:
            found = (await client.get("/internal/health")).json()["checks"]
            assert (await client.get("/internal/metrics")).status_code == 404
        reasons = {name: check.get("reason", "ok") for name, check in found.items()}
        if "deadline" not in (reasons["raises"], reasons["well"]):
            break  # it was time enough for those that do not hang
    gate.open.set()
    assert reasons == {
        "blocks": "deadline",
        "hangs": "deadline",
        "raises": "callable_failed",
        "well": "ok",
    }


def answered(source: Any, age: float = 0.0, value: Any = None) -> tg.Answer[Any]:
    return tg.Answer(value or {"cars": [1, 2]}, source, None, age)


KEEP = "max-age=300"


@pytest.mark.parametrize(
    ("result", "options", "age", "control"),
    [
        (answered("fresh"), {}, "0", KEEP),
        (answered("cached", 12.9), {}, "12", KEEP),
        (answered("cached", 1), {"private": True}, "1", f"private, {KEEP}"),
        (answered("cached", 1), {"stale_for": "1h"}, "1", f"{KEEP}, stale-if-error=3600"),
        (answered("stale", 900), {}, "900", "no-cache"),
        (answered("stale", 900), {"private": True}, "900", "private, no-cache"),
        (answered("default"), {"stale_for": 10}, "0", "no-store"),
        ({"cars": [], "meta": {"source": "stale", "age_s": 7.5}}, {}, "7", "no-cache"),
        ({"cars": [], "meta": {"degraded": True}}, {}, "0", "no-store"),
        ({"cars": [], "meta": {"degraded": False}}, {}, "0", KEEP),
        ([1, 2], {}, "0", KEEP),
    ],
)
async def test_http_is_told_how_old_an_answer_is_and_how_long_it_keeps(
    result: Any, options: dict[str, Any], age: str, control: str
) -> None:
    """A default is not for keeping."""
    app = FastAPI()

    @app.get("/")
    @tide.http_cache(ttl="5m", **options)
    async def get() -> Any:
        return result

    async with serving(app) as client:
        response = await client.get("/")
        assert (response.headers["Age"], response.headers["Cache-Control"]) == (age, control)
        body = result.value if isinstance(result, tg.Answer) else result
        assert response.json() == body
        assert ("ETag" in response.headers) == (control != "no-store")


async def test_what_the_client_has_already_is_not_sent_again() -> None:
    """By a list, by weak tags, by a star; for GET alone, and not where nothing can be read."""
    app = FastAPI()

    @app.api_route("/", methods=["GET", "HEAD", "POST"])
    @tide.http_cache(ttl=60, vary=["Cookie"])
    def get() -> Any:
        return answered("cached", 3)

    async with serving(app) as client:
        tag = (await client.get("/")).headers["ETag"]
        assert re.fullmatch(r'"[0-9a-f]{32}"', tag)

        async def status(*asked: str, method: str = "GET") -> int:
            headers = [("If-None-Match", text) for text in asked]
            response = await client.request(method, "/", headers=headers)
            if response.status_code == 304:
                assert response.content == b""
                assert (response.headers["ETag"], response.headers["Age"]) == (tag, "3")
                assert response.headers["Cache-Control"] == "max-age=60"
                assert response.headers["Vary"] == "Cookie"
            return response.status_code

        for known in [
            tag,
            f"W/{tag}",
            "*",
            f'"a,b", {tag}',
            f'W/"x",{tag} ,"y"',
            f" {tag} ",
            f',"x",, {tag},',
        ]:
            assert await status(known) == 304, known
        assert await status('"a"', tag) == 304
        assert await status(tag, method="HEAD") == 304
        for other in [
            f"{tag}, x",
            '"a"',
            tag.strip('"'),
            f"{tag} {tag}",
            f'"a" {tag}',
            "",
            '"',
            f"w/{tag}",
        ]:
            assert await status(other) == 200, other
        assert await status(tag, method="POST") == 200


async def test_a_tag_follows_the_value_and_nothing_else() -> None:
    """Not its age; weak where the body has a meta that changes."""
    app = FastAPI()
    state = {"cars": [1], "age": 1.0}

    @app.get("/answer")
    @tide.http_cache(ttl=60)
    async def answer() -> Any:
        return answered("cached", state["age"], {"cars": state["cars"]})  # type: ignore[arg-type]

    @app.get("/meta")
    @tide.http_cache(ttl=60)
    async def meta() -> Any:
        return {"cars": state["cars"], "meta": {"source": "cached", "age_s": state["age"]}}

    async with serving(app) as client:
        first = {path: (await client.get(path)).headers["ETag"] for path in ("/answer", "/meta")}
        state["age"] = 2.0
        assert (await client.get("/answer")).headers["ETag"] == first["/answer"]
        known = await client.get("/meta", headers={"If-None-Match": first["/meta"]})
        assert (known.status_code, known.headers["Age"]) == (304, "2")
        assert first["/meta"].startswith('W/"')
        state["cars"] = [2]
        for path, tag in first.items():
            assert (await client.get(path)).headers["ETag"] != tag


def test_a_tag_is_the_same_in_every_process() -> None:
    """Whatever seed the interpreter has for its hashes."""
    script = """
from tidegate.adapters._http_cache import entity_tag
print(entity_tag(b'{"cars":[1,2]}', weak=False))
"""
    tags = {
        subprocess.check_output([sys.executable, "-c", script], env={**ENV, "PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    }
    assert len(tags) == 1


async def test_a_cached_route_keeps_its_parameters() -> None:
    """Queries, dependencies, the request; a response of its own goes through."""
    app = FastAPI()

    async def depends() -> str:
        return "given"

    @app.get("/")
    @tide.http_cache(ttl=60)
    async def get(
        request: Request, given: Annotated[str, Depends(depends)], make: str, limit: int = 4
    ) -> dict[str, Any]:
        return {"path": request.url.path, "given": given, "make": make, "limit": limit}

    @app.get("/own")
    @tide.http_cache(ttl=60)
    async def own() -> PlainTextResponse:
        return PlainTextResponse("own")

    async with serving(app) as client:
        response = await client.get("/", params={"make": "Audi", "limit": 7})
        assert response.json() == {"path": "/", "given": "given", "make": "Audi", "limit": 7}
        assert (await client.get("/", params={"limit": 7})).status_code == 422
        parameters = (await client.get("/openapi.json")).json()["paths"]["/"]["get"]["parameters"]
        assert [parameter["name"] for parameter in parameters] == ["make", "limit"]
        plain = await client.get("/own")
        assert (plain.text, "ETag" in plain.headers) == ("own", False)


async def test_what_an_endpoint_sets_on_its_response_counts() -> None:
    """No other status than 200 is cached; headers are kept, and a cookie is for one user."""
    app = FastAPI()

    @app.get("/")
    @tide.http_cache(ttl=60)
    async def get(response: Response, status: int = 200, cookie: bool = False) -> dict[str, int]:
        response.status_code = status
        response.headers["X-Own"] = "yes"
        if cookie:
            response.set_cookie("session", "1")
        return {"status": status}

    @app.post("/", status_code=201)
    @tide.http_cache(ttl=60)
    async def make() -> dict[str, str]:
        return {"made": "yes"}

    @app.get("/own")
    @tide.http_cache(ttl=60)
    def own(response: Response) -> str:
        response.headers["Cache-Control"] = "private"
        return "own"

    async with serving(app) as client:
        found = await client.get("/")
        assert (found.status_code, found.headers["X-Own"]) == (200, "yes")
        assert found.headers["Cache-Control"] == "max-age=60"
        known = await client.get("/", headers={"If-None-Match": found.headers["ETag"]})
        assert (known.status_code, known.headers["X-Own"]) == (304, "yes")
        gone = await client.get("/", params={"status": 404})
        assert (gone.status_code, gone.json(), gone.headers["X-Own"]) == (
            404,
            {"status": 404},
            "yes",
        )
        assert not {"ETag", "Cache-Control"} & set(gone.headers)
        cookie = await client.get("/", params={"cookie": True})
        assert cookie.headers["Cache-Control"] == "no-store"
        assert "session=1" in cookie.headers["Set-Cookie"]
        made = await client.post("/")
        assert (made.status_code, "ETag" in made.headers) == (201, False)
        assert (await client.get("/own")).headers.get_list("Cache-Control") == ["private"]


async def test_a_cached_route_may_be_a_cached_function() -> None:
    """Also where the value is there already."""
    app = FastAPI()

    @app.get("/")
    @tide.http_cache(ttl="7d")
    @tg.cached(ttl=60)
    async def get() -> dict[str, str]:
        return {"make": "Audi"}

    @app.get("/bare")
    @tg.cached(ttl=60)
    async def bare(make: str) -> dict[str, str]:
        return {"make": make}

    async with serving(app) as client:
        for _ in range(2):
            assert (await client.get("/")).json() == {"make": "Audi"}
            assert (await client.get("/bare?make=BMW")).json() == {"make": "BMW"}
