"""Long random lives of a dataset, beside a model in plain Python."""

import random
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import Body, NewRow, Row, Split, Status
from studio.core.splits import group_of, split_of
from studio.store.datasets import Datasets
from studio.store.row_values import Change, Saved
from studio.store.versions import Versions
from tests.store.sample_rows import Shelf, new_key, shelf_in

QUESTIONS = [f"{dress} {word}?" for word in "abcdefgh" for dress in ("What is", "WHAT, is")]


@dataclass(slots=True)
class Line:
    """What the model knows of a row."""

    id: str
    body: Body
    status: Status
    split: Split
    notes: str = ""
    trashed: bool = False

    @property
    def group(self) -> str:
        return group_of(self.body)


@dataclass(slots=True)
class Model:
    """What rows, undo and redo are meant to be."""

    salt: str
    lines: list[Line] = field(default_factory=list)
    done: list[list[Line]] = field(default_factory=list)
    undone: list[list[Line]] = field(default_factory=list)

    def line(self, row_id: str) -> Line:
        return next(line for line in self.lines if line.id == row_id)

    def settle(self, before: list[Line]) -> None:
        """After a change: near-duplicates together, and one more thing to undo."""
        known = {line.id: line for line in before}
        changed = [line for line in self.lines if known.get(line.id) != line]
        for group in {line.group for line in changed}:
            living = [line for line in self.lines if line.group == group and not line.trashed]
            order = sorted(living, key=lambda line: (line.split is Split.EXAM, line in changed))
            for line in living:
                line.split = order[0].split
        if self.lines != before:
            self.done.append(before)
            self.undone.clear()

    def undo(self) -> None:
        after, known = deepcopy(self.lines), {line.id: line for line in self.done.pop()}
        self.lines = [known.get(line.id, replace(line, trashed=True)) for line in self.lines]
        self.undone.append(after)

    def redo(self) -> None:
        self.done.append(self.lines)
        self.lines = self.undone.pop()


class Life:
    """A dataset and its model, to which the same things happen."""

    def __init__(self, shelf: Shelf, seed: int) -> None:
        self.shelf = shelf
        self.random = random.Random(seed)
        self.model = Model(Datasets(shelf.database).get(shelf.dataset).salt)
        self.saves: list[tuple[str, Change, int, str, Saved]] = []

    def body(self) -> Body:
        return Body.pair(self.random.choice(QUESTIONS), f"Answer {self.random.random()}")

    def some(self) -> list[str]:
        count = self.random.randint(1, 4)
        return [line.id for line in self.random.sample(self.model.lines, count)]

    def step(self) -> None:
        if len(self.model.lines) < 5:
            return self.add()
        acts = [self.add, self.save, self.save, self.save_again, self.duplicate, self.trash]
        acts += [self.restore, self.set_status, self.undo, self.undo, self.redo, self.redo]
        self.random.choice(acts)()
        return None

    def add(self) -> None:
        before = deepcopy(self.model.lines)
        splits = [None, None, None, *Split]
        drafts = [
            NewRow(self.body(), self.random.choice(list(Status)), self.random.choice(splits))
            for _ in range(self.random.randint(1, 3))
        ]
        done = self.shelf.rows.add(self.shelf.dataset, drafts, key=new_key())
        self.append(list(done.ids), drafts)
        self.model.settle(before)

    def append(self, ids: list[str], drafts: list[NewRow]) -> None:
        living = [line for line in self.model.lines if not line.trashed]
        examined = {line.group for line in living if line.split is Split.EXAM}
        for row_id, draft in zip(ids, drafts, strict=True):
            group = group_of(draft.body)
            place = Split.TRAIN if group in examined else split_of(self.model.salt, group)
            line = Line(row_id, draft.body, draft.status, draft.split or place, draft.notes)
            self.model.lines.append(line)

    def duplicate(self) -> None:
        line = self.random.choice(self.model.lines)
        if line.trashed:
            return
        before = deepcopy(self.model.lines)
        done = self.shelf.rows.duplicate(line.id, key=new_key())
        self.append(list(done.ids), [NewRow(line.body, notes=line.notes)])
        self.model.settle(before)

    def save(self) -> None:
        line = self.random.choice(self.model.lines)
        if line.trashed:
            return
        before = deepcopy(self.model.lines)
        change = self.random.choice(
            [
                Change(body=self.body()),
                Change(notes=str(self.random.random())),
                Change(status=self.random.choice(list(Status))),
                Change(split=self.random.choice(list(Split)), body=self.body()),
                Change(),
            ]
        )
        revision, key = self.shelf.rows.get(line.id).revision, new_key()
        saved = self.shelf.rows.save(line.id, change, revision=revision, key=key)
        self.saves.append((line.id, change, revision, key, saved))
        for name, value in change.given().items():
            setattr(line, name, value)
        if change.split is not None:
            for other in self.model.lines:
                if other.group == line.group and not other.trashed:
                    other.split = change.split
        self.model.settle(before)

    def save_again(self) -> None:
        if self.saves:
            row_id, change, revision, key, first = self.random.choice(self.saves)
            again = self.shelf.rows.save(row_id, change, revision=revision, key=key)
            assert again.row == first.row
            assert again.outcome.ids == first.outcome.ids

    def trash(self) -> None:
        self.sweep(self.shelf.rows.trash(ids := self.some()).kind, ids, "trashed", True)

    def restore(self) -> None:
        self.sweep(self.shelf.rows.restore(ids := self.some()).kind, ids, "trashed", False)

    def set_status(self) -> None:
        ids, status = self.some(), self.random.choice(list(Status))
        kind = self.shelf.rows.set_status(ids, status).kind
        ids = [row_id for row_id in ids if not self.model.line(row_id).trashed]
        self.sweep(kind, ids, "status", status)

    def sweep(self, kind: str, ids: list[str], name: str, value: object) -> None:
        before = deepcopy(self.model.lines)
        for row_id in ids:
            setattr(self.model.line(row_id), name, value)
        assert (kind == "nothing") == (before == self.model.lines)
        if name == "trashed" and value is True:
            self.model.done.extend([before] if before != self.model.lines else [])
            if before != self.model.lines:
                self.model.undone.clear()
            return
        self.model.settle(before)

    def undo(self) -> None:
        if self.model.done:
            self.shelf.rows.undo(self.shelf.dataset)
            self.model.undo()
        else:
            with pytest.raises(UserMistake, match=r"rows\.nothing_to_undo"):
                self.shelf.rows.undo(self.shelf.dataset)

    def redo(self) -> None:
        if self.model.undone:
            self.shelf.rows.redo(self.shelf.dataset)
            self.model.redo()
        else:
            with pytest.raises(UserMistake, match=r"rows\.nothing_to_redo"):
                self.shelf.rows.redo(self.shelf.dataset)

    def check(self) -> None:
        living, trashed = self.shelf.living(), self.shelf.trashed()
        assert [as_line(row) for row in living] == [n for n in self.model.lines if not n.trashed]
        assert [as_line(row, trashed=True) for row in trashed] == [
            line for line in self.model.lines if line.trashed
        ]
        splits = {row.group: row.split for row in living}
        assert all(splits[row.group] is row.split for row in living)
        assert all(row.group == group_of(row.body) for row in living + trashed)


def as_line(row: Row, *, trashed: bool = False) -> Line:
    return Line(row.id, row.body, row.status, row.split, row.notes, trashed)


@pytest.mark.parametrize("seed", range(4))
def test_500_random_operations_do_what_they_mean(tmp_path: Path, seed: int) -> None:
    life = Life(shelf_in(tmp_path), seed)
    for _ in range(500):
        life.step()
        life.check()
    assert life.shelf.database.problems() == ()


@pytest.mark.parametrize("seed", range(3))
def test_every_version_of_a_random_life_can_be_restored(tmp_path: Path, seed: int) -> None:
    life = Life(shelf_in(tmp_path), 100 + seed)
    versions, dataset = Versions(life.shelf.database), life.shelf.dataset
    pins = []
    for number in range(200):
        life.step()
        if number % 10 == 0:
            pins.append(versions.pin(dataset))
    life.random.shuffle(pins)
    for pin in pins:
        before = life.shelf.living() + life.shelf.trashed()
        bodies = {(row.id, row.body, row.status) for row in before}
        versions.restore(dataset, pin.version.version)
        restored = life.shelf.rows.ready(dataset)
        assert [row.body for row in restored] == [row.body for row in pin.rows]
        assert [row.split for row in restored] == [row.split for row in pin.rows]
        assert versions.current(dataset) == pin.version.version
        if life.random.random() < 0.5:
            life.shelf.rows.undo(dataset)
            after = life.shelf.living() + life.shelf.trashed()
            assert {(row.id, row.body, row.status) for row in after} == bodies
    assert life.shelf.database.problems() == ()
