# SPDX-License-Identifier: Apache-2.0
"""Where tidegate differs from a peer on purpose, and the pytest plugin that holds it to that.

``differences.tsv`` has a row for each test that does not pass: the peer, the test (``*`` stands for
anything), what is done with it and why. A test that ``fails`` has to: one that passes is an error,
so that the list cannot grow old. One that is ``left out`` is not run.

Tests that pass count only where tidegate did the work: at the end its own count of responses, or
of starts, must have risen, and the plugin says by how much.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import tidegate as tg

TABLE = Path(__file__).with_name("differences.tsv")


@dataclass(frozen=True)
class Difference:
    peer: str
    test: str
    what: str
    why: str

    def is_of(self, test: str) -> bool:
        return re.fullmatch(re.escape(self.test).replace(r"\*", ".*"), test) is not None


def differences() -> list[Difference]:
    with TABLE.open(newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Difference(*row) for row in rows if not row[0].startswith("#")]


def responses() -> int:
    """Those of all clients, as the C++ library counts them."""
    return sum(client["responses"] for client in tg.stats().get("http", {}).values())


class Plugin:
    """What all suites have in common."""

    def __init__(
        self, peer: str, count: Callable[[], int] = responses, what: str = "responses"
    ) -> None:
        self._rows = [row for row in differences() if row.peer == peer]
        self._count = count
        self._what = what
        self._counted = count()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        unused = set(self._rows)
        for item in items:
            for row in self._rows:
                if row.is_of(item.nodeid):
                    unused.discard(row)
                    if row.what == "fails":
                        item.add_marker(pytest.mark.xfail(reason=row.why, strict=True))
                    else:
                        item.add_marker(pytest.mark.skip(reason=row.why))
        if unused:
            names = ", ".join(sorted(row.test for row in unused))
            raise pytest.UsageError(f"differences.tsv names tests that there are not: {names}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self._counted = self._count() - self._counted
        if self._counted == 0 and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"tidegate counted {self._counted} {self._what}")
