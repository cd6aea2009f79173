"""Bad input, word for word: golden/*.txt says what is sent and what comes back.

    UPDATE_GOLDEN=1 python -m pytest tests/integration/test_server_bad_input.py

writes the answers anew; read the difference before it is committed. In what is sent, <A x 1000> is
a thousand times the character A, and \\xNN is a byte.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .serving import BINARY, Server, clean_environment

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("UPDATE_GOLDEN"))


def expanded(text: str) -> str:
    return re.sub(r"<(.) x (\d+)>", lambda m: m[1] * int(m[2]), text)


def cases(name: str) -> list[list[str]]:
    """Blocks of lines, divided by empty ones; the first ones start with "> "."""
    blocks = (GOLDEN / name).read_text().strip().split("\n\n")
    return [[line for line in block.splitlines() if line.startswith("> ")] for block in blocks]


def check(name: str, answers: list[list[str]]) -> None:
    written = "\n\n".join("\n".join(lines) for lines in answers) + "\n"
    if UPDATE:
        (GOLDEN / name).write_text(written)
    assert written == (GOLDEN / name).read_text()


def status_and_body(answer: bytes) -> list[str]:
    head, _, body = answer.decode().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    kept = [line for line in headers if line.startswith(("Allow:", "Connection:", "Retry-After:"))]
    return [status.removeprefix("HTTP/1.1 "), *kept, *body.splitlines()]


def ask(server: Server, lines: list[str]) -> list[str]:
    sent = [expanded(line.removeprefix("> ")) for line in lines]
    text = "\r\n".join([*sent, "Host: localhost", "Connection: close", "", ""])
    request = text.encode().decode("unicode_escape").encode("latin-1")
    return lines + status_and_body(server.raw(request))


def test_every_bad_request_is_answered_by_its_field_and_the_nearest_valid_one(start_uncached):
    server = start_uncached("--customs-url=http://127.0.0.1:1")  # which nobody asks
    before = server.metric("tidegate_executor_submitted_total", lane="cars")
    answers = [ask(server, lines) for lines in cases("requests.txt")]
    check("requests.txt", answers)
    assert server.metric("tidegate_executor_submitted_total", lane="cars") == before
    assert server.metric("tidegate_http_requests_total", client="customs") == 0
    for lines in answers:
        status, body = next(line for line in lines if line[0].isdigit()), lines[-1]
        assert status[0] == "4"
        error = json.loads(body)["error"]
        assert list(error)[:3] == ["code", "field", "message"]
        assert all(error.values())


def run(lines: list[str], folder: Path) -> list[str]:
    """Starts the server with a configuration file, a variable or an option of each line."""
    environment, arguments = clean_environment(), []
    for line in lines:
        kind, _, value = line.removeprefix("> ").partition(" ")
        if kind == "file":
            (folder / "settings.json").write_text(expanded(value))
            arguments.append(f"--config={folder}/settings.json")
        elif kind == "variable":
            environment.update([value.split("=", 1)])
        else:
            arguments.append(value)
    ended = subprocess.run(
        [BINARY, "--print-config", *arguments],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
    )
    said = (ended.stdout + ended.stderr).replace(str(folder), "<folder>")
    return [*lines, f"exit {ended.returncode}", *said.splitlines()]


def test_every_bad_setting_is_refused_by_its_name_and_what_is_allowed(tmp_path):
    answers = [run(lines, tmp_path) for lines in cases("settings.txt")]
    check("settings.txt", answers)
    assert all("exit 2" in lines for lines in answers)


@pytest.mark.parametrize("source", ["default", "file", "environment", "option"])
def test_what_is_said_later_wins(tmp_path, source):
    ports = {"default": 8080, "file": 1001, "environment": 1002, "option": 1003}
    environment, arguments = clean_environment(), []
    if source != "default":
        (tmp_path / "settings.json").write_text('{"server": {"port": 1001}}')
        environment["TIDEGATE_CONFIG"] = str(tmp_path / "settings.json")
    if source in ("environment", "option"):
        environment["TIDEGATE_SERVER__PORT"] = "1002"
    if source == "option":
        arguments = ["--port=1003"]
    printed = subprocess.check_output(
        [BINARY, *arguments, "--print-config"], env=environment, timeout=30
    )
    assert json.loads(printed)["server"]["port"] == ports[source]


def test_what_print_config_prints_is_a_configuration_file(tmp_path):
    first = subprocess.check_output(
        [BINARY, "--port=99", "--print-config"], env=clean_environment(), timeout=30
    )
    (tmp_path / "settings.json").write_bytes(first)
    second = subprocess.check_output(
        [BINARY, f"--config={tmp_path}/settings.json", "--print-config"],
        env=clean_environment(),
        timeout=30,
    )
    assert first == second


def test_settings_that_contradict_each_other_are_listed_and_refused():
    def run_with(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | {f"TIDEGATE_{k}": v for k, v in settings.items()}
        return subprocess.run(
            [BINARY, *arguments], env=environment, capture_output=True, text=True, timeout=30
        )

    well = run_with("--check-config", "--workers=4")
    assert (well.returncode, well.stdout, well.stderr) == (0, "", "")
    doubtful = run_with("--check-config", SERVICES__CUSTOMS__HTTP__ATTEMPT_TIMEOUT="20s")
    assert (doubtful.returncode, doubtful.stdout) == (
        0,
        "warning: service 'customs': an attempt may take 20 s (http.attempt_timeout), "
        "but its whole request only 15 s (http.timeout, its default)\n",
    )
    wrong = {"HTTP__TIMEOUT": "2s", "HTTP__ATTEMPT_TIMEOUT": "8s"}
    why = (
        "an attempt may take 8 s (http.attempt_timeout), "
        "but its whole request only 2 s (http.timeout)\n"
    )
    listed = run_with("--check-config", **wrong)
    assert (listed.returncode, listed.stdout) == (2, f"refused: {why}")
    refused = run_with(**wrong)
    assert (refused.returncode, refused.stderr) == (2, f"tidegate-server: {why}")


def test_help_and_version_end_well():
    for option, word in (("--help", "--database"), ("--version", "tidegate-server ")):
        assert word in subprocess.check_output([BINARY, option], text=True, timeout=30)
