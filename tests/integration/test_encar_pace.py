"""The car site that bears one request each half second, asked at the pace of it, five times faster.

What counts is what the site saw: examples/upstreams/encar.py logs each start.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import tidegate as tg

from .pace import starts_of, too_close, too_early
from .upstream import Upstream

INTERVAL, EVERY, LEAST, MOST = 0.1, 20, 0.2, 0.6


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Upstream]:
    upstream = Upstream("encar", tmp_path, "--cars=60")
    yield upstream
    upstream.close()


def test_the_site_lists_its_cars_page_by_page(site: Upstream) -> None:
    pages: list[dict[str, Any]] = [
        httpx.get(f"{site.url}/api/cars", params={"page": page, "size": 25}, timeout=30).json()
        for page in (1, 2, 3, 4)
    ]
    assert [len(page["cars"]) for page in pages] == [25, 25, 10, 0]
    assert {page["total"] for page in pages} == {60}
    ids = [car["id"] for page in pages for car in page["cars"]]
    assert len(set(ids)) == 60
    one = httpx.get(f"{site.url}/api/cars/{ids[30]}", timeout=30)
    assert one.json() == pages[1]["cars"][5]
    assert httpx.get(f"{site.url}/api/cars/1", timeout=30).status_code == 404
    for wrong in ("page=0", "size=0", "size=101", "page=x"):
        assert httpx.get(f"{site.url}/api/cars?{wrong}", timeout=30).status_code == 400


@pytest.mark.parametrize(
    ("starts", "complaints"),
    [
        ([1.0, 1.125, 1.25], 0),
        ([1.0, 1.2, 1.25], 0),  # the second was late
        ([1.0, 1.1, 1.25], 1),
        ([1.0, 1.0, 1.0], 2),
        ([1.0 + n * 0.125 for n in range(21)], 1),  # no pause after 20
        ([1.0 + n * 0.125 for n in range(20)] + [3.75], 0),
    ],
)
def test_what_does_not_keep_the_pace_is_seen(starts: list[float], complaints: int) -> None:
    assert len(too_early(1.0, starts, 0.125, every=20, pause=0.25)) == complaints


def test_what_is_too_close_is_seen() -> None:
    starts = [n * 0.125 for n in range(20)]
    assert too_close([*starts, 20 * 0.125 + 0.25], 0.125, every=20, pause=0.25) == []
    assert len(too_close([*starts, 20 * 0.125], 0.125, every=20, pause=0.25)) == 1
    assert len(too_close([0.0, 0.07, 0.125, 0.375], 0.125)) == 2


def test_a_limiter_keeps_the_pace_that_the_site_bears(site: Upstream) -> None:
    limiter = tg.Limiter("encar-pace", pace=INTERVAL, pause=(EVERY, LEAST, MOST))

    async def crawl(pages: int) -> list[int]:
        async with tg.AsyncClient(name="encar-pace") as http:

            async def ask(page: int) -> int:
                async with limiter(timeout=60):
                    response = await http.get(f"{site.url}/api/cars?page={page}", timeout=30)
                return response.status

            return list(await asyncio.gather(*map(ask, range(1, pages + 1))))

    httpx.get(site.url, timeout=30)
    assert asyncio.run(crawl(45)) == [200] * 45
    (begin,) = (each["at"] for each in site.told["log"] if each["what"] == "GET /")
    starts = starts_of(site.told, "GET /api/cars")
    assert len(starts) == 45
    assert too_early(begin, starts, INTERVAL, every=EVERY, pause=LEAST) == []
