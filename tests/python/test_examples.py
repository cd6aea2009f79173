"""The examples run, over a database that is given and over none."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = (
    Path(os.environ.get("TIDEGATE_SOURCE_DIR", Path(__file__).parents[2])) / "examples/python"
)


def run_example(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("given", [True, False])
def test_the_readme_s_program_runs(cars: Path, given: bool) -> None:
    """Its endless query is answered with the default."""
    printed = run_example("readme.py", *([str(cars)] if given else []))

    assert printed.startswith("fresh [{'make': 'Audi'}] None\ndefault [] ")


def test_the_readme_s_program_is_short() -> None:
    """Twenty lines say what tidegate does."""
    assert len((EXAMPLES / "readme.py").read_text().splitlines()) <= 20


def test_the_page_runs(cars: Path) -> None:
    """Each part of it says where it came from."""
    page = json.loads(run_example("page.py", str(cars)))

    assert page["cars"] == [{"make": "Audi", "price": 21000}]
    assert page["meta"] == {
        "partial": True,
        "sources": {"cars": "fresh", "report": "default", "rate": "fresh", "ad": "default"},
    }
