/* SPDX-License-Identifier: Apache-2.0 */
/* [F-5] A program that starts the interpreter, ends it, and starts it again: the first answers, each
 * later one is told that tidegate has ended in this process, and nothing crashes or hangs. */
#include <Python.h>
#include <stdio.h>

static int failures;

static void in_an_interpreter(const char *what, const char *script) {
  Py_Initialize();
  if (PyRun_SimpleString(script) != 0 || Py_FinalizeEx() != 0) {
    fprintf(stderr, "failed: %s\n", what);
    ++failures;
  }
}

static const char answers[] =
    "import asyncio, threading\n"
    "import tidegate as tg\n"
    "ex = tg.Executor()\n"
    "db = ex.sqlite(':memory:')\n"
    "assert db.query('SELECT 1 AS n').result(20).value == [{'n': 1}]\n"
    "assert ex.call(lambda: 42).result(20).value == 42\n"
    "async def main():\n"
    "    async def work(): return 43\n"
    "    assert (await ex.call(work)).value == 43\n"
    "asyncio.run(main())\n"
    "endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n'\n"
    "in_flight = [db.query(endless) for _ in range(8)]\n"
    "stuck = ex.call(threading.Event().wait)\n";

static const char is_refused[] =
    "import tidegate as tg\n"
    "ex = tg.Executor()\n"
    "for ask in (lambda: ex.sqlite(':memory:').query('SELECT 1'), lambda: ex.call(lambda: 42)):\n"
    "    try:\n"
    "        ask().result(20)\n"
    "    except tg.Closed as error:\n"
    "        assert 'shut down' in str(error), error\n"
    "    else:\n"
    "        raise AssertionError('it was not refused')\n";

static void an_interpreter_that_is_started_again_is_told_that_tidegate_has_ended(void) {
  in_an_interpreter("the first", answers);
  in_an_interpreter("the second", is_refused);
  in_an_interpreter("the third", is_refused);
}

int main(void) {
  an_interpreter_that_is_started_again_is_told_that_tidegate_has_ended();
  return failures;
}
