"""Form of the sources: lint.py [--fix]. Runs every check; --fix formats in place instead."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON_FOLDERS = ["python", "tests", "examples", ".ci", "lib/cmake"]
CPP_FOLDERS = ["include", "lib", "bindings", "examples", "tests"]
# stubtest imports the built extension; every cache stays under build/.
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "build/release/python"),
    "MYPY_CACHE_DIR": str(ROOT / "build/mypy"),
    "RUFF_CACHE_DIR": str(ROOT / "build/ruff"),
}


# One line per file is enough: make format repairs it.
CHECK_FORMAT = ["clang-format-19", "--dry-run", "-Werror", "--ferror-limit=1"]


def run(*command: str) -> bool:
    print("+", *command[:4], "..." if len(command) > 4 else "", flush=True)
    return subprocess.run(command, cwd=ROOT, env=ENVIRONMENT).returncode == 0


def main() -> int:
    fix = "--fix" in sys.argv[1:]
    python = [folder for folder in PYTHON_FOLDERS if (ROOT / folder).exists()]
    cpp = sorted(
        str(path.relative_to(ROOT))
        for folder in CPP_FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".hpp", ".cpp", ".h", ".c"}
    )
    clang_format = ["clang-format-19", "-i"] if fix else CHECK_FORMAT
    ruff = [str(BIN / "ruff")]
    checks = [
        [*clang_format, *cpp],
        [*ruff, "format", *([] if fix else ["--check"]), *python],
        [*ruff, "check", *(["--fix"] if fix else []), *python],
    ]
    if not fix:
        typing = map(str, (ROOT / "tests/python/typing").glob("*.py"))
        checks += [
            [str(BIN / "mypy"), "python/tidegate", *typing],
            [str(BIN / "python"), "-m", "mypy.stubtest", "tidegate._core"],
            [sys.executable, "tests/layering/check_layering.py"],
        ]
    failed = [command for command in checks if not run(*command)]
    for command in failed:
        print("FAILED:", *command[:4])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
