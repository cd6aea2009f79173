"""The database at the start: built, taken as it is, or found broken, old or somebody else's."""

import gzip
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from .serving import BINARY, DATA, Server, clean_environment, crash_while_writing, locked, until


def is_whole(database: Path) -> bool:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT count(*) FROM listings").fetchone()
        check = connection.execute("PRAGMA integrity_check").fetchone()
        medians = connection.execute("SELECT sum(listings) FROM medians").fetchone()
    return rows == (99187,) and check == ("ok",) and medians == (99184,)


def test_the_database_is_built_at_the_first_start(start_uncached):
    server = start_uncached(database=False)
    assert is_whole(server.database)
    said = server.err.read_text()
    assert "building" in said
    assert " %\n" in said
    assert server.get().meta["source"] == "fresh"
    rest = {path.name for path in server.folder.iterdir() if path.name.startswith("cars.db")}
    assert rest == {"cars.db", "cars.db.lock"}


def test_a_whole_database_is_taken_as_it_is(start):
    server = start()
    before = server.database.stat()
    assert server.err.read_text() == ""
    assert server.stop() == 0
    assert server.database.stat().st_mtime == before.st_mtime


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, "half"], ids=["empty", "junk", "half"])
def test_a_broken_database_is_put_aside_and_built_anew(start, built_database, tmp_path, content):
    folder = tmp_path / "broken"
    folder.mkdir()
    if content == "half":
        content = built_database.read_bytes()[: 8 << 20]
    (folder / "cars.db").write_bytes(content)
    server = start(database=False, folder="broken")
    assert is_whole(server.database)
    assert (folder / "cars.db.broken").read_bytes() == content
    said = server.err.read_text()
    assert "put aside" in said
    assert "building" in said


def test_a_journal_of_the_old_file_is_not_played_into_the_new_one(start_uncached, tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "cars.db").write_bytes(b"x" * 5000)
    (folder / "cars.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + b"\0" * 5000)
    server = start_uncached(database=False, folder="journal")
    assert is_whole(server.database)
    assert server.get().meta["source"] == "fresh"


@pytest.mark.parametrize(
    "change", ["PRAGMA user_version = 99", "UPDATE origin SET data = 'other'", "DROP TABLE origin"]
)
def test_a_database_of_another_edition_is_built_anew(start, built_database, tmp_path, change):
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "cars.db").write_bytes(built_database.read_bytes())
    with closing(sqlite3.connect(folder / "cars.db")) as connection, connection:
        connection.execute(change)
    server = start(database=False, folder="old")
    assert "building" in server.err.read_text()
    assert is_whole(server.database)


def test_the_database_of_another_program_is_left_alone(tmp_path):
    database = tmp_path / "precious.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE precious (x)")
    before = database.read_bytes()
    server = Server(tmp_path, database, {})
    assert server.process.wait(timeout=30) == 2
    assert "another program's" in server.err.read_text()
    assert database.read_bytes() == before


def test_what_is_no_file_is_left_alone(tmp_path):
    (tmp_path / "folder" / "precious").mkdir(parents=True)
    server = Server(tmp_path, tmp_path / "folder", {})
    assert server.process.wait(timeout=30) == 2
    assert "is no file; name another file with --database" in server.err.read_text()
    assert (tmp_path / "folder" / "precious").exists()


def test_a_locked_database_does_not_hold_up_the_start(start, built_database, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    (folder / "cars.db").write_bytes(built_database.read_bytes())
    with locked(folder / "cars.db"):
        server = start(folder="locked", sqlite__busy_timeout="50ms")
        assert server.get().meta["source"] == "default"
        assert not server.ready()
    until(server.ready, what="the server to be ready")


def test_what_a_crashed_writer_left_half_done_is_taken_back(
    start_uncached, built_database, tmp_path
):
    folder = tmp_path / "crashed"
    folder.mkdir()
    (folder / "cars.db").write_bytes(built_database.read_bytes())
    crash_while_writing(folder / "cars.db")
    server = start_uncached(folder="crashed")
    assert server.err.read_text() == ""
    assert server.get().meta["source"] == "fresh"
    assert is_whole(server.database)


def test_two_servers_that_start_at_once_do_not_spoil_each_other(start_uncached):
    servers = [start_uncached(database=False, wait=False, folder="shared") for _ in range(2)]
    for server in servers:
        server.wait_until_serving()
    assert is_whole(servers[0].database)
    for server in servers:
        assert server.get().meta["source"] == "fresh"


def test_a_build_that_is_killed_leaves_nothing_that_spoils_the_next(start, tmp_path):
    folder = tmp_path / "killed"
    folder.mkdir()
    killed = Server(folder, folder / "cars.db", {})
    until(lambda: " %\n" in killed.err.read_text(), what="the build to be under way")
    killed.process.kill()
    killed.process.wait(timeout=15)
    assert not (folder / "cars.db").exists()
    assert is_whole(start(database=False, folder="killed").database)


def test_a_build_that_is_stopped_ends_at_once_and_well(tmp_path):
    server = Server(tmp_path, tmp_path / "cars.db", {})
    until(lambda: " %\n" in server.err.read_text(), what="the build to be under way")
    assert server.stop() == 0
    assert not (tmp_path / "cars.db").exists()
    assert not (tmp_path / "cars.db.building").exists()


def test_a_build_that_finds_the_disk_full_says_so_and_leaves_nothing(start, tmp_path):
    """[E5]"""
    folder = tmp_path / "full"
    folder.mkdir()
    ended = subprocess.run(
        [
            "prlimit",
            "--fsize=1000000",
            BINARY,
            "--port=0",
            f"--data={DATA}",
            f"--database={folder}/cars.db",
        ],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    *_, why = ended.stderr.partition(f"cannot build '{folder}/cars.db': ")
    assert "disk" in why
    assert [path.name for path in folder.iterdir()] == ["cars.db.lock"]
    assert is_whole(start(database=False, folder="full").database)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "name the data file with --data"),
        (b"", "header line"),
        (b"id,make\n1,Audi\n", "header line"),
        ("short row", "line 3: has 2 fields, not 11"),
        ("long row", "longer than 4 KiB"),
        ("bad price", "CHECK constraint failed"),
        ("truncated gzip", "unexpected end of file"),
    ],
)
def test_a_data_file_that_is_wrong_is_refused_by_name(tmp_path, content, complaint):
    data = tmp_path / "cars.csv"
    header = gzip.decompress(DATA.read_bytes()).partition(b"\n")[0] + b"\n"
    row = b"1,Audi,A1,2017,%s,Manual,15735,Petrol,150,55.4,1.4\n"
    contents = {
        "short row": header + row % b"1" + b"2,Audi\n",
        "long row": header + row % (b"1" * 5000),
        "bad price": header + row % b"-5",
        "truncated gzip": DATA.read_bytes()[:500_000],
    }
    if content is not None:
        data.write_bytes(contents.get(content, content))
    database = tmp_path / "cars.db"
    ended = subprocess.run(
        [BINARY, "--port=0", f"--data={data}", f"--database={database}"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == (2 if content is None else 1)
    assert complaint in ended.stderr
    assert not database.exists()
    assert not database.with_suffix(".db.building").exists()
