# SPDX-License-Identifier: Apache-2.0
"""Fetch the peers' tests, and what they need, into build/conformance: fetch.py

pip takes the source distributions of ``sources.txt`` only where their hashes are right. What is
there already is left alone until one of the two lists is newer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "build" / "conformance"
SITE = FOLDER / "site"
LISTS = (HERE / "sources.txt", HERE / "requirements.txt")


def pip(*arguments: str | Path, site: Path | None = None) -> None:
    environment = {**os.environ, "PYTHONPATH": "" if site is None else str(site)}
    command = [sys.executable, "-m", "pip", *arguments, "-q", "--disable-pip-version-check"]
    subprocess.run(command, check=True, env=environment)


def fetch() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    pip("install", "--no-deps", "--target", SITE, "-r", LISTS[1])
    with tempfile.TemporaryDirectory() as folder:
        form = ("--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes")
        pip("download", *form, "-d", folder, "-r", LISTS[0], site=SITE)
        for archive in Path(folder).iterdir():
            shutil.unpack_archive(archive, FOLDER)
            name = archive.name.removesuffix(".tar.gz")
            (FOLDER / name).rename(FOLDER / name.partition("-")[0])


def main() -> int:
    stamp = FOLDER / "stamp"
    newest = max(listed.stat().st_mtime for listed in LISTS)
    if not stamp.exists() or stamp.stat().st_mtime < newest:
        fetch()
        stamp.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main())
