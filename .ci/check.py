"""The deep checks: check.py [--jobs N] all|STAGE...

Each stage prints the minutes it used and its share, so that creep is seen early: one that takes
half as much again has failed, and is ended; so is what runs past the end of all. The shares add up
to at most 60 minutes on two cores, for ever: a new stage takes from the others.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUDGET = 60.0
PATIENCE, PATIENCE_IN_ALL = 1.5, 1.2  # a busy machine is slower
JOBS = str(os.cpu_count() or 2)
stage_ends = float("inf")


class StageError(Exception):
    pass


def run(*command: str) -> None:
    print("+", *command, flush=True)
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        if process.wait(timeout=max(stage_ends - time.monotonic(), 1)):
            raise StageError(" ".join(command))
    except subprocess.TimeoutExpired:
        raise StageError("too long, ended in " + " ".join(command)) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def build(preset: str, *targets: str) -> None:
    run("cmake", "--preset", preset)
    run("cmake", "--build", "--preset", preset, "-j", JOBS, "--target", *(targets or ["all"]))


def test(preset: str, *selection: str) -> None:
    run("ctest", "--preset", preset, "-j", JOBS, *selection)


def lint() -> None:
    run(sys.executable, ".ci/lint.py")


def sanitizer(preset: str) -> Callable[[], None]:
    def stage() -> None:
        build(preset)
        test(preset)

    return stage


def gcc_asan() -> None:
    build("gcc-asan", "cpp_tests")
    test("gcc-asan")


def python() -> None:
    run(sys.executable, ".ci/pythons.py", "--jobs", JOBS)


def tidy() -> None:
    run("cmake", "--preset", "tidy")
    run(sys.executable, ".ci/tidy.py", "--jobs", JOBS)


def deep() -> None:
    build("release", "all", "benchmarks")
    test("release", "-L", "deep")


def install() -> None:
    build("release")
    test("release", "-L", "install")


# name → (share in minutes, what it does), in the order of running
STAGES: dict[str, tuple[float, Callable[[], None]]] = {
    "lint": (1, lint),
    "deep": (10, deep),
    "install": (1.5, install),
    "python": (5.5, python),
    "asan": (11.5, sanitizer("asan")),
    "tsan": (12.5, sanitizer("tsan")),
    "gcc-asan": (10.5, gcc_asan),
    "tidy": (7.5, tidy),
}


def main() -> int:
    global JOBS, stage_ends
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", default=JOBS)
    parser.add_argument("stages", nargs="+", choices=["all", *STAGES], metavar="all|STAGE")
    arguments = parser.parse_args()
    JOBS = arguments.jobs
    assert sum(share for share, _ in STAGES.values()) <= BUDGET

    report = []
    end = time.monotonic() + BUDGET * 60 * PATIENCE_IN_ALL
    for name in STAGES if "all" in arguments.stages else arguments.stages:
        share, stage = STAGES[name]
        print(f"== {name} (share {share} min)", flush=True)
        start = time.monotonic()
        stage_ends = min(start + share * 60 * PATIENCE, end)
        try:
            stage()
            verdict = "ok"
        except StageError as failure:
            verdict = f"FAILED: {failure}"
        minutes = (time.monotonic() - start) / 60
        if verdict == "ok" and minutes > share:
            verdict = "ok, but past its share"
        report.append((name, minutes, share, verdict))
        print(f"== {name}: {minutes:.1f} of {share} min: {verdict}", flush=True)

    print("\nstage      minutes  share")
    for name, minutes, share, verdict in report:
        print(f"{name:10} {minutes:7.1f} {share:6}  {verdict}")
    print(f"{'in all':10} {sum(row[1] for row in report):7.1f} {BUDGET:6.0f}")
    return 0 if all(verdict.startswith("ok") for *_, verdict in report) else 1


if __name__ == "__main__":
    sys.exit(main())
