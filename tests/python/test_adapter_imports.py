"""What the adapters take from the libraries that they stand in for: types, and nothing that works.

A request that an adapter handed back to its peer would pass every other test.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import tidegate

TYPES = {
    "http": {"HTTPStatus", "client.HTTPMessage"},
    "httpx": {
        "AsyncBaseTransport",
        "AsyncByteStream",
        "BaseTransport",
        "ByteStream",
        "Request",
        "Response",
        "SyncByteStream",
    },
    "requests": {
        "PreparedRequest",
        "RequestException",
        "Response",
        "adapters.BaseAdapter",
        "cookies.extract_cookies_to_jar",
        "structures.CaseInsensitiveDict",
        "utils.get_encoding_from_headers",
        "utils.select_proxy",
    },
    "urllib3": {"HTTPHeaderDict", "HTTPResponse", "util.Timeout"},
}
FAILURES = {
    "httpx": {
        "ConnectError",
        "ConnectTimeout",
        "LocalProtocolError",
        "PoolTimeout",
        "ProxyError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "TimeoutException",
        "TransportError",
        "UnsupportedProtocol",
    }
}


def taken(module: Path) -> Iterator[tuple[str, str]]:
    """The library and the name in it of everything that a module uses of a library."""
    tree = ast.parse(module.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            library, _, inner = node.module.partition(".")
            for alias in node.names:
                yield library, f"{inner}.{alias.name}".lstrip(".")
        elif isinstance(node, ast.Attribute):
            name, inside = node.attr, node.value
            while isinstance(inside, ast.Attribute):
                name, inside = f"{inside.attr}.{name}", inside.value
            if isinstance(inside, ast.Name) and inside.id in TYPES:
                yield inside.id, name


def test_an_adapter_takes_types_of_its_peer_and_nothing_that_sends() -> None:
    """By name: another one needs its line above."""
    folder = Path(tidegate.__file__).parent / "adapters"
    modules = [folder / f"{name}.py" for name in ("requests", "httpx", "urllib3", "_outbound")]
    wrong = [
        f"{module.name}: {library}.{name}"
        for module in modules
        for library, name in taken(module)
        if (library in TYPES or library in ("httpcore", "socket", "ssl"))
        and name not in TYPES.get(library, set()) | FAILURES.get(library, set())
        and not name.startswith("exceptions")
    ]
    assert wrong == []
