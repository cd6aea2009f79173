"""Check every #include against the boxes of the house: check_layering.py [ROOT].

The table in lib/README.md says which folder a public header belongs to; the rules below say which
folder may include which. Prints one line per fault and exits 1 if there is any.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Who may include whom. Within SERVICES: gate < retry < http < token < query, and cache beside them.
BELOW = ["base", "policy", "net"]
ALLOWED = {
    "base": ["base"],
    "policy": ["base", "policy"],
    "net": ["base", "net"],
    "gate": [*BELOW, "gate"],
    "retry": [*BELOW, "gate", "retry"],
    "http": [*BELOW, "gate", "retry", "http"],
    "cache": [*BELOW, "cache"],
    "token": [*BELOW, "gate", "retry", "http", "cache", "token"],
    "query": [*BELOW, "gate", "retry", "http", "cache", "token", "query"],
}
BOXES = {"base": "BASE", "policy": "POLICY", "net": "NET", "surfaces": "SURFACES"}
FOLDERS = {*ALLOWED, "surfaces", "bindings/c", "bindings/python", "examples", "tests", "cmake"}

# A third-party header may be named only where the path matches.
THIRD_PARTY = {
    r"curl/": r"(lib/net/curl_|tests/bench/)",
    r"hiredis/": r"lib/net/redis_",
    r"sqlite3": r"(lib/query/sqlite_|tests/)",
    r"nlohmann/": r"(lib/base/json|examples/server/)",
    r"httplib": r"examples/",
    r"CLI/": r"examples/server/",
    r"zlib\.h": r"(lib/http/decode_|examples/server/|tests/)",
    r"(brotli/|zstd)": r"(lib/http/decode_|tests/)",
    r"openssl/": r"lib/",
    r"(Python\.h|pybind11/)": r"(bindings/python/|tests/python/)",
    r"doctest": r"tests/",
    r"benchmark/": r"tests/bench/",
}

# A policy is a pure state machine: time and randomness are arguments.
IMPURE_HEADERS = (
    r"(thread|mutex|shared_mutex|condition_variable|future|random|fstream|ctime"
    r"|time\.h|unistd\.h|sys/.*)"
)
IMPURE_CALLS = re.compile(r"\b(\w*clock::now|random_device|sleep_(for|until)|clock_gettime)\b")

INCLUDE = re.compile(r"\s*#\s*include(?:_next)?\s*(.*)")
SOURCES = {".hpp", ".cpp", ".h", ".c"}


def read_table(root: Path) -> tuple[dict[str, str], list[str]]:
    """Public header → folder of lib/ (or "surfaces"), and the rows that are not true."""
    folders: dict[str, str] = {}
    faults: list[str] = []
    for number, line in enumerate((root / "lib/README.md").read_text().splitlines(), 1):
        cells = [cell.strip().strip("`") for cell in line.strip().strip("|").split("|")]
        if len(cells) != 5 or not re.fullmatch(r"[\w.]+\.(hpp|h)", cells[0]):
            continue
        header, box, folder, tests, _ = cells
        name = folder.removeprefix("lib/").strip("/") if folder.startswith("lib/") else "surfaces"
        folders[header] = name
        where = f"lib/README.md:{number}: the row of {header}"
        if box != BOXES.get(name, "SERVICES"):
            faults.append(f"{where} puts {folder} into the box {box}")
        for path in (f"include/tidegate/{header}", folder, tests):
            if not (root / path).exists():
                faults.append(f"{where} names {path}, which does not exist")
    public = {path.name for path in (root / "include/tidegate").iterdir()}
    faults += [f"lib/README.md:1: no row for include/tidegate/{h}" for h in public - folders.keys()]
    return folders, faults


def folder_of(path: str, headers: dict[str, str]) -> str:
    """The folder whose rules hold for a file: "base", "bindings/c", "examples", "tests" ..."""
    parts = path.split("/")
    if parts[0] == "include":
        return headers.get(parts[-1], "surfaces")
    if parts[0] == "lib":
        return parts[1]
    return "/".join(parts[:2]) if parts[0] == "bindings" else parts[0]


def target_of(root: Path, file: Path, name: str) -> str | None:
    """The file of ours that an include names, relative to the root; None for the outside world."""
    for base in (file.parent, root / "lib", root / "include", root / "tests"):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root).as_posix()
    if name.startswith("tidegate/"):
        return f"include/{name}"
    return f"lib/{name}" if name.split("/")[0] in ALLOWED else None


def fault_of(path: str, name: str, target: str | None, headers: dict[str, str]) -> str | None:
    folder = folder_of(path, headers)
    if target is None:
        for pattern, place in THIRD_PARTY.items():
            if re.match(pattern, name) and not re.match(place, path):
                return f"{name} belongs to {place.strip('()')} only"
        if folder == "policy" and re.fullmatch(IMPURE_HEADERS, name):
            return f"POLICY is pure: no <{name}>"
        return None
    other = folder_of(target, headers)
    if path.startswith("include/") and not target.startswith("include/"):
        return f"a public header may not include {name}"
    if folder in ("tests", "surfaces"):
        return None
    if other == "tests":
        return f"only tests include tests: {name}"
    if folder in ALLOWED:
        return None if other in ALLOWED[folder] else f"{folder} may not include {name} of {other}"
    # bindings and examples: the public headers and their own folder
    own = path.rsplit("/", 1)[0] if folder == "examples" else folder
    if target.startswith(("include/tidegate/", f"{own}/")):
        return None
    return f"{folder} includes include/tidegate/ only, not {target}"


def check(root: Path) -> Iterator[str]:
    headers, faults = read_table(root)
    yield from faults
    for top in ("include", "lib", "bindings", "examples", "tests"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in SOURCES:
                continue
            path = file.relative_to(root).as_posix()
            if folder_of(path, headers) not in FOLDERS:
                yield f"{path}:1: a folder that the rules do not know"
                continue
            for number, line in enumerate(file.read_text().splitlines(), 1):
                where = f"{path}:{number}"
                if path.startswith("lib/policy/") and IMPURE_CALLS.search(line.split("//")[0]):
                    yield f"{where}: POLICY is pure: time and randomness are arguments"
                match = INCLUDE.match(line)
                if not match:
                    continue
                name = re.match(r'[<"]([^>"]+)[>"]', match[1])
                if not name:
                    yield f"{where}: name the header, no macro"
                elif fault := fault_of(path, name[1], target_of(root, file, name[1]), headers):
                    yield f"{where}: {fault}"


def main() -> int:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    faults = list(check(root))
    print("\n".join(faults) or "every include is where it may be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
