"""The package as type checkers see it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import tidegate as tg

ROOT = Path(os.environ.get("TIDEGATE_SOURCE_DIR", Path(__file__).parents[2]))
PACKAGE = Path(tg.__file__).parent


def run_mypy(cache: Path, *arguments: str) -> str:
    # The package is found where it is imported from, with the stub of its extension beside it.
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent), "MYPY_CACHE_DIR": str(cache)},
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.timeout(320)
def test_the_public_api_is_typed(tmp_path: Path) -> None:
    """Every assert_type() and every expected error of typing/api.py holds, in strict mode."""
    api = str(Path(__file__).parent / "typing" / "api.py")

    assert run_mypy(tmp_path, "mypy", "--config-file", "pyproject.toml", api) == ""


@pytest.mark.timeout(320)
def test_the_stub_says_what_the_extension_has(tmp_path: Path) -> None:
    """stubtest compares _core.pyi with the module."""
    assert run_mypy(tmp_path, "mypy.stubtest", "tidegate._core") == ""


def test_the_package_says_that_it_is_typed() -> None:
    """And its names are those of __all__."""
    assert (PACKAGE / "py.typed").exists()
    for name in tg.__all__:
        assert hasattr(tg, name)
