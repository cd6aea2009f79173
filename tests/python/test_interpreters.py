"""[F-5] Interpreters beside the main one: refused by a sentence, and the main one works on."""

from typing import Any

import pytest

SCRIPT = """
import sys
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create = interpreters.create
else:
    import _xxsubinterpreters as interpreters
    def create(kind):
        return interpreters.create(isolated=kind == "isolated")

def in_another(script):
    another = create(sys.argv[1])
    try:
        if sys.version_info >= (3, 13):
            failed = interpreters.exec(another, script)
            return "" if failed is None else failed.formatted
        interpreters.run_string(another, script)
        return ""
    except RuntimeError as error:
        return str(error)
    finally:
        interpreters.destroy(another)
"""

MAIN = """
import tidegate as tg
assert tg.Executor().call(lambda: 42).result(20).value == 42
"""


@pytest.mark.parametrize("kind", ["isolated", "legacy"])
@pytest.mark.parametrize("first", ["main", "another"])
def test_a_subinterpreter_is_refused_and_the_main_one_works_on(
    tools: Any, kind: str, first: str
) -> None:
    script = SCRIPT + (MAIN if first == "main" else "")
    script += "said = in_another('import tidegate')\nassert 'ImportError' in said, said\n" * 2
    done = tools.run_script(script + MAIN, kind)

    assert (done.returncode, done.stderr) == (0, "")
