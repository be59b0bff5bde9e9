"""Rows as a page edits them, over the real store."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.rows import Body, NewRow, Split, Status
from studio.core.splits import place
from studio.store.runs import RunEntry
from studio.workbench import Workbench
from tests.store.sample_rows import ask, new_key, ready
from tests.ui.benches import add_rows, bench_without_torch, sample_rows

Json = dict[str, Any]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


@pytest.fixture
def dataset(bench: Workbench) -> str:
    return add_rows(bench, "Questions")


def ids_of(page: Json) -> list[str]:
    return [row["id"] for row in page["rows"]]


def all_ids(bench: Workbench, dataset: str) -> list[str]:
    return ids_of(bench.rows.page(dataset, limit=500))


def said(prompt: str, response: str = "An answer.") -> Json:
    return Body.pair(prompt, response).as_json()


def test_a_page_shows_its_rows_with_all_that_stands_around_them(
    bench: Workbench, dataset: str
) -> None:
    page = bench.rows.page("Questions", offset=2, limit=2)
    assert page["total"] == 60
    assert page["counts"]["rows"] == 60
    assert sum(page["counts"]["status"].values()) == sum(page["counts"]["split"].values()) == 60
    assert (page["can_undo"], page["can_redo"]) == (True, False)
    first = page["rows"][0]
    assert first == {
        "id": first["id"],
        "number": 3,
        "prompt": "What should I know about fever number 2?",
        "response": "Rest, drink, and measure again after 2 hours.",
        "status": "draft",
        "split": "train",
        "kind": "chat",
        "turns": 2,
        "tags": [],
        "revision": 1,
    }


def test_long_texts_are_cut_in_a_list_and_whole_in_a_row(bench: Workbench) -> None:
    long = "很" * 1000
    home = add_rows(bench, "Long", [NewRow(Body.pair(long, long))])
    (brief,) = bench.rows.page(home)["rows"]
    assert (brief["prompt"], brief["response"]) == (long[:160], long[:160])
    assert bench.rows.row(brief["id"])["body"] == said(long, long)


def test_a_row_keeps_its_place_whatever_is_asked_for(bench: Workbench, dataset: str) -> None:
    numbers = {row["id"]: row["number"] for row in bench.rows.page(dataset, limit=500)["rows"]}
    assert sorted(numbers.values()) == list(range(1, 61))
    asked: list[Json] = [
        {"search": "发烧"},
        {"status": "flagged"},
        {"split": "exam"},
        {"sort": "newest"},
        {"sort": "edited"},
        {"offset": 37},
    ]
    for words in asked:
        rows = bench.rows.page(dataset, **words)["rows"]
        assert rows
        assert all(numbers[row["id"]] == row["number"] for row in rows)
    assert all(bench.rows.row(id)["number"] == number for id, number in numbers.items())


def test_rows_in_the_trash_leave_no_gap(bench: Workbench, dataset: str) -> None:
    ids = all_ids(bench, dataset)
    bench.rows.trash([ids[1], ids[3]])
    rows = bench.rows.page(dataset)["rows"]
    assert [row["number"] for row in rows[:4]] == [1, 2, 3, 4]
    assert [row["id"] for row in rows[:3]] == [ids[0], ids[2], ids[4]]
    gone = bench.rows.page(dataset, trashed=True)["rows"]
    assert [(row["id"], row["number"]) for row in gone] == [(ids[1], 2), (ids[3], 3)]
    bench.rows.restore([ids[3]])
    assert bench.rows.row(ids[3])["number"] == 3


def test_a_row_is_shown_whole(bench: Workbench, dataset: str) -> None:
    row = bench.rows.row(all_ids(bench, dataset)[4])
    assert row["body"]["messages"][0] == {
        "role": "system",
        "content": "You are a careful doctor.",
    }
    assert (row["notes"], row["source"], row["trashed"]) == (
        "Ask a colleague.",
        "questions.csv",
        False,
    )
    assert (row["dataset"], row["kind"], row["problem"]) == (dataset, "chat", None)


def test_a_save_gives_the_row_back(bench: Workbench, dataset: str) -> None:
    row = bench.rows.row(all_ids(bench, dataset)[0])
    change = {"body": said("新的问题？"), "status": "draft", "notes": "n", "tags": ["t"]}
    saved = bench.rows.save(row["id"], change, revision=row["revision"], key="k")
    assert saved == bench.rows.row(row["id"]) | {"moved": 0, "freed": 0}
    assert saved | change == saved
    assert saved["revision"] == 2
    assert bench.rows.save(row["id"], change, revision=row["revision"], key="k") == saved


def test_of_two_windows_neither_loses_its_text(bench: Workbench, dataset: str) -> None:
    row = bench.rows.row(all_ids(bench, dataset)[0])
    bench.rows.save(row["id"], {"notes": "theirs"}, revision=1, key="one window")
    with pytest.raises(Refusal) as caught:
        bench.rows.save(row["id"], {"notes": "yours"}, revision=1, key="another")
    assert caught.value.key == "rows.changed_elsewhere"
    assert caught.value.facts["yours"] == {"notes": "yours"}
    assert caught.value.facts["theirs"] == {"notes": "theirs"}
    assert caught.value.facts["revision"] == 2


def test_a_save_tells_what_moved_with_the_row(bench: Workbench) -> None:
    home = add_rows(bench, "Exam", [NewRow(ask(1), split=Split.EXAM), NewRow(ask(2))])
    id = all_ids(bench, home)[1]
    saved = bench.rows.save(id, {"body": ask(1).as_json()}, revision=1, key="k")
    assert (saved["moved"], saved["freed"]) == (1, 1)


def test_a_change_that_cannot_be_saved_changes_nothing(bench: Workbench, dataset: str) -> None:
    row = bench.rows.row(all_ids(bench, dataset)[0])
    for change in ({"notes": "x", "body": {}}, {"notes": "half \ud83d"}, {"tags": ["\udc00"]}):
        with pytest.raises(UserMistake):
            bench.rows.save(row["id"], change, revision=1, key=new_key())
    assert bench.rows.row(row["id"]) == row


def test_a_new_row_is_an_empty_draft_and_made_once(bench: Workbench, dataset: str) -> None:
    made = bench.rows.add("Questions", key="k")
    assert (made["status"], made["number"], made["problem"]) == ("draft", 61, "rows.empty_prompt")
    assert made["body"] == said("", "")
    assert bench.rows.add("Questions", key="k") == made
    assert bench.rows.page(dataset)["total"] == 61


def test_a_new_row_may_bring_its_body(bench: Workbench, dataset: str) -> None:
    made = bench.rows.add(dataset, key="k", body=said("Why?"))
    assert (made["body"], made["status"]) == (said("Why?"), "draft")
    with pytest.raises(UserMistake):
        bench.rows.add(dataset, key="other", body={"messages": 3})


def test_a_wish_that_comes_after_its_row_was_erased_is_told_so(
    bench: Workbench, dataset: str
) -> None:
    made = bench.rows.add(dataset, key="k")
    bench.erase([made["id"]])
    with pytest.raises(UserMistake) as caught:
        bench.rows.add(dataset, key="k")
    assert caught.value.key == "rows.unknown"


def test_rows_written_by_hand_fall_to_splits_like_any_other(bench: Workbench) -> None:
    """A blank row asks nothing: it must neither decide for all blank rows nor join them."""
    home = bench.rows.create("By hand")["id"]
    made = [bench.rows.add(home, key=str(number)) for number in range(300)]
    checks = sum(row["split"] == "check" for row in made)
    assert 10 <= checks <= 60
    salt = bench.rows.datasets.get(home).salt
    groups = [bench.rows.rows.get(row["id"]).group for row in made]
    assert len(set(groups)) == 300
    assert checks == sum(place(salt, group) < 0.1 for group in groups)
    one = made[0]
    moved = bench.rows.save(one["id"], {"split": "exam"}, revision=1, key="k")
    assert moved["moved"] == 0
    written = bench.rows.save(one["id"], {"body": said("Why?")}, revision=2, key="k2")
    assert written["split"] == "exam"


def test_a_copy_is_a_draft_of_its_own(bench: Workbench, dataset: str) -> None:
    id = all_ids(bench, dataset)[0]
    copy = bench.rows.duplicate(id, key="k")
    assert copy["id"] != id
    assert copy["body"] == bench.rows.row(id)["body"]
    assert (copy["status"], copy["number"]) == ("draft", 61)
    assert bench.rows.duplicate(id, key="k")["id"] == copy["id"]


def test_many_rows_change_at_once_and_back(bench: Workbench, dataset: str) -> None:
    ids = all_ids(bench, dataset)[:5]
    statuses = [bench.rows.row(id)["status"] for id in ids]
    done = bench.rows.set_status(ids, "ready")
    assert done["kind"] == "status"
    assert {bench.rows.row(id)["status"] for id in ids} == {"ready"}
    undone = bench.rows.undo(dataset, key="u")
    assert undone["kind"] == "status"
    assert [bench.rows.row(id)["status"] for id in ids] == statuses
    page = bench.rows.page(dataset)
    assert (page["can_undo"], page["can_redo"]) == (True, True)
    assert bench.rows.redo("Questions", key="r")["ids"] == undone["ids"]
    assert {bench.rows.row(id)["status"] for id in ids} == {"ready"}
    assert bench.rows.set_status([], "ready")["kind"] == "nothing"


def test_what_lies_in_the_trash_is_shown_and_comes_back(bench: Workbench, dataset: str) -> None:
    id = all_ids(bench, dataset)[0]
    assert bench.rows.trash([id]) == {"kind": "trash", "ids": [id], "moved": 0, "freed": 0}
    assert bench.rows.row(id)["trashed"]
    page = bench.rows.page(dataset)
    assert (page["total"], page["counts"]["trashed"]) == (59, 1)
    with pytest.raises(UserMistake):
        bench.rows.save(id, {"notes": "x"}, revision=2, key="k")
    bench.rows.restore([id])
    assert ids_of(bench.rows.page(dataset, limit=1)) == [id]


def test_nothing_to_undo_is_told(bench: Workbench) -> None:
    home = bench.rows.create("Empty")["id"]
    page = bench.rows.page(home)
    assert (page["rows"], page["can_undo"], page["can_redo"], page["mark"]) == ([], False, False, 0)
    with pytest.raises(UserMistake):
        bench.rows.undo(home, key="u")
    with pytest.raises(UserMistake):
        bench.rows.redo(home, key="r")


def test_the_mark_moves_with_each_change_and_only_then(bench: Workbench, dataset: str) -> None:
    marks = [bench.rows.page(dataset)["mark"]]
    id = all_ids(bench, dataset)[0]
    for change in ({"notes": "a"}, {"notes": "b"}):
        row = bench.rows.row(id)
        bench.rows.save(id, change, revision=row["revision"], key=new_key())
        marks.append(bench.rows.page(dataset)["mark"])
    bench.rows.undo(dataset, key="u")
    marks.append(bench.rows.page(dataset)["mark"])
    assert marks == sorted(set(marks))
    add_rows(bench, "Other", [ready(1)])
    assert bench.rows.page(dataset)["mark"] == marks[-1]


def test_history_tells_what_happened_to_a_row(bench: Workbench, dataset: str) -> None:
    id = all_ids(bench, dataset)[2]
    before = bench.rows.row(id)
    bench.rows.save(id, {"notes": "new"}, revision=1, key="k")
    bench.rows.trash([id])
    past = bench.rows.history(id)
    assert [line["kind"] for line in past] == ["add", "edit", "trash"]
    assert past[0]["row"] == before
    assert [line["row"]["notes"] for line in past] == ["", "new", "new"]
    assert [line["trashed"] for line in past] == [False, False, True]
    assert past[-1]["row"] == bench.rows.row(id)
    assert not any(line["followed"] for line in past)


def test_runs_that_learned_from_a_row_are_named(bench: Workbench, dataset: str) -> None:
    ids = all_ids(bench, dataset)
    for run, rows in (("run-a", ids[:2]), ("run-b", ids[1:3])):
        bench.runs.index.add(RunEntry(run, f"Run {run}", dataset, "v", "m", "lora"), rows)
    a, b = ({"run": f"run-{name}", "name": f"Run run-{name}"} for name in "ab")
    assert bench.rows.learned_by([ids[0]]) == [a]
    assert bench.rows.learned_by(ids[1:3]) == [a, b]
    assert bench.rows.learned_by(ids[5:]) == []
    assert bench.erase([ids[0]]).runs == ("run-a",)


def test_datasets_are_made_named_and_thrown_away(bench: Workbench, dataset: str) -> None:
    made = bench.rows.create("  新数据集 ")
    assert (made["dataset"], made["rows"]) == ("新数据集", 0)
    assert bench.rows.rename("新数据集", "Other")["id"] == made["id"]
    for name in ("Questions", "", "x" * 101, "a\nb"):
        with pytest.raises(UserMistake):
            bench.rows.create(name)
        with pytest.raises(UserMistake):
            bench.rows.rename("Other", name)
    bench.rows.discard("Other")
    assert [home["id"] for home in bench.rows.all()] == [dataset]
    assert bench.rows.create("Other")["id"] != made["id"]


def test_a_discarded_dataset_is_brought_back_or_erased(bench: Workbench, dataset: str) -> None:
    name = bench.rows.rename(dataset, "Ward of Zhang San")["dataset"]
    rows = len(all_ids(bench, dataset))
    with pytest.raises(Refusal) as caught:
        bench.erase_dataset(dataset)
    assert caught.value.key == "datasets.not_discarded"
    bench.rows.trash(all_ids(bench, dataset)[:1])
    bench.rows.discard(dataset)
    assert [(home["id"], home["trashed"]) for home in bench.rows.discarded()] == [(dataset, 1)]
    assert bench.rows.bring_back(dataset)["dataset"] == name
    assert bench.rows.discarded() == []
    bench.rows.discard(dataset)
    assert bench.erase_dataset(dataset).rows == rows
    assert bench.rows.discarded() == []
    assert name.encode() not in bench.data.database.read_bytes()


def test_another_process_is_seen_at_once(bench: Workbench, dataset: str) -> None:
    row, shown = bench.rows.row(all_ids(bench, dataset)[0]), bench.rows.show(dataset)
    program = (
        "import sys; from pathlib import Path; from studio.workbench import Workbench\n"
        "with Workbench.open(Path(sys.argv[1])) as bench:\n"
        "    change = {'body': {'messages': [{'role': 'user', 'content': 'Elsewhere?'},"
        " {'role': 'assistant', 'content': 'Yes.'}]}}\n"
        "    bench.rows.save(sys.argv[2], change, revision=1, key='theirs')\n"
    )
    mark = bench.status()["mark"]
    subprocess.run(
        [sys.executable, "-c", program, str(bench.data.root), row["id"]],
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert bench.status()["mark"] > mark
    assert bench.rows.show(dataset)["version"] != shown["version"]
    with pytest.raises(Refusal) as caught:
        bench.rows.save(row["id"], {"body": said("Here?")}, revision=1, key="ours")
    assert caught.value.facts["theirs"]["body"]["messages"][0]["content"] == "Elsewhere?"


def test_the_sample_rows_hold_what_pages_have_to_show() -> None:
    rows = sample_rows()
    assert {row.status for row in rows} == set(Status)
    assert {row.split for row in rows} == set(Split)
    assert any(row.body.system for row in rows)
    assert any(len(row.body.messages) > 3 for row in rows)
