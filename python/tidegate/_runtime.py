"""The process: figures, the end of the interpreter, and forks."""

from __future__ import annotations

import atexit
import json
import os
from time import monotonic
from typing import Any, Literal

from . import _futures, _loads, _page, _refresh, _work
from ._duration import seconds
from ._errors import InvalidArgument
from ._native import core
from ._settings import Config

_shutdown_timeout = 2.0
_fork_was_reported = False
_was_at_rest = True

Whose = Literal["this", "all"]


def configure(config: Config) -> None:
    """Applies the settings that belong to the whole process.

    These are ``log.level``, ``executor.page_timeout``, ``runtime.shutdown_timeout`` and
    ``runtime.state_dir``, see ``share_stats()``; the others are given to what they belong to,
    ``Executor(config)``.
    """
    global _shutdown_timeout
    core.set_log_level(str(config.get("log.level")))
    _page.set_default_timeout(float(config.get("executor.page_timeout")))
    _shutdown_timeout = float(config.get("runtime.shutdown_timeout"))
    if directory := str(config.get("runtime.state_dir")):
        share_stats(directory)


def stats(*, workers: Whose = "this") -> dict[str, Any]:
    """What tidegate counts, as one tree: ``stats()["executor"]["cars"]["submitted"]``.

    Args:
        workers: "all" adds up all processes that share a directory: what those have counted that
            have ended is in it, gauges are those of the living.
    """
    tree: dict[str, Any] = json.loads(core.stats_json(_is_all(workers)))
    return tree


def stats_prometheus(*, workers: Whose = "this") -> str:
    """The same as Prometheus text exposition, format 0.0.4, for a ``/metrics`` page."""
    return core.stats_prometheus(_is_all(workers))


def _is_all(whose: str) -> bool:
    if whose not in ("this", "all"):
        raise InvalidArgument(f"workers is 'this' or 'all', not {whose!r}")
    return whose == "all"


def share_stats(directory: str | os.PathLike[str]) -> None:
    """From now on any process that shares ``directory`` can tell what this one counts.

    So it is with each that is forked from here on; its numbers start at zero. Call it once, before
    the process starts its work: in each worker, or before they are forked. The directory is made
    with mode 0700 if it is not there, and has to be this user's alone; ``/dev/shm`` is a good place
    for it.

    Raises:
        ConfigError: The directory cannot be used, or another one is in use.
        LocalResource: The file cannot be made.
    """
    core.share_stats(os.fspath(directory))


def workers() -> list[int]:
    """The ids of the living processes that share the directory; this one alone without."""
    return core.workers()


def shutdown(timeout: float | str | None = None) -> bool:
    """Ends tidegate in this process for good; the interpreter's end does so by itself.

    Every operation in flight ends with ``Closed``, later calls raise it, and threads are joined.

    Args:
        timeout: How long to wait for work that was told to stop; 2 s if it is not given.

    Returns:
        False where threads were still inside code that does not return: those are abandoned.
    """
    until = monotonic() + (_shutdown_timeout if timeout is None else seconds("timeout", timeout))
    native = core.shutdown(max(0.0, until - monotonic()))
    return _work.end_threads(max(0.0, until - monotonic())) and native


def _before_fork() -> None:
    """Ends idle threads, so that the process has one thread if it wants to; see ``os.fork``."""
    global _fork_was_reported, _was_at_rest
    _was_at_rest = core.quiesce()
    if _was_at_rest:
        _work.join_threads(1.0)
    elif not _fork_was_reported:
        _fork_was_reported = True
        _work.log.warning("fork with operations in flight: the child starts without them")


def _after_fork_in_parent() -> None:
    _refresh.after_fork_in_parent()
    if not _was_at_rest:
        _loads.after_fork_in_parent()


def _after_fork_in_child() -> None:
    core.forget_bridges()
    _work.forget_process()
    _refresh.forget_process()
    _futures.forget_process()


# Not threading's own hook: threads that are no daemons may use tidegate after the main one ends.
atexit.register(shutdown)
os.register_at_fork(after_in_child=_after_fork_in_child)
if os.environ.get("TIDEGATE_ATFORK") != "0":
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent)
