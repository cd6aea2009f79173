"""The pages of the repository: what the checks of this folder have in common."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

SKIPPED = {"build", "dist", ".git"}


class Block(NamedTuple):
    language: str
    line: int  # of its first line of text
    text: str


def pages(root: Path) -> list[Path]:
    """Every Markdown file of the source tree."""
    found = sorted(root.rglob("*.md"))
    return [path for path in found if not SKIPPED & set(path.relative_to(root).parts)]


def lines_outside_blocks(page: Path) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    language, start, text = "", 0, list[str]()
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = re.match(r"\s*```(\w*)", line)
        if not start and fence:
            language, start, text = fence[1], number + 1, []
        elif start and fence:
            yield Block(language, start, "".join(f"{line}\n" for line in text))
            start = 0
        elif start:
            text.append(line)
    if start:
        yield Block(language, start, "a block without an end")


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its header; code marks are stripped."""
    inside, found = False, list[list[str]]()
    for _, line in lines_outside_blocks(page):
        if line.startswith("#"):
            inside = line.lstrip("# ") == heading
        elif inside and line.startswith("|") and not line.startswith("|--"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            found.append([cell.strip().strip("`") for cell in cells])
    return found[1:]


def main(check: Callable[[Path], Iterator[str]], sound: str) -> None:
    """Runs a check over the tree named on the command line and ends the program."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = list(check(root))
    print("\n".join(faults) or sound)
    sys.exit(1 if faults else 0)
