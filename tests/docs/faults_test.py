"""tests/faults.tsv accounts for every row of the fault checklist: faults_test.py [ROOT].

A line is an id, a tab, the names of the tests that cover it ("; " between them) or "-", a tab, and
where nothing covers it the reason. A name must stand in a file of tests/ as the name of a test; an
id that a test carries as a tag, [J1], must name a test here.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pages import main

TABLE = "tests/faults.tsv"
COUNTS = "H14 R10 B13 P11 T9 D11 C12 X15 L6 Q7 F-10 A6 E8 J4 S3"
IDS = [
    f"{letter}{number}"
    for letter, count in re.findall(r"([A-Z]-?)(\d+)", COUNTS)
    for number in range(1, int(count) + 1)
]

# How a test is named: TEST_CASE("Name [J1]"), TEST_CASE_TEMPLATE("Name", def test_name(, and in C
# static void name(void).
NAMES = re.compile(
    r'TEST_CASE(?:_TEMPLATE)?\(\s*"([\w ]+?)(?: \[.*?\])*"|def (test_\w+)\('
    r"|^(?:static )?void (\w+)\((?:void)?\)",
    re.M,
)
TAGS = re.compile(r"\[([A-Z]-?\d+)\]")


def tests_of(root: Path) -> tuple[set[str], dict[str, str]]:
    """The names of all tests, and the file of each tag."""
    names: set[str] = set()
    tags: dict[str, str] = {}
    for file in sorted((root / "tests").rglob("*")):
        if file.suffix not in {".cpp", ".c", ".py"} or file.parent.name == "docs":
            continue
        text = file.read_text()
        names |= {name for found in NAMES.findall(text) for name in found if name}
        tags |= {tag: str(file.relative_to(root)) for tag in TAGS.findall(text) if tag in IDS}
    return names, tags


def covered(root: Path) -> dict[str, str]:
    lines = (root / TABLE).read_text().splitlines()
    cells = [line.split("\t") for line in lines]
    return {row[0]: row[1] for row in cells if len(row) == 3 and row[1] != "-"}


def check(root: Path) -> Iterator[str]:
    names, tags = tests_of(root)
    seen = []
    for number, line in enumerate((root / TABLE).read_text().splitlines(), 1):
        where = f"{TABLE}:{number}"
        cells = line.split("\t")
        if len(cells) != 3:
            yield f"{where}: {len(cells)} columns instead of three"
            continue
        fault, tests, reason = cells
        if fault in seen:
            yield f"{where}: {fault} a second time"
        elif fault not in IDS:
            yield f"{where}: no such id: {fault}"
        seen.append(fault)
        if tests == "-":
            if not reason:
                yield f"{where}: {fault} is not covered, for no reason"
            if fault in tags:
                yield f"{where}: {fault} names no test, but {tags[fault]} carries its tag"
            continue
        for name in tests.split("; "):
            if name not in names:
                yield f"{where}: {fault}: there is no test {name}"
    for missing in [fault for fault in IDS if fault not in seen]:
        yield f"{TABLE}: no line for {missing}"
    if sorted(seen) == sorted(IDS) and seen != IDS:
        yield f"{TABLE}: the ids are out of order"


if __name__ == "__main__":
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    print(f"{len(covered(root))} of {len(IDS)} covered")
    main(check, "every fault of the checklist is accounted for")
