import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body, Message, NewRow, Split, Status
from studio.core.splits import group_of, split_of
from studio.store.datasets import Datasets
from studio.store.row_values import Change, Place, Query, Sort
from tests.store.sample_rows import Shelf, ask, new_key, ready, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return shelf_in(tmp_path)


def test_rows_are_appended_in_order(shelf: Shelf) -> None:
    first = shelf.add(ready(1), ready(2))
    second = shelf.add(ready(3))
    assert [row.position for row in first + second] == [0, 1, 2]
    assert shelf.living() == first + second
    assert [row.revision for row in first] == [1, 1]


def test_a_row_comes_back_as_it_was_given(shelf: Shelf) -> None:
    body = Body(
        (
            Message("system", "Be brief."),
            Message("user", "µg ≤ ½ ± 37.5 °C\u2028\r\n'\"\\ 👩‍⚕️\x00"),
            Message("assistant", "是。", train=False),
        ),
        rejected=(Message("assistant", "No."),),
        label=True,
    )
    draft = NewRow(body, Status.FLAGGED, None, "look\x00 again", ("dose", "剂量"), "file.csv:3")
    (row,) = shelf.rows.add(shelf.dataset, [draft], key="k", author="Ada").ids
    found = shelf.rows.get(row)
    assert found.body == body
    assert (found.status, found.notes, found.tags) == (draft.status, draft.notes, draft.tags)
    assert (found.source, found.author, found.dataset) == ("file.csv:3", "Ada", shelf.dataset)
    assert found.group == group_of(body)


def test_a_split_follows_from_the_salt_and_the_question(shelf: Shelf) -> None:
    salt = Datasets(shelf.database).get(shelf.dataset).salt
    rows = shelf.add(*(ready(number) for number in range(200)))
    assert [row.split for row in rows] == [split_of(salt, row.group) for row in rows]
    assert {row.split for row in rows} == {Split.TRAIN, Split.CHECK}


def test_a_split_that_was_given_is_kept(shelf: Shelf) -> None:
    rows = shelf.add(*(NewRow(ask(n), split=split) for n, split in enumerate(Split)))
    assert [row.split for row in rows] == list(Split)


def test_rows_go_in_together_or_not_at_all(shelf: Shelf) -> None:
    def drafts() -> Iterator[NewRow]:
        yield ready(1)
        raise UserMistake("rows.empty_body")

    with pytest.raises(UserMistake, match=r"rows\.empty_body"):
        shelf.rows.add(shelf.dataset, drafts(), key="k")
    assert shelf.living() == shelf.trashed() == []
    assert shelf.rows.add(shelf.dataset, [ready(2)], key="k").ids != ()


def test_an_unknown_dataset_takes_no_rows(shelf: Shelf) -> None:
    with pytest.raises(UserMistake, match=r"rows\.dataset_unknown"):
        shelf.rows.add("nowhere", [ready(1)], key="k")


def test_nothing_added_is_no_operation(shelf: Shelf) -> None:
    assert shelf.rows.add(shelf.dataset, [], key="k").kind == "nothing"
    with pytest.raises(UserMistake, match=r"rows\.nothing_to_undo"):
        shelf.rows.undo(shelf.dataset)


def test_rows_that_come_twice_with_one_key_go_in_once(shelf: Shelf) -> None:
    first = shelf.rows.add(shelf.dataset, [ready(1), ready(2)], key="k")
    assert shelf.rows.add(shelf.dataset, [ready(1), ready(2)], key="k") == first
    assert len(shelf.living()) == 2
    shelf.rows.add(shelf.dataset, [ready(1)], key="another")
    assert len(shelf.living()) == 3


def test_a_save_changes_what_it_names(shelf: Shelf) -> None:
    (row,) = shelf.add(NewRow(ask(1), notes="old", tags=("a",), source="s"))
    saved = shelf.save(row, Change(notes="", status=Status.READY))
    assert (saved.notes, saved.status, saved.tags, saved.body) == ("", Status.READY, ("a",), ask(1))
    assert saved.revision == 2
    assert shelf.rows.get(row.id) == saved


def test_a_stale_save_is_refused_with_both_texts(shelf: Shelf) -> None:
    (row,) = shelf.add(NewRow(ask(1), notes="first"))
    shelf.save(row, Change(body=ask(1, "theirs"), notes="theirs"))
    yours = Change(body=ask(1, "yours"), notes="yours", status=Status.READY)
    with pytest.raises(Refusal) as caught:
        shelf.rows.save(row.id, yours, revision=row.revision, key="k")
    facts = caught.value.facts
    assert caught.value.key == "rows.changed_elsewhere"
    assert facts["revision"] == 2
    assert facts["yours"] == {
        "body": ask(1, "yours").as_json(),
        "notes": "yours",
        "status": "ready",
    }
    assert facts["theirs"] == {
        "body": ask(1, "theirs").as_json(),
        "notes": "theirs",
        "status": "draft",
    }
    assert shelf.rows.get(row.id).notes == "theirs"


def test_a_repeated_save_is_answered_as_the_first(shelf: Shelf) -> None:
    (row,) = shelf.add(ready(1))
    first = shelf.rows.save(row.id, Change(notes="a"), revision=1, key="k")
    later = shelf.save(first.row, Change(notes="b"))
    assert shelf.rows.save(row.id, Change(notes="a"), revision=1, key="k") == first
    assert shelf.rows.get(row.id) == later


def test_a_repeated_save_of_nothing_is_answered_as_the_first(shelf: Shelf) -> None:
    (row,) = shelf.add(ready(1))
    first = shelf.rows.save(row.id, Change(notes=""), revision=1, key="k")
    shelf.save(row, Change(notes="b"))
    assert first.row == row
    assert shelf.rows.save(row.id, Change(notes=""), revision=1, key="k") == first


def test_a_key_of_one_row_says_nothing_of_another(shelf: Shelf) -> None:
    one, other = shelf.add(ready(1), ready(2))
    shelf.rows.save(one.id, Change(notes="a"), revision=1, key="k")
    assert shelf.rows.save(other.id, Change(notes="b"), revision=1, key="k").row.notes == "b"


def test_a_row_in_the_trash_is_not_edited(shelf: Shelf) -> None:
    (row,) = shelf.add(ready(1))
    shelf.rows.trash([row.id])
    with pytest.raises(UserMistake, match=r"rows\.trashed"):
        shelf.save(shelf.rows.get(row.id), Change(notes="a"))
    with pytest.raises(UserMistake, match=r"rows\.trashed"):
        shelf.rows.duplicate(row.id, key="k")


def test_an_unknown_row_is_named(shelf: Shelf) -> None:
    (row,) = shelf.add(ready(1))
    with pytest.raises(UserMistake) as caught:
        shelf.rows.trash([row.id, "nobody"])
    assert (caught.value.key, caught.value.facts) == ("rows.unknown", {"row": "nobody"})
    with pytest.raises(UserMistake, match=r"rows\.unknown"):
        shelf.rows.get("nobody")
    assert shelf.living() == [row]


def test_rows_of_two_datasets_are_not_changed_at_once(shelf: Shelf) -> None:
    other = Datasets(shelf.database).create("Other").id
    (row,) = shelf.add(ready(1))
    (foreign,) = shelf.rows.add(other, [ready(1)], key="k").ids
    with pytest.raises(UserMistake, match=r"rows\.not_one_dataset"):
        shelf.rows.trash([row.id, foreign])


def test_a_duplicate_is_a_draft_at_the_end(shelf: Shelf) -> None:
    row, _ = shelf.add(NewRow(ask(1), Status.READY, None, "n", ("t",), "s"), ready(2))
    (copy,) = shelf.rows.duplicate(row.id, key="k", author="Bo").ids
    assert shelf.rows.duplicate(row.id, key="k", author="Bo").ids == (copy,)
    found = shelf.rows.get(copy)
    assert (found.body, found.notes, found.tags, found.source) == (row.body, "n", ("t",), "s")
    assert (found.status, found.position, found.author) == (Status.DRAFT, 2, "Bo")


def test_a_status_is_given_to_many(shelf: Shelf) -> None:
    rows = shelf.add(ready(1), NewRow(ask(2)), NewRow(ask(3)))
    shelf.rows.trash([rows[2].id])
    done = shelf.rows.set_status([row.id for row in rows], Status.READY)
    assert done.ids == (rows[1].id,)
    assert [row.status for row in shelf.living()] == [Status.READY, Status.READY]
    assert shelf.trashed()[0].status is Status.DRAFT


def test_to_change_no_rows_is_nothing(shelf: Shelf) -> None:
    assert shelf.rows.trash([]).kind == shelf.rows.set_status([], Status.DRAFT).kind == "nothing"


def test_trash_keeps_rows_out_of_sight_and_restore_puts_them_back(shelf: Shelf) -> None:
    rows = shelf.add(*(ready(number) for number in range(4)))
    assert shelf.rows.trash([rows[2].id, rows[1].id]).ids == (rows[1].id, rows[2].id)
    assert [row.id for row in shelf.living()] == [rows[0].id, rows[3].id]
    assert [row.id for row in shelf.trashed()] == [rows[1].id, rows[2].id]
    assert shelf.rows.ready(shelf.dataset) == (rows[0], rows[3])
    shelf.rows.restore([row.id for row in rows])
    assert [row.id for row in shelf.living()] == [row.id for row in rows]


def test_only_ready_rows_that_live_are_ready_and_in_order(shelf: Shelf) -> None:
    rows = shelf.add(ready(1), NewRow(ask(2)), ready(3), ready(4), NewRow(ask(5), Status.FLAGGED))
    shelf.rows.trash([rows[2].id])
    assert shelf.rows.ready(shelf.dataset) == (rows[0], rows[3])


def test_counts_add_up(shelf: Shelf) -> None:
    rows = shelf.add(
        NewRow(ask(1), Status.READY, Split.TRAIN),
        NewRow(ask(2), Status.READY, Split.EXAM),
        NewRow(ask(3), Status.FLAGGED, Split.CHECK),
        NewRow(ask(4), Status.READY, Split.TRAIN),
    )
    shelf.rows.trash([rows[3].id])
    counts = shelf.rows.counts(shelf.dataset)
    assert counts.status == {Status.DRAFT: 0, Status.READY: 2, Status.FLAGGED: 1}
    assert counts.split == {Split.TRAIN: 1, Split.CHECK: 1, Split.EXAM: 1}
    assert counts.ready == {Split.TRAIN: 1, Split.CHECK: 0, Split.EXAM: 1}
    assert (counts.total, counts.trashed) == (3, 1)


def numbers(shelf: Shelf, query: Query) -> list[int]:
    return [row.position for row in shelf.rows.page(shelf.dataset, query).rows]


def test_a_page_is_a_stretch_of_all(shelf: Shelf) -> None:
    shelf.add(*(ready(number) for number in range(7)))
    page = shelf.rows.page(shelf.dataset, Query(offset=4, limit=2))
    assert ([row.position for row in page.rows], page.total) == ([4, 5], 7)
    assert shelf.rows.page(shelf.dataset, Query(offset=70)).rows == ()


def test_a_page_is_sorted(shelf: Shelf) -> None:
    rows = shelf.add(ready(0), ready(1), ready(2))
    shelf.save(rows[1], Change(notes="edited"))
    assert numbers(shelf, Query(sort=Sort.NEWEST)) == [2, 1, 0]
    assert numbers(shelf, Query(sort=Sort.EDITED)) == [1, 0, 2]


def test_a_page_is_filtered(shelf: Shelf) -> None:
    shelf.add(
        NewRow(ask(0), Status.READY, Split.TRAIN),
        NewRow(ask(1), Status.DRAFT, Split.TRAIN),
        NewRow(ask(2), Status.READY, Split.EXAM),
    )
    assert numbers(shelf, Query(status=Status.READY)) == [0, 2]
    assert numbers(shelf, Query(split=Split.TRAIN)) == [0, 1]
    assert numbers(shelf, Query(status=Status.READY, split=Split.TRAIN, search="NUMBER")) == [0]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("100%", [0]),
        ("%", [0]),
        ("_", [1]),
        ("a_b", [1]),
        ('"quoted"', [2]),
        ("two\nlines", [2]),
        ("STRASSE", [3]),
        ("ΑΘΉΝΑ", [3]),
        ("发热", [4]),
        ("ＡＢＣ", [4]),
        ("worse answer", [5]),
        ("plain text", [6]),
        ("a note", [0]),
        ("a tag", [1]),
        ("role", []),
        ("content", []),
        ("  100%  ", [0]),
        ("", [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_search_finds_what_people_wrote(shelf: Shelf, search: str, found: list[int]) -> None:
    worse = Body(
        (Message("user", "q5"), Message("assistant", "good")),
        rejected=(Message("assistant", "a worse answer"),),
    )
    shelf.add(
        NewRow(Body.pair("q0", "100% sure"), notes="A note"),
        NewRow(Body.pair("q1", "a_b"), tags=("A tag",)),
        NewRow(Body.pair("q2", 'say "quoted" in two\nlines')),
        NewRow(Body.pair("q3", "Straße, Αθήνα")),
        NewRow(Body.pair("q4", "儿童发热 abc")),
        NewRow(worse),
        NewRow(Body(text="Plain TEXT")),
    )
    assert numbers(shelf, Query(search=search)) == found


def test_a_search_sees_edits_and_what_was_undone(shelf: Shelf) -> None:
    (row,) = shelf.add(ready(1))
    shelf.save(row, Change(body=ask(1, "an aspirin")))
    assert numbers(shelf, Query(search="Aspirin")) == [0]
    shelf.rows.undo(shelf.dataset)
    assert numbers(shelf, Query(search="aspirin")) == []
    assert numbers(shelf, Query(search="it is number 1")) == [0]


def test_the_trash_is_searched_too(shelf: Shelf) -> None:
    rows = shelf.add(ready(1), ready(2))
    shelf.rows.trash([row.id for row in rows])
    assert numbers(shelf, Query(search="number 2?", trashed=True)) == [1]


def test_a_history_tells_who_did_what(shelf: Shelf) -> None:
    (row_id,) = shelf.rows.add(shelf.dataset, [NewRow(ask(1))], key="a", author="Ada").ids
    saved = shelf.rows.save(
        row_id, Change(notes="n", body=ask(1, "new")), revision=1, key="b", author="Bo"
    ).row
    shelf.rows.trash([row_id], author="Cy")
    shelf.rows.undo(shelf.dataset, author="Di")
    past = shelf.rows.history(row_id)
    assert [(line.kind, line.author) for line in past] == [
        ("add", "Ada"),
        ("edit", "Bo"),
        ("trash", "Cy"),
        ("undo", "Di"),
    ]
    assert [line.row.revision for line in past] == [1, 2, 3, 4]
    assert [line.trashed for line in past] == [False, False, True, False]
    assert [line.row.notes for line in past] == ["", "n", "n", "n"]
    assert past[0].row.body == ask(1)
    assert past[1].row == saved
    assert past[3].row == shelf.rows.get(row_id)


def test_many_threads_save_without_losing_an_edit(shelf: Shelf) -> None:
    (row,) = shelf.add(NewRow(ask(1), notes="0"))
    conflicts = []

    def count_up() -> None:
        for _ in range(25):
            while True:
                seen = shelf.rows.get(row.id)
                change = Change(notes=str(int(seen.notes) + 1))
                try:
                    shelf.rows.save(row.id, change, revision=seen.revision, key=new_key())
                    break
                except Refusal as error:
                    conflicts.append(error.key)

    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shelf.rows.get(row.id).notes == "100"
    assert set(conflicts) <= {"rows.changed_elsewhere"}


def test_rows_are_taken_in_with_their_dataset_or_not_at_all(shelf: Shelf) -> None:
    def torn() -> Iterator[NewRow]:
        yield ready(1)
        raise KeyboardInterrupt

    datasets = Datasets(shelf.database)
    before = datasets.list()
    with pytest.raises(KeyboardInterrupt):
        shelf.rows.take_in("New", torn(), key="k")
    assert datasets.list() == before
    home, done = shelf.rows.take_in("New", [ready(1), ready(2)], key="k")
    assert shelf.rows.take_in("New", [ready(1), ready(2)], key="k") == (home, done)
    assert [row.id for row in shelf.rows.living(home.id)] == list(done.ids)
    again, more = shelf.rows.take_in(home.id, [ready(3)], key="k2")
    assert again == home
    assert shelf.rows.place(more.ids[0])[1] == Place(3, trashed=False)


def test_rows_taken_in_at_once_under_a_new_name_meet_in_one_dataset(shelf: Shelf) -> None:
    begin = threading.Barrier(4)

    def take_in(number: int) -> None:
        begin.wait()
        shelf.rows.take_in("New", [ready(number)], key=new_key())

    threads = [threading.Thread(target=take_in, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    home = Datasets(shelf.database).get("New")
    assert len(shelf.rows.living(home.id)) == 4


def test_a_listing_is_of_one_moment(shelf: Shelf) -> None:
    rows = shelf.add(*(ready(number) for number in range(30)))
    shelf.rows.trash([rows[0].id])
    listed = shelf.rows.listing(shelf.dataset, Query(search="number 1", sort=Sort.NEWEST, limit=4))
    assert [row.id for row in listed.page.rows] == [rows[at].id for at in (19, 18, 17, 16)]
    assert listed.numbers == (19, 18, 17, 16)
    assert (listed.counts.total, listed.counts.trashed) == (29, 1)
    assert listed.counts == shelf.rows.counts(shelf.dataset)
    assert (listed.can_undo, listed.can_redo) == (True, False)
    assert listed.mark == shelf.rows.mark(shelf.dataset)
