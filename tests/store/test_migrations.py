import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from studio.core.errors import Refusal
from studio.store.database import Database
from studio.store.migrations import back_up
from studio.store.schema import STEPS
from tests.store.sample_rows import Shelf, ready

NEXT = (*STEPS, ("CREATE TABLE next (a)", "INSERT INTO next SELECT COUNT(*) FROM rows"))


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of the first version with three rows."""
    Shelf(Database(tmp_path / "studio.db")).add(*(ready(number) for number in range(3)))
    return tmp_path / "studio.db"


def test_a_new_file_is_of_the_newest_version_and_needs_no_copy(path: Path) -> None:
    assert version_of(path) == len(STEPS)
    assert not (path.parent / "backups").exists()


def test_a_step_keeps_the_rows_and_leaves_a_copy_from_before(path: Path) -> None:
    database = Database(path, steps=NEXT)
    database.prepare()
    copy = path.parent / "backups" / "studio.v1.db"
    assert version_of(path) == 2
    assert count(path, "rows") == 3
    assert version_of(copy) == 1
    assert count(copy, "rows") == 3
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert database.problems() == ()


def test_opening_again_takes_no_step(path: Path) -> None:
    Database(path, steps=NEXT).prepare()
    copy = path.parent / "backups" / "studio.v1.db"
    copy.unlink()
    Database(path, steps=NEXT).prepare()
    assert not copy.exists()


def test_a_step_that_fails_changes_nothing(path: Path) -> None:
    broken = (*STEPS, ("CREATE TABLE next (a)", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(sqlite3.OperationalError):
        Database(path, steps=broken).prepare()
    assert version_of(path) == 1
    assert count(path, "sqlite_schema WHERE name = 'next'") == 0
    Database(path, steps=NEXT).prepare()
    assert version_of(path) == 2


def test_a_newer_file_is_refused_and_left_untouched(path: Path) -> None:
    Database(path, steps=NEXT).prepare()
    before = path.read_bytes()
    with pytest.raises(Refusal) as caught:
        Database(path).prepare()
    assert caught.value.key == "store.newer"
    assert (caught.value.facts["found"], caught.value.facts["known"]) == (2, 1)
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_a_database_of_another_program_is_refused_and_left_untouched(
    version: int, tmp_path: Path
) -> None:
    path = tmp_path / "studio.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE birds (name)")
        connection.execute(f"PRAGMA user_version={version}")
    before = path.read_bytes()
    with pytest.raises(Refusal, match=r"store\.damaged"):
        Database(path).prepare()
    assert path.read_bytes() == before


def test_a_damaged_file_takes_no_step(path: Path) -> None:
    data = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'row_similar'"
        ).fetchone()[0]
    data[(root - 1) * 4096 + 4] -= 1  # the index has lost a row
    path.write_bytes(data)
    with pytest.raises(Refusal) as caught:
        Database(path, steps=NEXT).prepare()
    assert caught.value.key == "store.damaged"
    assert version_of(path) == 1
    assert list((path.parent / "backups").iterdir()) == []


def test_a_step_is_taken_once_however_many_come(path: Path) -> None:
    errors: list[Exception] = []
    together = threading.Barrier(6)

    def open_it() -> None:
        together.wait()
        try:
            Database(path, steps=NEXT).prepare()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert count(path, "next") == 1


def test_a_copy_made_while_others_write_is_whole(path: Path) -> None:
    shelf = Shelf(Database(path))
    stop = threading.Event()

    def write() -> None:
        number = 100
        while not stop.is_set():
            shelf.add(ready(number), ready(number + 1))
            number += 2

    writer = threading.Thread(target=write)
    writer.start()
    copies = [path.parent / f"copy{number}.db" for number in range(5)]
    for copy in copies:
        back_up(path, copy)
    stop.set()
    writer.join()
    assert [count(copy, "rows") % 2 for copy in copies] == [1] * 5
    assert all(Database(copy).problems() == () for copy in copies)


def test_a_file_that_was_switched_to_wal_is_switched_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    Database(path).prepare()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
