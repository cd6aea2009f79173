# SPDX-License-Identifier: Apache-2.0
"""The C headers, the shared library and docs/reference/c-api.md name the same functions.

    python tests/c/test_c_api.py        writes the generated part of the page

The page records when each function came, so that a release is never rewritten: the generator keeps
what is there, and gives a new function the version of the header.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
HEADERS = [
    ROOT / "include/tidegate" / name
    for name in (
        "c.h",
        "c_query.h",
        "c_cache.h",
        "c_http.h",
        "c_limiter.h",
        "c_breaker.h",
        "c_gate.h",
    )
]
PAGE = ROOT / "docs/reference/c-api.md"
MARK = "<!-- generated from include/tidegate/c*.h by tests/c/test_c_api.py -->\n"

FUNCTION = re.compile(r"/\*\*((?:[^*]|\*(?!/))*)\*/\s*TIDEGATE_API ([^;]*?)(tidegate_\w+)\(")
ROW = re.compile(r"\| `(tidegate_\w+)` \| ([\d.]+) \| (\w+) \| (.+) \|")


class Function(NamedTuple):
    name: str
    section: str
    threads: str  # any, one or data
    sentence: str


def sections(text: str) -> list[tuple[int, str]]:
    found = []
    for match in re.finditer(r"^/\* --- (.*)$", text, re.MULTILINE):
        title = re.sub(r" *-*( \*/)?$", "", match[1])
        found.append((match.start(), re.split(r"[:,] ", title)[0]))
    return found


def declarations() -> str:
    return "".join(header.read_text() for header in HEADERS)


def functions() -> list[Function]:
    text = declarations()
    places = sections(text)
    found = []
    for match in FUNCTION.finditer(text):
        comment = " ".join(match[1].replace("\n *", " ").split())
        threads = re.search(r" ?\[(any|one|data)\]$", comment)
        assert threads, f"{match[3]}: its comment does not end with its class of threads"
        sentence = re.split(r"(?<=[.!])\s", comment[: threads.start()])[0].rstrip(".")
        section = [title for start, title in places if start < match.start()][-1]
        found.append(Function(match[3], section, threads[1], sentence.replace("|", "\\|")))
    return found


def version() -> str:
    text = declarations()
    parts = [re.search(rf"VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    return ".".join(part[1] for part in parts if part)


def life(page: str) -> dict[str, tuple[str, str]]:
    """What the page records: name → (introduced, state)."""
    return {row[1]: (row[2], row[3]) for row in ROW.finditer(page)}


def render(known: dict[str, tuple[str, str]]) -> str:
    lines = [MARK]
    section = None
    for function in functions():
        if function.section != section:
            section = function.section
            lines.append(f"\n## {section}\n\n")
            lines.append(
                "| Function | Introduced | State | Threads | What |\n|---|---|---|---|---|\n"
            )
        introduced, state = known.get(function.name, (version(), "unstable"))
        lines.append(
            f"| `{function.name}` | {introduced} | {state} | {function.threads} "
            f"| {function.sentence} |\n"
        )
    return "".join(lines)


def exported() -> list[str]:
    library = os.environ["TIDEGATE_C_LIBRARY"]
    listing = subprocess.run(
        ["nm", "-D", "--defined-only", "--format=posix", library],
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split()[0] for line in listing.stdout.splitlines() if line.split()[1] != "A"]


def test_the_library_exports_what_the_header_declares_and_nothing_else() -> None:
    declared = sorted(function.name for function in functions())
    everything = sorted(name.split("@")[0] for name in exported())
    assert declared == everything


def test_no_declaration_escapes_the_parser() -> None:
    assert set(HEADERS) == set((ROOT / "include/tidegate").glob("*.h"))
    text = declarations()
    assert len(functions()) == len(re.findall(r"^TIDEGATE_API ", text, re.MULTILINE))
    assert len(functions()) == len({function.name for function in functions()})


def test_the_page_has_every_function_as_it_is_now() -> None:
    page = PAGE.read_text()
    assert page[page.index(MARK) :] == render(life(page)), "run python tests/c/test_c_api.py"


def test_nothing_was_introduced_in_a_version_to_come() -> None:
    now = [int(part) for part in version().split(".")]
    for name, (introduced, state) in life(PAGE.read_text()).items():
        assert [int(part) for part in introduced.split(".")] <= now, name
        assert state in ("unstable", "stable", "deprecated"), name


def test_handles_that_are_made_can_be_given_back() -> None:
    names = {function.name for function in functions()}
    for name in names:
        if name.endswith("_create"):
            noun = name.removesuffix("_create")
            assert names & {f"{noun}_destroy", f"{noun}_free", f"{noun}_release"}, name
        if name.endswith("_retain"):
            assert name.replace("_retain", "_release") in names


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(text[: text.index(MARK)] + render(life(text)))
