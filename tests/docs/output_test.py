"""Runs a program and compares what it prints: output_test.py EXPECTED COMMAND...

EXPECTED is a file; `…` in it stands for anything within a line.
"""

import re
import subprocess
import sys
from pathlib import Path


def matches(expected: str, printed: str) -> bool:
    pattern = "[^\n]*".join(re.escape(part) for part in expected.split("…"))
    return re.fullmatch(pattern, printed) is not None


def main() -> int:
    expected = Path(sys.argv[1]).read_text()
    run = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, text=True)
    if run.returncode == 0 and matches(expected, run.stdout):
        return 0
    print(f"exit code {run.returncode}\n--- expected\n{expected}--- printed\n{run.stdout}", end="")
    return 1


if __name__ == "__main__":
    sys.exit(main())
