"""--workers: one address, several processes, and any of them speaks for all."""

import os
import re
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .serving import PAGE, Server, until


def alive(server: Server) -> set[int]:
    return set(server.get("/health").json["workers"]["alive"])


def wait_for_workers(server: Server, count: int) -> set[int]:
    until(lambda: len(alive(server)) == count, what=f"{count} workers")
    return alive(server)


def who_answers(server: Server, tries: int = 200) -> set[int]:
    """Which workers answer, when many ask at once."""
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda _: server.get("/health").json["worker"], range(tries)))
    return set(answers)


def answered(server: Server, path: str = "/api/v1/home/recommendations") -> float:
    return server.metric("tidegate_server_requests_total", path=path)


def test_all_workers_answer_on_one_address_and_each_knows_all(start):
    server = start("--workers=4")
    workers = wait_for_workers(server, 4)
    parent = server.process.pid
    assert parent not in workers
    assert server.get("/health").json["workers"]["wanted"] == 4
    for worker in workers:
        status = Path(f"/proc/{worker}/status").read_text()
        assert f"PPid:\t{parent}\n" in status
    until(lambda: len(who_answers(server)) > 1, what="more than one to answer")
    assert who_answers(server) <= workers
    assert len(os.listdir(f"/proc/{parent}/task")) == 1


def test_whoever_is_asked_tells_what_all_have_answered(start):
    server = start("--workers=3", server__prewarm=False)
    wait_for_workers(server, 3)
    before = answered(server)
    with ThreadPoolExecutor(16) as clients:
        statuses = list(clients.map(lambda _: server.get().status, range(120)))
    assert statuses == [200] * 120
    assert {answered(server) - before for _ in range(30)} == {120}
    cache = server.get("/api/v1/cache/stats").json["caches"]["recommendations"]
    asked = cache["hits"] + cache["stale_hits"] + cache["misses"]
    labels = {"cache": "recommendations"}
    names = [f"tidegate_server_cache_{name}_total" for name in ("hits", "stale_hits", "misses")]
    assert sum(server.metric(name, **labels) for name in names) >= asked >= 120


def test_a_killed_worker_is_replaced_and_requests_go_on(start):
    server = start("--workers=3")
    first = wait_for_workers(server, 3)
    for _ in range(30):
        assert server.get().status == 200
    before = answered(server)
    victim = min(first)
    os.kill(victim, signal.SIGKILL)
    counts = [before]

    def replaced() -> bool:
        assert server.get("/health/live").status == 200
        counts.append(answered(server))
        workers = alive(server)
        return victim not in workers and len(workers) == 3

    until(replaced, what="another worker")
    assert counts == sorted(counts)  # no counter goes down
    assert counts[-1] == before
    assert server.get().status == 200
    assert answered(server) == before + 1
    assert server.metric("tidegate_workers_gone_total") == 1
    assert f"worker {victim} was killed by signal 9 (Killed); another one starts" in (
        server.err.read_text()
    )


def test_a_killed_worker_leaves_no_request_in_flight(start):
    server = start("--workers=2", server__prewarm=False, server__read_timeout="1h")
    workers = wait_for_workers(server, 2)
    held = [server.connect() for _ in range(20)]
    for connection in held:
        connection.sendall(b"GET ")  # the rest never comes
    gauge = "tidegate_server_requests_in_flight"
    until(lambda: server.metric(gauge) == 21, what="all to be in flight")  # with this one
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    for connection in held:
        connection.close()

    def gone() -> bool:
        try:
            return not alive(server) & workers and server.metric(gauge) == 1
        except OSError:
            return False

    until(gone, what="the gauges to be gone")


def test_workers_that_die_at_once_are_started_more_and_more_slowly(start):
    server = start("--workers=2")
    steady = max(wait_for_workers(server, 2))
    for _ in range(4):
        (other,) = wait_for_workers(server, 2) - {steady}
        os.kill(other, signal.SIGKILL)
        until(lambda gone=other: gone not in alive(server), what="its end")
    wait_for_workers(server, 2)
    pauses = re.findall(r"another one starts (?:in )?(now|[\d.]+ s)", server.err.read_text())
    assert len(pauses) == 4
    if "now" not in pauses:  # each lived for less than 5 s
        assert pauses == ["0.1 s", "0.2 s", "0.4 s", "0.8 s"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_parent_ends_all_of_them_and_nothing_is_left(start, number):
    server = start("--workers=3")
    workers = wait_for_workers(server, 3)
    environment = Path(f"/proc/{min(workers)}/maps").read_text()
    (shared,) = set(re.findall(r"(/\S*tidegate-server-\w+)/stats-", environment))
    assert stat.S_IMODE(os.stat(shared).st_mode) == 0o700
    assert server.stop(number) == 0
    for worker in workers:
        assert not Path(f"/proc/{worker}").exists()
    assert not Path(shared).exists()
    assert server.out.read_text().endswith("stopping\n")
    assert server.err.read_text() == ""


def test_one_worker_that_is_told_to_end_leaves_the_others_answering(start):
    server = start("--workers=2")
    victim = min(wait_for_workers(server, 2))
    os.kill(victim, signal.SIGTERM)
    until(lambda: victim not in alive(server), what="its end")
    wait_for_workers(server, 2)
    assert server.get(PAGE).status == 200
    assert f"worker {victim} exited with status 0; another one starts" in server.err.read_text()


def test_workers_end_when_their_parent_is_killed(start):
    server = start("--workers=2")
    workers = wait_for_workers(server, 2)
    shared = re.findall(
        r"(/\S*tidegate-server-\w+)/stats-", Path(f"/proc/{min(workers)}/maps").read_text()
    )[0]
    server.process.kill()
    assert server.process.wait(30) == -signal.SIGKILL
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), what="the end")
    for file in Path(shared).iterdir():  # nobody was left to clean up
        file.unlink()
    Path(shared).rmdir()
    server.process.returncode = 0


def test_a_state_directory_keeps_the_counters_over_a_restart(start, tmp_path):
    state = tmp_path / "state"
    server = start("--workers=2", f"--state-dir={state}", folder="one")
    wait_for_workers(server, 2)
    assert server.get().status == 200
    before = answered(server)
    assert server.stop() == 0
    again = start("--workers=2", f"--state-dir={state}", folder="one")
    wait_for_workers(again, 2)
    assert answered(again) == before + 1  # with the page that it asks of itself


def test_a_state_directory_that_others_may_enter_stops_the_start(start, tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    server = start("--workers=2", f"--state-dir={tmp_path / 'open'}", wait=False)
    assert server.process.wait(30) == 1
    assert "others may enter it; its mode has to be 0700" in server.err.read_text()
    assert "it could not start" in server.err.read_text()
    server.process.returncode = 0
