"""Figures."""

import re
from typing import Any

import pytest

import tidegate as tg


def test_stats_are_one_tree(db: tg.Database, lane: Any) -> None:
    """By section, lane and metric."""
    db.query("SELECT 1").result()
    db.query("SELEC 1", default=None).result()

    assert lane("executor")["submitted"] == 2
    assert {"fresh": 1, "failed": 1}.items() <= lane("executor")["settled"].items()
    assert {"wakeups", "completions", "dropped"} == set(tg.stats()["loop"])


def test_prometheus_has_the_same_numbers(db: tg.Database, lane: Any) -> None:
    """With one HELP and TYPE for each metric."""
    db.query("SELECT 1").result()
    text = tg.stats_prometheus()

    pattern = r'tidegate_executor_submitted_total\{lane="test_prometheus[^"]*"\} (\d+)'
    found = re.search(pattern, text)
    assert found is not None
    assert lane("executor")["submitted"] == int(found[1])
    assert "# TYPE tidegate_loop_wakeups_total counter" in text
    helped = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    assert len(helped) == len(set(helped))


def test_the_extension_s_surface_is_small() -> None:
    """Public names are Python's; the extension has at most some hundred functions."""
    from tidegate import _core

    functions = [
        name
        for owner in [_core, *(c for c in vars(_core).values() if isinstance(c, type))]
        for name, member in vars(owner).items()
        if callable(member)
        and not name.startswith(("__", "_pybind11"))
        and not isinstance(member, type)
    ]
    assert len(functions) < 110


def test_importing_starts_nothing(tools: Any) -> None:
    """Neither does constructing."""
    script = """
import os, tidegate as tg
before = len(os.listdir("/proc/self/fd"))
ex = tg.Executor(); db = ex.sqlite("none.db"); ex.callables("x"); tg.page(1)
http = tg.Client(); also = tg.AsyncClient()
assert len(os.listdir("/proc/self/task")) == 1
assert len(os.listdir("/proc/self/fd")) == before
"""
    done = tools.run_script(script)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["repr", "str"])
def test_objects_describe_themselves(db: tg.Database, verb: str) -> None:
    """In a log one sees what they are."""
    operation = db.query("SELECT 1", label="newest")
    operation.result()

    assert "newest" in repr(operation)
    assert "fresh" in repr(operation.result())
