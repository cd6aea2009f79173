"""Proves that check_layering catches faults: plants one at a time into a small sound tree."""

import sys
import tempfile
from pathlib import Path

from check_layering import check

TABLE = """\
| header | box | folder | tests | what |
|---|---|---|---|---|
| `status.hpp` | BASE | `lib/base/` | `tests/base/` | a |
| `backoff.hpp` | POLICY | `lib/policy/` | `tests/policy/` | b |
| `runtime.hpp` | NET | `lib/net/` | `tests/net/` | c |
| `cache.hpp` | SERVICES | `lib/cache/` | `tests/cache/` | d |
| `query.hpp` | SERVICES | `lib/query/` | `tests/query/` | e |
| `c.h` | SURFACES | `bindings/c/` | `tests/c/` | f |
"""

SOUND = {
    "lib/README.md": TABLE,
    "include/tidegate/status.hpp": "#include <string>\n",
    "include/tidegate/backoff.hpp": '#include "tidegate/status.hpp"\n',
    "include/tidegate/runtime.hpp": "#include <tidegate/status.hpp>\n",
    "include/tidegate/cache.hpp": "#include <tidegate/status.hpp>\n",
    "include/tidegate/query.hpp": "#include <tidegate/cache.hpp>\n",
    "include/tidegate/c.h": "#include <stdint.h>\n",
    "lib/base/task.hpp": "#include <coroutine>\n#include <tidegate/status.hpp>\n",
    "lib/policy/limiter.hpp": '#include <chrono>\n#include "base/task.hpp"\n',
    "lib/net/reactor.hpp": '#include <thread>\n#include "base/task.hpp"\n',
    "lib/net/curl_multi.cpp": '#include <curl/curl.h>\n#include "reactor.hpp"\n',
    "lib/cache/memory.hpp": '#include "net/reactor.hpp"\n#include "policy/limiter.hpp"\n',
    "lib/query/sqlite_engine.cpp": '#include <sqlite3.h>\n#include "cache/memory.hpp"\n',
    "bindings/c/guard.hpp": "#include <tidegate/status.hpp>\n",
    "bindings/c/query-c.cpp": '#include "guard.hpp"\n#include <tidegate/c.h>\n',
    "bindings/python/module.cpp": "#include <pybind11/pybind11.h>\n#include <tidegate/query.hpp>\n",
    "examples/server/main.cpp": "#include <httplib.h>\n#include <tidegate/query.hpp>\n",
    "examples/c/two.c": "#include <tidegate/c.h>\n",
    "tests/base/task_test.cpp": '#include <doctest/doctest.h>\n#include "base/task.hpp"\n',
    "tests/support/clock.hpp": "#include <tidegate/status.hpp>\n",
    "tests/policy/.keep": "",
    "tests/net/.keep": "",
    "tests/cache/.keep": "",
    "tests/query/.keep": "",
    "tests/c/.keep": "",
}

# (file, content, what the fault says)
FAULTS = [
    ("include/tidegate/status.hpp", '#include "tidegate/runtime.hpp"', "base may not include"),
    ("include/tidegate/cache.hpp", "#include <tidegate/query.hpp>", "cache may not include"),
    ("include/tidegate/query.hpp", "#include <curl/curl.h>", "curl/curl.h belongs to"),
    ("include/tidegate/query.hpp", "#include <nlohmann/json.hpp>", "belongs to"),
    ("include/tidegate/query.hpp", '#include "base/task.hpp"', "a public header may not include"),
    ("include/tidegate/c.h", '#include "base/task.hpp"', "a public header may not include"),
    ("include/tidegate/new.hpp", "", "no row for"),
    ("lib/base/a.cpp", '#include "policy/limiter.hpp"', "base may not include policy/limiter.hpp"),
    ("lib/base/a.cpp", '#include "../net/reactor.hpp"', "base may not include"),
    ("lib/base/a.cpp", "#  include <tidegate/query.hpp>", "base may not include"),
    ("lib/base/a.cpp", "#include <Python.h>", "Python.h belongs to"),
    ("lib/base/a.cpp", "#include WHATEVER", "name the header, no macro"),
    ("lib/policy/a.cpp", '#include "net/reactor.hpp"', "policy may not include"),
    ("lib/policy/a.cpp", "#include <thread>", "POLICY is pure"),
    ("lib/policy/a.cpp", "auto t = std::chrono::steady_clock::now();", "POLICY is pure"),
    ("lib/net/a.cpp", '#include "policy/limiter.hpp"', "net may not include"),
    ("lib/net/a.cpp", "#include <tidegate/cache.hpp>", "net may not include"),
    ("lib/net/a.cpp", "#include <curl/curl.h>", "curl/curl.h belongs to"),
    ("lib/net/a.cpp", "#include <hiredis/hiredis.h>", "hiredis/hiredis.h belongs to"),
    ("lib/net/a.cpp", '#include "support/clock.hpp"', "only tests include tests"),
    ("lib/cache/a.cpp", '#include "query/executor.hpp"', "cache may not include"),
    ("lib/query/a.cpp", "#include <sqlite3.h>", "sqlite3.h belongs to"),
    ("lib/query/a.cpp", "#include <tidegate/c.h>", "query may not include"),
    ("lib/http/a.cpp", '#include "cache/memory.hpp"', "http may not include"),
    ("lib/http/a.cpp", "#include <zlib.h>", "zlib.h belongs to"),
    ("lib/http/a.cpp", "#include <brotli/decode.h>", "brotli/decode.h belongs to"),
    ("lib/http/a.cpp", "#include <zstd_errors.h>", "zstd_errors.h belongs to"),
    ("lib/net/curl_a.cpp", "#include <zstd.h>", "zstd.h belongs to"),
    ("lib/gate/a.cpp", '#include "retry/a.hpp"', "gate may not include"),
    ("lib/surprise/a.cpp", "", "a folder that the rules do not know"),
    ("bindings/c/a.cpp", '#include "base/task.hpp"', "includes include/tidegate/ only"),
    ("bindings/python/a.cpp", '#include "../c/guard.hpp"', "includes include/tidegate/ only"),
    ("examples/cpp/a.cpp", '#include "../../lib/base/task.hpp"', "includes include/tidegate/ only"),
    ("examples/cpp/a.cpp", "#include <nlohmann/json.hpp>", "belongs to"),
    ("tests/base/a.cpp", "#include <curl/curl.h>", "belongs to"),
    ("lib/README.md", TABLE.replace("| NET |", "| BASE |"), "puts lib/net/ into the box BASE"),
    ("lib/README.md", TABLE.replace("tests/net", "tests/nets"), "which does not exist"),
    ("lib/README.md", TABLE.replace("`status.hpp`", "`gone.hpp`"), "no row for"),
]


def faults_of(tree: dict[str, str]) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        for path, content in tree.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return list(check(root))


def main() -> int:
    failed = [f"the sound tree: {fault}" for fault in faults_of(SOUND)]
    for path, content, expected in FAULTS:
        found = faults_of({**SOUND, path: content})
        if not any(expected in fault for fault in found):
            failed.append(f"not caught: {path}: {content!r}: wanted {expected!r}, found {found}")
    print("\n".join(failed) or f"{len(FAULTS)} planted faults, all caught")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
