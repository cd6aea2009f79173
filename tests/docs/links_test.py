"""Every relative link leads to a file, and to a heading of it: links_test.py [ROOT]."""

import re
from collections.abc import Iterator
from pathlib import Path

from pages import lines_outside_blocks, main, pages

LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
OUTSIDE = re.compile(r"[a-z][a-z+.-]*:")


def anchors(page: Path) -> set[str]:
    """The names that headings have, as GitHub makes them."""
    found: set[str] = set()
    for _, line in lines_outside_blocks(page):
        if heading := re.match(r"#+\s+(.*)", line):
            name = re.sub(r"[^\w\- ]", "", heading[1].lower()).strip().replace(" ", "-")
            number = sum(1 for known in found if re.fullmatch(rf"{name}(-\d+)?", known))
            found.add(f"{name}-{number}" if number else name)
    return found


def check(root: Path) -> Iterator[str]:
    for page in pages(root):
        for number, line in lines_outside_blocks(page):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                where = f"{page.relative_to(root)}:{number}"
                if OUTSIDE.match(target):
                    continue
                path, _, anchor = target.partition("#")
                file = (page.parent / path).resolve() if path else page
                if not file.exists():
                    yield f"{where}: no file {target}"
                elif root not in [file, *file.parents]:
                    yield f"{where}: {target} leaves the repository"
                elif anchor and file.suffix == ".md" and anchor not in anchors(file):
                    yield f"{where}: no heading {target}"


if __name__ == "__main__":
    main(check, "every link leads somewhere")
