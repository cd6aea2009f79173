# SPDX-License-Identifier: Apache-2.0
"""Run a peer's own tests with tidegate in its place: run.py PEER [PYTEST OPTION…]

They are unchanged, as fetch.py has laid them under build/conformance. ``through_<peer>.py`` beside
this file is the pytest plugin that puts the adapter where the peer's own code was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fetch import FOLDER, SITE

HERE = Path(__file__).resolve().parent
TESTS = {
    "aiolimiter": ["tests"],
    "httpx": ["-m", "not network", "tests"],
    "requests": ["tests/test_requests.py"],
    "urllib3": ["--noconftest", "test/test_retry.py"],
}
# What runs the coroutines of their tests: pytest-asyncio, where it is not a plugin of their own.
ASYNCIO = {"aiolimiter": ["-o", "asyncio_mode=auto"]}


def main() -> int:
    peer, *more = sys.argv[1:]
    if not (FOLDER / "stamp").exists():
        print("the peers' tests are not there: run tests/conformance/fetch.py first")
        return 1
    loops = ASYNCIO.get(peer, ["-p", "no:asyncio"])
    plugins = ["-p", f"through_{peer}", "-p", "no:cacheprovider", *loops]
    configured = ["-c", HERE / "pytest.ini", f"--rootdir={FOLDER / peer}"]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *configured, *TESTS[peer], *more]
    # Absolute: they run in a folder of their own.
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    path = [HERE, SITE, *(Path(folder).resolve() for folder in inherited)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(command, cwd=FOLDER / peer, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
