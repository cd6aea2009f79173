"""The code on the pages is code that runs: readme_test.py [ROOT].

README.md shows the three programs examples/*/readme.* as they are, and what they print. Every C++
block of docs/ and the example in tidegate.hpp is a run of lines of a file that is compiled and
tested; white space and empty lines do not count. Python blocks compile, and JSON blocks are JSON.
"""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

from output_test import matches
from pages import Block, blocks, main, pages

PROGRAMS = {"cpp": "cpp/readme.cpp", "c": "c/readme.c", "python": "python/readme.py"}
MOST_LINES = 25
COMPILED = ["examples/**/*.cpp", "tests/**/*.cpp"]


def words(text: str) -> list[str]:
    """The lines that say something, white space aside."""
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def is_run_of(part: list[str], whole: list[str]) -> bool:
    return any(whole[i : i + len(part)] == part for i in range(len(whole) - len(part) + 1))


def readme_faults(root: Path) -> Iterator[str]:
    page = root / "README.md"
    shown = list(blocks(page))
    for language, name in PROGRAMS.items():
        program = root / "examples" / name
        if not program.exists():
            yield f"README.md: examples/{name} does not exist"
            continue
        text = program.read_text()
        if text not in [block.text for block in shown if block.language == language]:
            yield f"README.md: no {language} block is examples/{name} as it is"
        if len(text.splitlines()) > MOST_LINES:
            yield f"examples/{name}: more than {MOST_LINES} lines"
        if re.search(r"(?<![\w.])/(?:work|home|root|tmp)/", text):
            yield f"examples/{name}: names a folder of one machine"
    expected = (root / "examples/cpp/readme.out").read_text()
    printed = [block.text for block in shown if block.language == "text"]
    if not any(matches(expected, text) for text in printed):
        yield "README.md: no text block is what examples/cpp/readme.cpp prints"


def block_fault(block: Block, compiled: list[list[str]]) -> str | None:
    try:
        if block.language == "cpp":
            wanted = words(block.text)
            if not any(is_run_of(wanted, known) for known in compiled):
                return "these lines stand in no file of examples/ or tests/"
        elif block.language == "python":
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            compile(block.text, "block", "exec", flags)
        elif block.language == "json":
            json.loads(block.text)
    except (SyntaxError, ValueError) as error:
        return f"not {block.language}: {error}"
    return None


def check(root: Path) -> Iterator[str]:
    yield from readme_faults(root)
    files = [path for pattern in COMPILED for path in sorted(root.glob(pattern))]
    compiled = [words(path.read_text()) for path in files]
    for page in pages(root):
        for block in blocks(page):
            if fault := block_fault(block, compiled):
                yield f"{page.relative_to(root)}:{block.line}: {fault}"

    manual = root / "include/tidegate/tidegate.hpp"
    header = manual.read_text()
    found = re.search(r"// A first program.*?\n//\n((?://   .*\n)+)", header)
    example = re.sub(r"^//", "", found[1], flags=re.M) if found else "no example at all"
    if block_fault(Block("cpp", 0, example), compiled):
        yield "include/tidegate/tidegate.hpp: its example stands in no file of examples/"
    public = {path.name for path in manual.parent.glob("*.hpp")} - {manual.name}
    included = set(re.findall(r'#include "tidegate/([\w.]+)"', header))
    if public != included:
        yield f"include/tidegate/tidegate.hpp: does not include {sorted(public - included)}"


if __name__ == "__main__":
    main(check, "the code on the pages is code that runs")
