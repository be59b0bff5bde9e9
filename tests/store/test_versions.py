from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import NewRow, Split, Status, dataset_version
from studio.store.row_values import Change
from studio.store.versions import Versions
from tests.store.sample_rows import Shelf, ask, ready, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return shelf_in(tmp_path)


@pytest.fixture
def versions(shelf: Shelf) -> Versions:
    return Versions(shelf.database)


def test_the_version_is_that_of_the_ready_rows(shelf: Shelf, versions: Versions) -> None:
    assert versions.current(shelf.dataset) == dataset_version([])
    rows = shelf.add(ready(1), NewRow(ask(2)), ready(3))
    assert versions.current(shelf.dataset) == dataset_version(rows)
    assert versions.current(shelf.dataset) == Versions(shelf.database).current(shelf.dataset)


def test_a_version_that_was_written_down_is_known_to_others(shelf: Shelf) -> None:
    shelf.add(ready(1))
    pin = Versions(shelf.database).pin(shelf.dataset)
    assert Versions(shelf.database).current(shelf.dataset) == pin.version.version
    shelf.add(ready(2))
    assert Versions(shelf.database).current(shelf.dataset) != pin.version.version


def test_notes_and_drafts_do_not_count(shelf: Shelf, versions: Versions) -> None:
    row, draft = shelf.add(ready(1), NewRow(ask(2)))
    version = versions.current(shelf.dataset)
    shelf.save(row, Change(notes="n", tags=("t",)))
    shelf.save(draft, Change(body=ask(5)))
    assert versions.current(shelf.dataset) == version


@pytest.mark.parametrize(
    "change",
    [
        Change(body=ask(1, "new")),
        Change(status=Status.FLAGGED),
        Change(split=Split.EXAM),
    ],
)
def test_what_trains_counts(shelf: Shelf, versions: Versions, change: Change) -> None:
    row, _ = shelf.add(ready(1), ready(2))
    version = versions.current(shelf.dataset)
    shelf.save(row, change)
    assert versions.current(shelf.dataset) != version
    shelf.rows.undo(shelf.dataset)
    assert versions.current(shelf.dataset) == version


def test_a_pin_holds_the_rows_that_it_is_the_hash_of(shelf: Shelf, versions: Versions) -> None:
    rows = shelf.add(ready(1), ready(2))
    pin = versions.pin(shelf.dataset)
    assert pin.rows == tuple(rows)
    assert pin.version.version == dataset_version(rows)
    assert (pin.version.rows, pin.version.erased) == (2, 0)


def test_a_version_is_written_down_as_it_is_pinned(shelf: Shelf, versions: Versions) -> None:
    shelf.add(ready(1), ready(2), NewRow(ask(3)))
    written = versions.write_down(shelf.dataset)
    pinned = versions.pin(shelf.dataset).version
    assert (written.version, written.rows) == (pinned.version, pinned.rows)
    assert versions.list(shelf.dataset) == (pinned,)


def test_pinned_versions_are_listed_latest_first(shelf: Shelf, versions: Versions) -> None:
    pins = []
    for number in range(3):
        shelf.add(ready(number))
        pins.append(versions.pin(shelf.dataset).version)
    assert versions.list(shelf.dataset) == tuple(reversed(pins))


def test_the_same_version_is_listed_once(shelf: Shelf, versions: Versions) -> None:
    shelf.add(ready(1))
    versions.pin(shelf.dataset)
    shelf.add(NewRow(ask(2)))
    again = versions.pin(shelf.dataset).version
    assert versions.list(shelf.dataset) == (again,)


def test_a_restored_version_is_the_current_one(shelf: Shelf, versions: Versions) -> None:
    kept, edited, trashed, redrafted = shelf.add(*(ready(number) for number in range(4)))
    draft = shelf.add(NewRow(ask(10)))[0]
    pin = versions.pin(shelf.dataset)
    shelf.save(edited, Change(body=ask(1, "changed"), notes="n"))
    shelf.rows.trash([trashed.id])
    shelf.save(redrafted, Change(status=Status.DRAFT))
    shelf.save(draft, Change(body=ask(10, "grown"), status=Status.READY))
    (late,) = shelf.add(ready(20))
    done = versions.restore(shelf.dataset, pin.version.version[:10], author="Ada")
    assert done.kind == "restore_version"
    assert versions.current(shelf.dataset) == pin.version.version
    assert [row.body for row in shelf.rows.ready(shelf.dataset)] == [r.body for r in pin.rows]
    assert shelf.rows.get(kept.id).revision == 1
    assert shelf.rows.get(late.id).status is Status.DRAFT
    assert shelf.rows.get(draft.id).body == ask(10, "grown")
    assert shelf.rows.history(edited.id)[-1].author == "Ada"


def test_a_row_that_lay_in_the_trash_then_becomes_a_draft(shelf: Shelf, versions: Versions) -> None:
    row, _ = shelf.add(ready(1), ready(2))
    shelf.rows.trash([row.id])
    pin = versions.pin(shelf.dataset)
    shelf.rows.restore([row.id])
    versions.restore(shelf.dataset, pin.version.version)
    assert shelf.rows.get(row.id).status is Status.DRAFT
    assert shelf.trashed() == []
    assert versions.current(shelf.dataset) == pin.version.version


def test_going_back_can_be_undone(shelf: Shelf, versions: Versions) -> None:
    (row,) = shelf.add(ready(1))
    pin = versions.pin(shelf.dataset)
    shelf.save(row, Change(body=ask(1, "changed")))
    shelf.add(ready(2))
    before = [(row.id, row.body, row.status) for row in shelf.living()]
    versions.restore(shelf.dataset, pin.version.version)
    shelf.rows.undo(shelf.dataset)
    assert [(row.id, row.body, row.status) for row in shelf.living()] == before


def test_going_back_twice_with_one_key_is_done_once(shelf: Shelf, versions: Versions) -> None:
    (row,) = shelf.add(ready(1))
    pin = versions.pin(shelf.dataset)
    shelf.save(row, Change(body=ask(1, "changed")))
    first = versions.restore(shelf.dataset, pin.version.version, key="k")
    late = shelf.save(shelf.rows.get(row.id), Change(body=ask(1, "again")))
    assert versions.restore(shelf.dataset, pin.version.version, key="k") == first
    assert shelf.rows.get(row.id) == late


def test_rows_outside_of_the_version_follow_its_splits(shelf: Shelf, versions: Versions) -> None:
    (row,) = shelf.add(NewRow(ask(1), Status.READY, Split.EXAM))
    pin = versions.pin(shelf.dataset)
    (draft,) = shelf.add(NewRow(ask(1), Status.DRAFT))
    assert shelf.rows.get(row.id).split is Split.TRAIN
    versions.restore(shelf.dataset, pin.version.version)
    assert shelf.rows.get(row.id).split is shelf.rows.get(draft.id).split is Split.EXAM


@pytest.mark.parametrize("wanted", ["", "nonsense", "%"])
def test_an_unknown_version_is_refused(shelf: Shelf, versions: Versions, wanted: str) -> None:
    shelf.add(ready(1))
    versions.pin(shelf.dataset)
    with pytest.raises(UserMistake, match=r"versions\.unknown"):
        versions.restore(shelf.dataset, wanted)
