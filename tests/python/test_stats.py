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
    """Public names are Python's; the extension has at most 140 functions."""
    from tidegate import _core

    functions = [
        name
        for owner in [_core, *(c for c in vars(_core).values() if isinstance(c, type))]
        for name, member in vars(owner).items()
        if callable(member)
        and not name.startswith(("__", "_pybind11"))
        and not isinstance(member, type)
    ]
    assert len(functions) <= 140


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


def test_any_worker_speaks_for_all(tools: Any, tmp_path: Any) -> None:
    """Also for one that was killed; a forked child starts at zero."""
    script = f"""
import os, signal, tidegate as tg

def submitted(**whose):
    return tg.stats(**whose).get("executor", {{}}).get("all", {{}}).get("submitted", 0)

def work():
    tg.Executor().call(int, lane="all").result()

def worker(after):
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        tg.share_stats({str(tmp_path / "state")!r})
        work()
        os.write(tell, b"x")
        signal.pause()
    os.read(told, 1)
    after(pid)
    return pid

def kill(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

assert tg.workers() == [os.getpid()]
kept = worker(lambda pid: None)                  # it shares by itself
config = tg.Config()
config.set("runtime.state_dir", {str(tmp_path / "state")!r})
tg.configure(config)
work()
assert (submitted(), submitted(workers="all")) == (1, 2)
forked = worker(lambda pid: None)                # it shares because its parent does
assert sorted(tg.workers()) == sorted([os.getpid(), kept, forked])
assert (submitted(), submitted(workers="all")) == (1, 3)
kill(kept)
kill(forked)
assert (submitted(), submitted(workers="all")) == (1, 3)
assert tg.workers() == [os.getpid()]
assert 'tidegate_executor_submitted_total{{lane="all"}} 3\\n' in tg.stats_prometheus(workers="all")
assert "tidegate_loop_wakeups_total 0\\n" in tg.stats_prometheus(workers="all")
"""
    done = tools.run_script(script)
    assert done.returncode == 0, done.stderr


def test_a_directory_that_cannot_be_shared_is_refused(tmp_path: Any) -> None:
    """With the reason."""
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(tg.ConfigError, match="others may enter it"):
        tg.share_stats(tmp_path / "open")
    with pytest.raises(tg.InvalidArgument, match="'this' or 'all', not 'each'"):
        tg.stats(workers="each")  # type: ignore[arg-type]
