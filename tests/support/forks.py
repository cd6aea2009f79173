"""Forks of a test: what is asked in a child, and what a process that forks may say."""

import os
import sys
import traceback
from collections.abc import Callable


def in_child(ask: Callable[[], object]) -> bool:
    """Whether the answer is true in a forked child, which ends with it: no test goes on there.

    A child that throws says why, and its answer is no.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if ask() else 1
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def unexpected(stderr: str) -> str:
    """Without the line that a fork is worth while something is in flight: a slow machine has it."""
    return stderr.replace("fork with operations in flight: the child starts without them\n", "")
