"""tests/conformance tells where tidegate differs from its peers: conformance_test.py [ROOT].

Each row of ``differences.tsv`` is complete and stands in the README, under its peer, and nothing
else does. The peers whose tests are fetched are those of requirements-dev.txt and
requirements-bench.txt, in their versions.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pages import main, rows

FOLDER = "tests/conformance"
REQUIREMENTS = ("python/requirements-dev.txt", "python/requirements-bench.txt")


def told(root: Path, peer: str) -> list[list[str]]:
    return rows(root / FOLDER / "README.md", peer)


def check(root: Path) -> Iterator[str]:
    pins = re.findall(r"^(\w+==\S+) --hash", (root / FOLDER / "sources.txt").read_text(), re.M)
    wanted = [line for name in REQUIREMENTS for line in (root / name).read_text().splitlines()]
    yield from (f"{' and '.join(REQUIREMENTS)}: no {pin}" for pin in pins if pin not in wanted)
    peers: dict[str, list[list[str]]] = {pin.partition("==")[0]: [] for pin in pins}

    lines = (root / FOLDER / "differences.tsv").read_text().splitlines()
    for number, line in enumerate(lines[1:], 2):
        peer, *cells = line.split("\t")
        if len(cells) != 3 or not all(cells) or peer not in peers:
            yield f"{FOLDER}/differences.tsv:{number}: not a peer, a test, what and why"
        elif cells[1] not in ("fails", "left out"):
            yield f"{FOLDER}/differences.tsv:{number}: {cells[1]} is neither fails nor left out"
        else:
            peers[peer].append([cells[0].replace("`", ""), *cells[1:]])
    for peer, expected in peers.items():
        if told(root, peer) != expected:
            yield f"{FOLDER}/README.md: the table of {peer} should be"
            yield from (f"| `{test}` | {what} | {why} |" for test, what, why in expected)


if __name__ == "__main__":
    main(check, "every difference is told")
