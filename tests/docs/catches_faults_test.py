"""Proves that the checks of this folder catch faults: plants one at a time in a sound tree."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import faults_test
import links_test
import metrics_test
import output_test
import readme_test

CPP, C, PYTHON = "int main() {\n  call();\n}\n", "int main(void) { return 0; }\n", "print(1)\n"
FAULTS = "".join(f"{fault}\t-\tnot yet\n" for fault in faults_test.IDS)
README = f"""\
# Name

[docs](docs/index.md#two-words), [itself](#name)

```cpp
{CPP}```

```text
took 5 ms
```

```c
{C}```

```python
{PYTHON}```
"""
METRICS = """\
## All metrics

| Metric | Kind | Labels | Meaning |
|---|---|---|---|
| `gate.passed` | counter | `gate` | Calls that passed. |
"""
MANUAL = '// A first program:\n//\n//   call();\n//\n#include "tidegate/a.hpp"\n'
COUNTER = 'registry.counter(\n"gate.passed", {{"gate", name}}, "Calls that "\n"passed");\n'
SOUND = {
    "README.md": README,
    "docs/index.md": "# Two words\n\n```cpp\n call();\n```\n\n```json\n{}\n```\n",
    "docs/reference/metrics.md": METRICS,
    "examples/cpp/readme.cpp": CPP,
    "examples/cpp/readme.out": "took … ms\n",
    "examples/c/readme.c": C,
    "examples/python/readme.py": PYTHON,
    "include/tidegate/tidegate.hpp": MANUAL,
    "include/tidegate/a.hpp": "",
    "lib/gate/gate.cpp": COUNTER,
    "tests/faults.tsv": FAULTS.replace("J1\t-\tnot yet", "J1\tDeep; Wide; test_deep; deep_c\t"),
    "tests/base/json_test.cpp": 'TEST_CASE("Deep [J1]") {}\nTEST_CASE_TEMPLATE("Wide", T) {}\n',
    "tests/python/test_json.py": "def test_deep() -> None: ...\n",
    "tests/c/json.c": "static void deep_c(void) {}\n",
}
HEADER = "include/tidegate/tidegate.hpp"
BLOCK = SOUND["docs/index.md"]

Check = Callable[[Path], Iterator[str]]
PLANTED: list[tuple[Check, str, str, str]] = [
    (links_test.check, "README.md", README.replace("index.md", "gone.md"), "no file"),
    (links_test.check, "README.md", README.replace("two-words", "three-words"), "no heading"),
    (links_test.check, "README.md", README.replace("(#name)", "(#other)"), "no heading"),
    (links_test.check, "docs/a.md", "[up](../../outside.md)", "no file"),
    (readme_test.check, "examples/cpp/readme.cpp", CPP.replace("call", "other"), "no cpp block"),
    (readme_test.check, "examples/c/readme.c", C + "\n", "no c block"),
    (readme_test.check, "examples/python/readme.py", "print(2)\n", "no python block"),
    (readme_test.check, "examples/python/readme.py", PYTHON * 30, "more than"),
    (readme_test.check, "examples/cpp/readme.out", "took … s\n", "no text block"),
    (readme_test.check, "docs/index.md", BLOCK.replace("call()", "gone()"), "in no file"),
    (readme_test.check, "docs/index.md", BLOCK.replace("{}", "{"), "not json"),
    (readme_test.check, "docs/a.md", "```python\na b\n```\n", "not python"),
    (readme_test.check, "docs/a.md", "```cpp\ncall();\n", "in no file"),
    (readme_test.check, HEADER, MANUAL.replace("call()", "gone()"), "its example"),
    (readme_test.check, "include/tidegate/b.hpp", "", "does not include ['b.hpp']"),
    (metrics_test.check, "docs/reference/metrics.md", METRICS.replace("passed`", "p`"), "no row"),
    (metrics_test.check, "docs/reference/metrics.md", METRICS.replace("counter", "gauge"), "is a"),
    (metrics_test.check, "docs/reference/metrics.md", METRICS.replace("that", "who"), "meaning of"),
    (metrics_test.check, "lib/gate/gate.cpp", "", "no metric found"),
    (faults_test.check, "tests/faults.tsv", FAULTS.replace("H2\t", "H1\t"), "a second time"),
    (
        faults_test.check,
        "tests/faults.tsv",
        FAULTS.replace("H2\t-\tnot yet\n", ""),
        "no line for H2",
    ),
    (faults_test.check, "tests/faults.tsv", FAULTS.replace("H2\t", "H0\t"), "no such id"),
    (
        faults_test.check,
        "tests/faults.tsv",
        FAULTS.replace("H2\t-\tnot yet", "H2\t-\t"),
        "no reason",
    ),
    (
        faults_test.check,
        "tests/faults.tsv",
        FAULTS.replace("H2\t-", "H2\tGone"),
        "there is no test",
    ),
    (faults_test.check, "tests/faults.tsv", FAULTS, "carries its tag"),
    (faults_test.check, "tests/faults.tsv", FAULTS.replace("\tnot yet", "", 1), "2 columns"),
    (faults_test.check, "tests/faults.tsv", "H2\t-\tx\nH1\t-\tx\n" + FAULTS[26:], "out of order"),
]
CHECKS: list[Check] = [
    links_test.check,
    readme_test.check,
    metrics_test.check,
    faults_test.check,
]


def faults_of(check: Check, tree: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path, content in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return list(check(root))


def main() -> int:
    failed = [f"the sound tree: {fault}" for check in CHECKS for fault in faults_of(check, SOUND)]
    for check, path, content, expected in PLANTED:
        found = faults_of(check, {**SOUND, path: content})
        if not any(expected in fault for fault in found):
            failed.append(f"not caught: {path}: {content!r}: wanted {expected!r}, found {found}")
    for expected, printed in [("a … b\n", "a b\n"), ("a\n", "a\nb\n"), ("a … b\n", "a \n b\n")]:
        if output_test.matches(expected, printed):
            failed.append(f"{printed!r} is taken for {expected!r}")
    print("\n".join(failed) or f"{len(PLANTED)} planted faults, all caught")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
