"""Writers that are killed at any moment, and writers that write at once.

A child acknowledges a change by a line in a pipe once the store has returned. Whatever has been
acknowledged must be there afterwards; of an import, all rows or none.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import Refusal
from studio.core.rows import NewRow
from studio.store.database import Database
from studio.store.row_values import Change, Query
from studio.store.rows import Rows
from tests.store.processes import exit_code, in_child
from tests.store.sample_rows import EVERYTHING, Shelf, ready

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs forks")

IMPORT = 40
Say = Callable[..., None]


class Witness:
    """What killed writers said that they were about to do, and that they had done."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.kills = 0

    def hear(self, work: Callable[[Say], None], seconds: float) -> None:
        """Let a child do ``work`` until it is killed after so many seconds."""
        reading, writing = os.pipe()

        def say(**facts: Any) -> None:
            os.write(writing, json.dumps(facts).encode() + b"\n")

        child = in_child(lambda: work(say))
        os.close(writing)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        assert exit_code(child) == -signal.SIGKILL
        with os.fdopen(reading, "rb") as lines:
            self.said += [json.loads(line) for line in lines]
        self.kills += 1

    def count(self, what: str) -> int:
        return sum(1 for fact in self.said if fact["what"] == what and fact["done"])


def write_until_killed(path: Path, dataset: str, seed: int, say: Say) -> None:
    rows = Rows(Database(path))
    ids = [row.id for row in rows.page(dataset, Query(limit=20)).rows]
    chance = random.Random(seed)
    for number in range(EVERYTHING):
        wish = f"{seed}-{number}"
        if chance.random() < 0.1:
            say(what="import", wish=wish, done=False)
            drafts = (ready(1000 * seed + n, f"import {wish}") for n in range(IMPORT))
            rows.add(dataset, drafts, key=wish)
            say(what="import", wish=wish, done=True)
        else:
            row = rows.get(chance.choice(ids))
            say(what="edit", wish=wish, row=row.id, done=False)
            rows.save(row.id, Change(notes=wish), revision=row.revision, key=wish)
            say(what="edit", wish=wish, row=row.id, done=True)


def last_wishes(witness: Witness) -> dict[str, set[str]]:
    """For each edited row, what may stand there now: the last acknowledged text, or one since."""
    wishes: dict[str, set[str]] = {}
    for fact in witness.said:
        if fact["what"] == "edit":
            known = wishes.setdefault(fact["row"], {""})
            if fact["done"]:
                known.clear()
            known.add(fact["wish"])
    return wishes


@pytest.mark.parametrize(
    ("edits", "imports"), [(60, 4), pytest.param(500, 20, marks=pytest.mark.slow)]
)
def test_what_a_killed_writer_had_saved_is_there(tmp_path: Path, edits: int, imports: int) -> None:
    shelf, witness = Shelf(Database(tmp_path / "studio.db")), Witness()
    shelf.add(*(ready(number) for number in range(20)))
    chance = random.Random(edits)
    while witness.count("edit") < edits or witness.count("import") < imports or witness.kills < 2:
        work = partial(write_until_killed, shelf.database.path, shelf.dataset, witness.kills)
        witness.hear(work, chance.uniform(0.02, 0.6))
        assert shelf.database.problems() == ()
    assert witness.kills > 1

    rows = shelf.living()
    for row in rows[:20]:
        assert row.notes in last_wishes(witness).get(row.id, {""})
    found: dict[str, int] = {}
    for row in rows[20:]:
        found[row.body.response] = found.get(row.body.response, 0) + 1
    assert set(found.values()) == {IMPORT}
    acknowledged = {f["wish"] for f in witness.said if f["what"] == "import" and f["done"]}
    assert {f"import {wish}" for wish in acknowledged} <= set(found)


def test_a_wish_that_was_cut_off_can_be_repeated(tmp_path: Path) -> None:
    shelf, witness = Shelf(Database(tmp_path / "studio.db")), Witness()
    for attempt in range(1, 9):
        drafts = [ready(100 * attempt + number) for number in range(30)]
        witness.hear(partial(add_and_wait, shelf, drafts, str(attempt)), 0.006 * attempt)
        shelf.rows.add(shelf.dataset, drafts, key=str(attempt))
        assert len(shelf.living()) == 30 * attempt


def add_and_wait(shelf: Shelf, drafts: list[NewRow], key: str, _: Say) -> None:
    shelf.rows.add(shelf.dataset, drafts, key=key)
    time.sleep(60)


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    shelf = Shelf(Database(tmp_path / "studio.db"))
    (row,) = shelf.add(ready(0))
    shelf.save(row, Change(notes="0"))

    def work(name: int) -> None:
        for number in range(25):
            key = f"{name}-{number}"
            shelf.rows.add(shelf.dataset, [ready(1000 * name + number)], key=key)
            count_up(shelf.rows, row.id, key)

    children = [in_child(partial(work, name)) for name in (1, 2)]
    assert [exit_code(child) for child in children] == [0, 0]
    assert shelf.rows.get(row.id).notes == "50"
    assert len(shelf.living()) == 51
    assert shelf.database.problems() == ()


def count_up(rows: Rows, row_id: str, key: str) -> None:
    """Add one to the number in a row's notes, again and again if another was faster."""
    for attempt in range(EVERYTHING):
        row = rows.get(row_id)
        change = Change(notes=str(int(row.notes) + 1))
        try:
            rows.save(row_id, change, revision=row.revision, key=f"{key}-{attempt}")
        except Refusal as error:
            if error.key != "rows.changed_elsewhere":
                raise
        else:
            return
