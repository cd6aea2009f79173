# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark once, print the figures beside their budgets, and keep them.

    python tests/bench/run.py [--build build/release] [--json build/bench.json] [--docs]

Peers and tidegate are measured in the same run on the same machine; the budgets are those of the
design. ``--docs`` also renews docs/benchmarks.md and its picture from the figures of this run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from report import Row, rows_of, table, write_docs

ROOT = Path(__file__).resolve().parents[2]
Figures = dict[str, Any]


def native(build: Path) -> Figures:
    """The C++ benchmarks: each prints one JSON object. bench_http.py runs that of HTTP."""
    figures: Figures = {}
    for program in sorted((build / "tests" / "bench").glob("*_bench")):
        if program.name == "http_bench":
            continue
        print(f"running {program.name} …", file=sys.stderr, flush=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True, timeout=300)
        figures.update(json.loads(done.stdout))
    return figures


def python(build: Path, name: str, *more: str | Path) -> Figures:
    """One of the Python benchmarks, with the interpreter that runs this script."""
    script = Path(__file__).with_name(name)
    print(f"running {script.name} …", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "python.json"
        environment = os.environ | {"PYTHONPATH": str(build / "python")}
        subprocess.run(
            [sys.executable, script, "--json", out, *more], check=True, env=environment, timeout=900
        )
        figures: Figures = json.loads(out.read_text())
    return figures


def machine() -> Figures:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--docs", action="store_true", help="renew docs/benchmarks.md")
    arguments = parser.parse_args()

    http_bench = arguments.build / "tests" / "bench" / "http_bench"
    figures: Figures = {
        "machine": machine(),
        "native": native(arguments.build),
        "python": python(arguments.build, "bench_python.py"),
        "python_cache": python(arguments.build, "bench_cache.py"),
        "python_churn": python(arguments.build, "bench_churn.py"),
        "python_gate": python(arguments.build, "bench_gate.py"),
        "python_http": python(arguments.build, "bench_http.py", "--native", http_bench),
        "python_tls": python(arguments.build, "bench_tls.py"),
    }
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    rows: list[Row] = rows_of(figures)
    print(table(rows))
    print(f"\nwritten: {arguments.json}")
    if arguments.docs:
        write_docs(rows, figures, ROOT / "docs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
