"""clang-tidy over the library, the C binding and the examples: tidy.py [--jobs N] [FILE...].

Reads the compile commands of the tree that `cmake --preset tidy` configures; prints only faults.

Nearly all of its time goes into the standard headers. So the files of a folder are read as one,
each included by a batch; a batch whose files use one name for two things is halved until none does.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TREE = ROOT / "build/tidy"
OURS = r"/(include/tidegate|lib|bindings|examples)/.*\.[ch]pp$"
# A batch includes sources, which look like headers to it, and may shadow across them; the builds
# look at each alone.
UNFIT = "-bugprone-suspicious-include,-google-global-names-in-headers"
OF_BATCHES = ["--checks=" + UNFIT, "--header-filter=" + OURS]
MOST = 24


def flags(command: str) -> list[str]:
    """The arguments of a compile command, without the compiler, the source and the object."""
    words = shlex.split(command)
    return words[
        next(i for i, word in enumerate(words) if word[:2] in ("-D", "-I")) : words.index("-o")
    ]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True)


class Batch:
    def __init__(self, files: list[str], arguments: list[str]) -> None:
        self.files = files
        self.arguments = [*arguments, "-Wno-shadow"]
        name = "-".join(Path(files[0]).relative_to(ROOT).with_suffix("").parts)
        self.path = TREE / "batches" / f"{name}-{len(files)}.cpp"

    def parts(self) -> list["Batch"]:
        """Itself, or halves of it whose files go together."""
        if len(self.files) == 1:
            return [self]
        self.path.write_text("".join(f'#include "{file}"\n' for file in self.files))
        together = (
            len(self.files) <= MOST
            and not run("clang++-19", "-fsyntax-only", *self.arguments, str(self.path)).returncode
        )
        if together:
            return [self]
        half = len(self.files) // 2
        halves = (self.files[:half], self.files[half:])
        return [part for files in halves for part in Batch(files, self.arguments).parts()]

    def is_clean(self) -> bool:
        command = ["clang-tidy-19", "--quiet"]
        if len(self.files) == 1:
            command += [f"-p={TREE}", *self.files]
        else:
            command += [*OF_BATCHES, str(self.path), "--", *self.arguments]
        result = run(*command)
        if result.returncode:
            print(*self.files, result.stdout, result.stderr, sep="\n", flush=True)
        return result.returncode == 0


def batches(commands: list[dict[str, str]]) -> list[Batch]:
    """One a folder and set of flags; C files and programs stay alone."""

    def kind(command: dict[str, str]) -> tuple[str, str]:
        path = Path(command["file"])
        alone = path.suffix == ".c" or path.parent == ROOT / "examples/cpp"
        return str(path if alone else path.parent), " ".join(flags(command["command"]))

    return [
        Batch([command["file"] for command in group], flags(first["command"]))
        for _, same in groupby(sorted(commands, key=lambda c: (kind(c), c["file"])), key=kind)
        for group in [list(same)]
        for first in group[:1]
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    commands = json.loads((TREE / "compile_commands.json").read_text())
    wanted = {str(Path(file).resolve()) for file in arguments.files}
    commands = [command for command in commands if not wanted or command["file"] in wanted]
    (TREE / "batches").mkdir(exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        parts = list(chain.from_iterable(pool.map(Batch.parts, batches(commands))))
        results = list(pool.map(Batch.is_clean, sorted(parts, key=lambda part: -len(part.files))))
    clean = f"{results.count(True)} of {len(results)} batches clean"
    print(f"clang-tidy: {clean}, {len(commands)} files")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
