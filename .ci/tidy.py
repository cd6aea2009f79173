"""clang-tidy over the library, the C binding and the examples: tidy.py [--jobs N] [FILE...].

Reads the compile commands of the tree that `cmake --preset tidy` configures; prints only faults.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build/tidy"


def tidy(file: str) -> bool:
    command = ["clang-tidy-19", "--quiet", f"-p={TREE}", file]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        print(file, result.stdout, result.stderr, sep="\n", flush=True)
    return result.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    commands = json.loads((TREE / "compile_commands.json").read_text())
    files = arguments.files or sorted({command["file"] for command in commands})
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(tidy, files))
    print(f"clang-tidy: {results.count(True)} of {len(results)} files clean")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
