"""Build the extension for every other CPython found and test it with each: pythons.py [--jobs N].

Looks for python3.10 to python3.13 on the PATH and under ~/.pyenv, but for the minor version that
make test has used: a machine that has no other has nothing to do here. One CMake tree, one core,
one extension per minor version; each gets the pinned packages in a virtual environment.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build/python"
REQUIREMENTS = ROOT / "python/requirements-dev.txt"
# What tests/python imports; the others take a minute longer to install.
PACKAGES = ["pytest", "pytest-asyncio", "pytest-timeout", "hypothesis", "uvloop", "mypy"]
HAS_HEADERS = "import sysconfig, os; os.stat(sysconfig.get_paths()['include'] + '/Python.h')"


def find(minor: int) -> str | None:
    name = f"python3.{minor}"
    candidates = [shutil.which(name) or ""]
    candidates += sorted(map(str, Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")))
    for candidate in filter(None, candidates):
        works = subprocess.run([candidate, "-c", HAS_HEADERS], stderr=subprocess.DEVNULL)
        if works.returncode == 0:  # a shim of a version that is not active does not run
            return candidate
    return None


def environment(python: str, minor: int) -> str:
    folder = ROOT / f"build/venv-3.{minor}"
    inside, stamp = str(folder / "bin/python"), folder / "stamp"
    if not stamp.exists() or stamp.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        subprocess.run([python, "-m", "venv", folder], check=True)
        install = [inside, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*install, *PACKAGES, "-c", REQUIREMENTS], check=True)
        stamp.touch()
    return inside


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    jobs = parser.parse_args().jobs
    others = (minor for minor in range(10, 14) if minor != sys.version_info.minor)
    found = {minor: python for minor in others if (python := find(minor))}
    pythons = [environment(python, minor) for minor, python in found.items()]

    # The venv's python comes first: it has pybind11.
    option = "-DTIDEGATE_PYTHON_EXECUTABLES=" + ";".join([sys.executable, *pythons])
    subprocess.run(["cmake", "--preset", "python", option], cwd=ROOT, check=True)
    subprocess.run(["cmake", "--build", "--preset", "python", "-j", jobs], cwd=ROOT, check=True)

    results = {}
    for python, minor in zip(pythons, found, strict=True):
        print(f"== CPython 3.{minor}", flush=True)
        command = [python, "-m", "pytest", "-q", "-m", "not deep", "tests/python"]
        variables = {**os.environ, "PYTHONPATH": str(TREE / "python")}
        results[minor] = subprocess.run(command, cwd=ROOT, env=variables).returncode == 0
    for minor, ok in results.items():
        print(f"CPython 3.{minor}: {'ok' if ok else 'FAILED'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
