"""The diagnosis of a damaged data folder, and what every other command says of it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.tiny_studio import TinyStudio

Harm = Callable[[Path], None]


def execute(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def tear(database: Path) -> None:
    """What a disk leaves that gave out in the middle of a copy."""
    database.write_bytes(database.read_bytes()[:5000])


def scribble(database: Path) -> None:
    database.write_text("once upon a time" * 1000, encoding="utf-8")


def update(database: Path) -> None:
    execute(database, "PRAGMA user_version=999")


def exchange(database: Path) -> None:
    """Another program's database has come into its place, one that numbers its formats too."""
    database.unlink()
    execute(database, "CREATE TABLE birds (name)", "PRAGMA user_version=1")


def exchange_unnumbered(database: Path) -> None:
    database.unlink()
    execute(database, "CREATE TABLE birds (name)")


def fold(database: Path) -> None:
    """A folder stands where the file should."""
    database.unlink()
    database.mkdir()


HARMS: dict[Harm, str] = {
    tear: "studio.db is damaged",
    scribble: "studio.db is damaged",
    update: "studio.db was written by a newer version",
    exchange: "studio.db is damaged or is not a studio database",
    exchange_unnumbered: "studio.db is damaged or is not a studio database",
    fold: "studio.db cannot be opened",
}


@pytest.fixture(params=HARMS, ids=lambda harm: harm.__name__)
def harm(request: pytest.FixtureRequest, studio: TinyStudio) -> Harm:
    """What has been done to the database of ``studio``."""
    studio.fill("rows", 3)
    harm: Harm = request.param
    harm(studio.folder / "studio.db")
    return harm


def test_a_database_that_cannot_be_used_is_diagnosed_in_words(
    harm: Harm, studio: TinyStudio
) -> None:
    for told in (studio("doctor"), studio("doctor", "--lang", "zh")):
        assert (told.code, told.err) == (0, "")
        assert "/" not in told.json["database"]
        assert told.json["engine"]["device"] == "cpu"
        assert (told.json["models"], told.json["datasets"], told.json["runs"]) == (None,) * 3
    assert studio("doctor").json["database"].startswith(HARMS[harm])
    assert HARMS[harm] in studio.say("doctor").out


def test_every_other_command_refuses_it_and_leaves_it_as_it_is(
    harm: Harm, studio: TinyStudio
) -> None:
    database = studio.folder / "studio.db"
    before = database.read_bytes() if database.is_file() else None
    for words in (
        ("data", "list"),
        ("model", "list"),
        ("run", "list"),
        ("cost", "--model", studio.model, "--method", "lora", "--dataset", "rows"),
        studio.order("rows"),
        ("ui", "--no-browser", "--port", "0"),
    ):
        refused = studio(*words)
        assert (refused.code, refused.out) == (1, "")
        assert str(database) in refused.sentence
        assert "Traceback" not in refused.err
    assert (database.read_bytes() if database.is_file() else None) == before


def test_damage_that_only_a_check_finds_is_diagnosed_with_its_place(studio: TinyStudio) -> None:
    studio.fill("rows", 3)
    execute(studio.folder / "studio.db", "INSERT INTO learned VALUES ('no run', 7)")
    told = studio("doctor").json
    assert told["database"].startswith("studio.db is damaged")
    assert "foreign key: learned" in told["database"]
    assert told["datasets"] == 1


def test_folders_that_are_gone_and_files_that_hold_nothing_are_no_obstacle(
    studio: TinyStudio,
) -> None:
    studio.fill("rows", 3)
    run = studio.train("rows").lines[0]["run"]
    (studio.folder / "desk.json").write_bytes(b"\xff{")
    for name in ("exports", "locks", "models", "uploads"):
        shutil.rmtree(studio.folder / name)
    for name in ("events.jsonl", "recipe.json", "process.json"):
        (studio.folder / "runs" / run / name).write_bytes(b"\x00\xff[")
    told = studio("doctor")
    assert (told.code, told.err, told.json["database"]) == (0, "", "ok")
    assert (told.json["datasets"], told.json["runs"]) == (1, 1)
    shutil.rmtree(studio.folder / "runs")
    assert studio("doctor").json["runs"] == 1
