"""Rows that ask the same stay in one split, whatever happens to them."""

from pathlib import Path

import pytest

from studio.core.rows import Body, NewRow, Row, Split, Status
from studio.core.splits import group_of, split_of
from studio.store.datasets import Datasets
from studio.store.row_values import Change
from tests.store.sample_rows import Shelf, shelf_in

FEVER, FEVER_AGAIN = "What is fever?", "what is  FEVER"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return shelf_in(tmp_path)


def question(text: str, split: Split | None = None) -> NewRow:
    return NewRow(Body.pair(text, "An answer."), Status.READY, split)


def splits(shelf: Shelf) -> list[Split]:
    return [row.split for row in shelf.living()]


def exam(shelf: Shelf) -> Row:
    (row,) = shelf.add(question(FEVER, Split.EXAM))
    return row


def test_a_row_made_from_an_exam_question_takes_it_out_of_the_exam(shelf: Shelf) -> None:
    row = exam(shelf)
    done = shelf.rows.add(shelf.dataset, [question(FEVER_AGAIN)], key="k")
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]
    assert [freed.id for freed in done.freed] == [row.id]
    assert done.freed[0].split is Split.TRAIN
    assert done.ids == (shelf.living()[1].id,)
    assert shelf.rows.add(shelf.dataset, [question(FEVER_AGAIN)], key="k") == done


def test_what_is_made_from_an_exam_question_learns_whatever_the_hash_says(shelf: Shelf) -> None:
    salt = Datasets(shelf.database).get(shelf.dataset).salt
    texts = (f"What is fever {number}?" for number in range(1000))
    text = next(t for t in texts if split_of(salt, group_of(question(t).body)) is Split.CHECK)
    shelf.add(question(text, Split.EXAM))
    shelf.add(question(text))
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]


def test_a_copy_of_an_exam_question_takes_it_out_of_the_exam(shelf: Shelf) -> None:
    row = exam(shelf)
    assert [freed.id for freed in shelf.rows.duplicate(row.id, key="k").freed] == [row.id]
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]


def test_more_exam_rows_of_one_question_stay_in_the_exam(shelf: Shelf) -> None:
    exam(shelf)
    done = shelf.rows.add(shelf.dataset, [question(FEVER_AGAIN, Split.EXAM)], key="k")
    assert splits(shelf) == [Split.EXAM, Split.EXAM]
    assert done.moved == ()


def test_a_question_that_is_learned_from_cannot_join_the_exam(shelf: Shelf) -> None:
    shelf.add(question(FEVER, Split.TRAIN))
    done = shelf.rows.add(shelf.dataset, [question(FEVER_AGAIN, Split.EXAM)], key="k")
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]
    assert done.freed == ()


def test_one_import_that_parts_a_question_is_set_right(shelf: Shelf) -> None:
    shelf.add(question(FEVER, Split.EXAM), question(FEVER_AGAIN, Split.CHECK))
    assert splits(shelf) == [Split.CHECK, Split.CHECK]


def test_new_rows_join_the_ones_that_ask_the_same(shelf: Shelf) -> None:
    shelf.add(question(FEVER, Split.CHECK))
    shelf.add(question(FEVER_AGAIN, Split.TRAIN), question(FEVER_AGAIN))
    assert splits(shelf) == [Split.CHECK] * 3


def test_the_question_may_still_examine_in_another_dataset(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = shelf_in(tmp_path / "other")
    exam(shelf)
    other.add(question(FEVER))
    assert splits(shelf) == [Split.EXAM]


def test_an_edited_row_keeps_its_split(shelf: Shelf) -> None:
    (row,) = shelf.add(question("What is it?", Split.CHECK))
    for number in range(20):
        row = shelf.save(row, Change(body=Body.pair(f"What is it {number}?", "x")))
    assert row.split is Split.CHECK


def test_a_row_that_comes_to_ask_an_exam_question_takes_it_out(shelf: Shelf) -> None:
    examined = exam(shelf)
    (row,) = shelf.add(question("Something else?", Split.CHECK))
    change = Change(body=Body.pair(FEVER_AGAIN, "x"))
    saved = shelf.rows.save(row.id, change, revision=1, key="k")
    assert [freed.id for freed in saved.outcome.freed] == [examined.id]
    assert splits(shelf) == [Split.CHECK, Split.CHECK]


def test_a_row_that_comes_to_ask_what_another_asks_joins_it(shelf: Shelf) -> None:
    _, row = shelf.add(question(FEVER, Split.TRAIN), question("Else?", Split.CHECK))
    saved = shelf.rows.save(row.id, Change(body=Body.pair(FEVER_AGAIN, "x")), revision=1, key="k")
    assert saved.row.split is Split.TRAIN
    assert saved.outcome.moved == ()


def test_a_person_moves_all_that_ask_the_same(shelf: Shelf) -> None:
    first, second = shelf.add(question(FEVER, Split.TRAIN), question(FEVER_AGAIN))
    saved = shelf.rows.save(first.id, Change(split=Split.EXAM), revision=1, key="k")
    assert splits(shelf) == [Split.EXAM, Split.EXAM]
    assert [(moved.row.id, moved.was) for moved in saved.outcome.moved] == [
        (second.id, Split.TRAIN)
    ]
    assert shelf.rows.history(second.id)[-1].followed
    shelf.rows.undo(shelf.dataset)
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]


def test_a_restored_row_that_learns_takes_its_question_out_of_the_exam(shelf: Shelf) -> None:
    (row,) = shelf.add(question(FEVER, Split.TRAIN))
    shelf.rows.trash([row.id])
    examined = exam(shelf)
    assert [freed.id for freed in shelf.rows.restore([row.id]).freed] == [examined.id]
    assert splits(shelf) == [Split.TRAIN, Split.TRAIN]


def test_rows_in_the_trash_do_not_count(shelf: Shelf) -> None:
    row = exam(shelf)
    shelf.rows.trash([row.id])
    done = shelf.rows.add(shelf.dataset, [question(FEVER, Split.CHECK)], key="k")
    assert done.moved == ()
    assert splits(shelf) == [Split.CHECK]
