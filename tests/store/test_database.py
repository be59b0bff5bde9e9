import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from studio.core.errors import Fault, Refusal, StudioError, UserMistake
from studio.store.database import Database
from tests.store.processes import exit_code
from tests.store.sample_rows import Shelf, ready, shelf_in


class SmallDatabase(Database):
    """A database on a disk with room for so many pages."""

    pages = 1 << 30

    def _connect(self) -> sqlite3.Connection:
        connection = super()._connect()
        connection.execute(f"PRAGMA max_page_count={self.pages}")
        return connection


def pages_of(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


def note(database: Database, text: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO erased VALUES (?, 1, 0)", (text,))


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return [line[0] for line in connection.execute("SELECT run FROM erased ORDER BY run")]


def refusal(database: Database) -> StudioError:
    with pytest.raises(StudioError) as caught:
        note(database, "more")
    return caught.value


def test_a_database_that_nobody_uses_touches_no_file(tmp_path: Path) -> None:
    Database(tmp_path / "data" / "studio.db")
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_what_is_made(tmp_path: Path) -> None:
    database = Database(tmp_path / "data" / "studio.db")
    assert notes(database) == []
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    assert [path.name for path in database.path.parent.iterdir()] == ["studio.db"]


def test_a_transaction_is_durable_and_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    wanted = {"journal_mode": "delete", "synchronous": 3, "secure_delete": 1, "foreign_keys": 1}
    with database.write() as connection:
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in wanted}
    assert found == wanted


def test_what_was_written_is_there_for_another(tmp_path: Path) -> None:
    note(Database(tmp_path / "studio.db"), "a")
    assert notes(Database(tmp_path / "studio.db")) == ["a"]


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")

    def stumble() -> None:
        with database.write() as connection:
            connection.execute("INSERT INTO erased VALUES ('a', 1, 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert notes(database) == []


def test_reading_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    with pytest.raises(Refusal, match=r"store\.read_only"), database.read() as connection:
        connection.execute("INSERT INTO erased VALUES ('a', 1, 0)")
    assert notes(database) == []


def test_a_reader_sees_one_state(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    note(database, "a")
    with database.read() as connection:
        assert connection.execute("SELECT COUNT(*) FROM erased").fetchone()[0] == 1
        writer = threading.Thread(target=note, args=(database, "b"))
        writer.start()
        writer.join(0.1)
        assert connection.execute("SELECT COUNT(*) FROM erased").fetchone()[0] == 1
    writer.join()
    assert notes(database) == ["a", "b"]


def test_a_broken_rule_of_the_schema_is_our_own_mistake(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    note(database, "a")
    with pytest.raises(sqlite3.IntegrityError):
        note(database, "a")


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    with pytest.raises(UserMistake) as caught:
        note(database, "ab\ud800")
    assert caught.value.facts == {"position": 2}


def test_a_deleted_file_does_not_come_back_empty(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    note(database, "a")
    database.path.unlink()
    assert refusal(database).key == "store.cannot_open"
    assert not database.path.exists()


def test_a_place_that_cannot_hold_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refusal) as caught:
        Database(tmp_path / "file" / "studio.db").prepare()
    assert caught.value.key == "store.cannot_open"
    assert caught.value.facts["path"].endswith("studio.db")


def test_another_kind_of_file_is_named_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    path.write_text("once upon a time" * 1000, encoding="utf-8")
    with pytest.raises(Refusal, match=r"store\.damaged"):
        Database(path).prepare()
    assert path.read_text(encoding="utf-8").startswith("once")


def test_a_writer_that_never_ends_is_not_waited_for_forever(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db", patience=0.05)
    with database.write():
        assert refusal(database).key == "store.busy"
    note(database, "a")


def test_nor_is_another_program(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db", patience=0.05)
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        assert refusal(database).key == "store.busy"
    note(database, "a")


def test_problems_are_found(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    assert shelf.database.problems() == ()
    with closing(sqlite3.connect(shelf.database.path)) as connection, connection:
        connection.execute("INSERT INTO learned VALUES ('no run', 7)")
    assert len(shelf.database.problems()) == 2


def test_an_index_that_lost_a_row_is_found(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path)
    shelf.add(*(ready(number) for number in range(3)))
    with closing(sqlite3.connect(shelf.database.path)) as connection, connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name='row_similar'"
        ).fetchone()[0]
    data = bytearray(shelf.database.path.read_bytes())
    data[(root - 1) * 4096 + 4] -= 1
    shelf.database.path.write_bytes(data)
    assert shelf.database.problems() != ()


def test_a_full_disk_costs_nothing_that_was_saved(tmp_path: Path) -> None:
    shelf = Shelf(SmallDatabase(tmp_path / "studio.db"))
    saved = shelf.add(*(ready(number) for number in range(20)))
    assert isinstance(shelf.database, SmallDatabase)
    drafts = [ready(number, "long " * 500) for number in range(100, 130)]
    refused = 0
    while True:
        shelf.database.pages = pages_of(shelf.database) + 4 * refused
        try:
            shelf.rows.add(shelf.dataset, drafts, key="import")
        except Refusal as error:
            refused += error.key == "store.disk_full"
            assert shelf.living() == saved
            assert shelf.database.problems() == ()
        else:
            break
    assert refused > 5
    assert len(shelf.living()) == 50


def test_a_disk_that_stays_full_refuses_each_time(tmp_path: Path) -> None:
    shelf = Shelf(SmallDatabase(tmp_path / "studio.db"))
    saved = shelf.add(*(ready(number) for number in range(20)))
    assert isinstance(shelf.database, SmallDatabase)
    shelf.database.pages = pages_of(shelf.database)
    for attempt in range(10):
        with pytest.raises(Refusal, match=r"store\.disk_full"):
            shelf.add(ready(100 + attempt, "long " * 10_000))
    assert shelf.living() == saved
    assert shelf.database.problems() == ()


@pytest.mark.skipif(os.name == "nt", reason="needs limits")
def test_after_a_failed_write_nothing_is_acknowledged_any_more(tmp_path: Path) -> None:
    shelf = Shelf(Database(tmp_path / "studio.db"))
    saved = shelf.add(ready(1))

    with no_file_above(100_000), pytest.raises(Refusal, match=r"store\.disk_failed"):
        shelf.add(*(ready(number, "long " * 500) for number in range(200)))
    with pytest.raises(Refusal, match=r"store\.disk_failed"):
        shelf.add(ready(2))
    assert shelf.living() == saved
    assert shelf.database.problems() == ()
    assert Shelf(Database(shelf.database.path)).add(ready(2)) != []


@contextmanager
def no_file_above(limit: int) -> Iterator[None]:
    """Let every write beyond so many bytes of a file fail."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(os.name == "nt", reason="needs forks")
def test_a_transaction_is_not_carried_into_a_child(tmp_path: Path) -> None:
    database = Database(tmp_path / "studio.db")
    child = -1
    try:
        with database.write() as connection:
            connection.execute("INSERT INTO erased VALUES ('parent', 1, 0)")
            child = os.fork()
            if child:
                assert exit_code(child) == 17
    except Fault as error:
        if child:
            raise
        os._exit(17 if error.key == "store.forked" else 1)
    assert notes(database) == ["parent"]
    assert database.problems() == ()
