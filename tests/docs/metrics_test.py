"""docs/reference/metrics.md lists the metrics of lib/, and no others: metrics_test.py [ROOT]."""

import re
from collections.abc import Iterator
from pathlib import Path

from pages import main, rows

PAGE = "docs/reference/metrics.md"
TEXT = r'"(?:[^"\\]|\\.)*"'
MADE = re.compile(
    r"\b(?P<kind>counter|gauge|histogram)\(\s*"
    r'"(?P<path>[a-z_]+(?:\.[a-z_]+)+)",\s*'
    r"(?:(?P<labels>\{.*?\}),\s*)?"
    rf"(?P<help>{TEXT}(?:\s*{TEXT})*)",
    re.DOTALL,
)
KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "duration"}


def made_in(root: Path) -> dict[str, tuple[str, str]]:
    """Path → kind and the sentence that stands in the code."""
    found = {}
    for file in sorted((root / "lib").rglob("*.cpp")):
        for match in MADE.finditer(file.read_text()):
            text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', match["help"]))
            found[match["path"]] = KINDS[match["kind"]], text
    return found


def check(root: Path) -> Iterator[str]:
    made = made_in(root)
    listed = {row[0]: row[1:] for row in rows(root / PAGE, "All metrics")}
    if not made:
        yield "no metric found in lib/: the pattern of this check is out of date"
    for path, (kind, text) in made.items():
        if path not in listed:
            yield f"{PAGE}: no row for `{path}` ({kind}): {text}."
        elif listed[path][0] != kind:
            yield f"{PAGE}: `{path}` is a {kind}, not a {listed[path][0]}"
        elif not listed[path][2].startswith(text):
            yield f"{PAGE}: the meaning of `{path}` starts with: {text}"
    for path in listed.keys() - made.keys():
        yield f"{PAGE}: `{path}` is made nowhere in lib/"


if __name__ == "__main__":
    main(check, "every metric has its row")
