"""docs/guides/server.md says what the server really has."""

import json
import re
import subprocess

from .serving import BINARY, ROOT, clean_environment

GUIDE = (ROOT / "docs/guides/server.md").read_text()


def table(heading: str) -> dict[str, str]:
    """The first two columns of the table that starts with this column, without backquotes."""
    rows = GUIDE.partition(f"\n| {heading} |")[2].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]
    return {row[0]: row[1] for row in cells}


def test_the_guide_has_every_key_with_its_default():
    printed = subprocess.check_output([BINARY, "--print-config"], env=clean_environment())
    defaults = {
        f"server.{key}": value if isinstance(value, str) else json.dumps(value)
        for key, value in json.loads(printed)["server"].items()
    }
    assert table("Key") == defaults


def test_the_guide_has_every_option():
    printed = subprocess.check_output([BINARY, "--help"], text=True)
    options = set(re.findall(r"--[a-z-]+", " ".join(table("Option"))))
    assert options == set(re.findall(r"^ .*?(--[a-z-]+)", printed, re.M))


def test_the_guide_has_every_address(start):
    server = start()
    addresses = {address["get"].split("?")[0] for address in server.get("/").json["addresses"]}
    assert set(table("Address")) == addresses


def test_the_guide_has_every_metric_of_the_server(start):
    names = re.findall(r"# TYPE (tidegate_server_\w+)", start().get("/metrics").text)
    assert set(table("Metric")) == set(names)
