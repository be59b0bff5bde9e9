"""Files in and out as a page watches them, over the real store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import StudioError
from studio.core.rows import Body, Message, NewRow
from studio.workbench import Workbench
from studio.workbench.findings import PRIVACY
from studio.workbench.importing import SHOWN_FINDINGS, SHOWN_SKIPS
from tests.store.sample_rows import ready
from tests.ui.benches import add_rows, bench_without_torch

Json = dict[str, Any]
MAIL = "someone@clinic.example"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


def file_of(folder: Path, rows: list[Json]) -> Path:
    file = folder / "rows.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file.write_text(text, encoding="utf-8")
    return file


def pairs(count: int, answer: str = "An answer that is long enough.") -> list[Json]:
    return [{"prompt": f"Question {number}?", "response": answer} for number in range(count)]


class Cancelled(Exception):
    """What a listener raises who wants no more."""


def test_a_preview_shows_rows_as_they_will_be_and_stores_nothing(
    bench: Workbench, tmp_path: Path
) -> None:
    bad = [{"prompt": "No answer", "response": ""}, {"prompt": "None", "response": 3}]
    file = file_of(tmp_path, pairs(12) + bad)
    found = bench.rows.preview(file)
    assert (found["good"], found["skipped_count"]) == (12, 2)
    assert found["rows"][0] == {
        "system": "",
        "prompt": "Question 0?",
        "response": "An answer that is long enough.",
        "turns": 2,
        "status": "ready",
        "tags": [],
    }
    assert len(found["rows"]) == 10
    assert found["mapping"] == {"prompt": "prompt", "response": "response"}
    assert (found["columns"], found["ignored"]) == (["prompt", "response"], [])
    assert (found["container"], found["encoding"]) == ("jsonl", "utf-8")
    assert sum(found["reasons"].values()) == 2
    assert [skip["row"] for skip in found["skipped"]] == [13, 14]
    assert {skip["reason"]["key"] for skip in found["skipped"]} == set(found["reasons"])
    assert bench.rows.all() == []


def test_a_preview_says_what_an_import_would_do(bench: Workbench, tmp_path: Path) -> None:
    file = file_of(tmp_path, [*pairs(3), {"prompt": "x", "response": ""}])
    before, after = bench.rows.preview(file), bench.rows.import_file(file, "new")
    assert (before["good"], before["skipped"]) == (after["imported"], after["skipped"])
    rows = bench.rows.page("new")["rows"]
    assert [row["prompt"] for row in rows] == [row["prompt"] for row in before["rows"]]


def test_a_mapping_is_heard_by_a_preview(bench: Workbench, tmp_path: Path) -> None:
    file = file_of(tmp_path, [{"a": "An answer.", "b": "Why?", "c": "x"}])
    found = bench.rows.preview(file, {"prompt": "b", "response": "a"})
    assert (found["rows"][0]["prompt"], found["rows"][0]["response"]) == ("Why?", "An answer.")
    assert found["columns"] == ["a", "b", "c"]
    assert found["ignored"] == ["c"]


def test_a_preview_is_short_however_long_the_file_is(bench: Workbench, tmp_path: Path) -> None:
    long = "x" * 50_000
    bad = [{"prompt": "p", "response": ""}] * (SHOWN_SKIPS + 50)
    found = bench.rows.preview(file_of(tmp_path, [*pairs(1, long), *bad]))
    assert len(found["skipped"]) == SHOWN_SKIPS
    assert found["skipped_count"] == SHOWN_SKIPS + 50
    assert len(found["rows"][0]["response"]) == 1000


def test_an_import_says_how_far_it_is(bench: Workbench, tmp_path: Path) -> None:
    told: list[Json] = []
    bench.rows.import_file(file_of(tmp_path, pairs(1200)), "new", told=told.append)
    steps = list(dict.fromkeys(progress["step"] for progress in told))
    assert steps == ["read", "check", "store"]
    for step in steps:
        done = [(p["done"], p["total"]) for p in told if p["step"] == step]
        assert done == sorted(done)
        assert len(done) > 2
        assert done[-1][0] == done[-1][1] > 0


def test_an_import_that_is_cancelled_leaves_no_trace(bench: Workbench, tmp_path: Path) -> None:
    file, told = file_of(tmp_path, pairs(1200)), list[Json]()
    bench.rows.import_file(file, "whole", told=told.append)
    add_rows(bench, "known", [ready(1)])
    known = [bench.rows.show("whole"), bench.rows.show("known")]
    for last in range(len(told)):
        left = iter(range(last))

        def tired(_: Json, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Cancelled

        for dataset in ("new", "known"):
            with pytest.raises(Cancelled):
                bench.rows.import_file(file, dataset, told=tired)
    assert sorted(bench.rows.all(), key=str) == sorted(known, key=str)
    assert bench.rows.page("known")["mark"] == 1 + bench.rows.page("whole")["mark"]


def test_what_comes_in_may_wait_to_be_reviewed(bench: Workbench, tmp_path: Path) -> None:
    rows = [*pairs(2), {"prompt": "q", "response": "long enough", "status": "flagged"}]
    bench.rows.import_file(file_of(tmp_path, rows), "new", drafts=True)
    statuses = [row["status"] for row in bench.rows.page("new")["rows"]]
    assert statuses == ["draft", "draft", "flagged"]


def test_an_import_and_its_preview_count_statuses_and_unknown_words(
    bench: Workbench, tmp_path: Path
) -> None:
    words = ["approved", "Final", "final", "flagged", ""]
    given = zip(pairs(5), words, strict=True)
    file = file_of(tmp_path, [pair | {"status": word} for pair, word in given])
    for found in (bench.rows.preview(file), bench.rows.import_file(file, "new")):
        assert found["unknown"] == {"status": {"final": 2}}
        assert found["status"] == {"ready": 2, "draft": 2, "flagged": 1}
    again = bench.rows.import_file(file, "new", drafts=True)
    assert again["status"] == {"ready": 0, "draft": 4, "flagged": 1}


def test_an_import_names_what_may_give_a_person_away(bench: Workbench, tmp_path: Path) -> None:
    add_rows(bench, "new", [ready(number) for number in range(3)])
    rows = [
        *pairs(2),
        {"prompt": f"Please write to {MAIL} soon, she waits?", "response": "I will."},
    ]
    found = bench.rows.import_file(file_of(tmp_path, rows), "new")
    (finding,) = found["findings"]
    assert found["findings_count"] == 1
    assert finding == {
        "check": "email",
        "row": bench.rows.page("new")["rows"][5]["id"],
        "number": 6,
        "part": "messages",
        "turn": 0,
        "before": "Please write to ",
        "found": MAIL,
        "after": " soon, she waits?",
    }
    assert bench.rows.findings("new") == found["findings"]


def test_only_so_many_findings_are_sent_but_all_are_counted(
    bench: Workbench, tmp_path: Path
) -> None:
    many = SHOWN_FINDINGS + 10
    found = bench.rows.import_file(file_of(tmp_path, pairs(many, f"Ask {MAIL}")), "new")
    assert (len(found["findings"]), found["findings_count"]) == (SHOWN_FINDINGS, many)
    assert len(bench.rows.findings("new")) == many


def test_a_finding_shows_little_of_the_text_around_it(bench: Workbench) -> None:
    body = Body.pair("Why?", "很" * 100 + f" {MAIL} " + "长" * 100)
    worse = (Message("assistant", f"No: {MAIL}"),)
    rows = [NewRow(body), NewRow(Body(body.messages, worse)), NewRow(Body(text=MAIL))]
    add_rows(bench, "Mails", rows)
    found = bench.rows.findings("Mails", checks=["email"])
    assert [(f["number"], f["part"], f["turn"]) for f in found] == [
        (1, "messages", 1),
        (2, "messages", 1),
        (2, "rejected", 0),
        (3, "text", 0),
    ]
    assert all(f["found"] == MAIL for f in found)
    assert (len(found[0]["before"]), len(found[0]["after"])) == (30, 30)
    assert (found[3]["before"], found[3]["after"]) == ("", "")


def test_a_check_of_whole_rows_points_at_no_text(bench: Workbench) -> None:
    add_rows(bench, "Twice", [ready(1), ready(1)])
    (finding,) = bench.rows.findings("Twice", checks=["duplicates"])
    assert (finding["number"], finding["part"], finding["found"]) == (2, "", "")


def test_rows_in_the_trash_are_not_looked_through(bench: Workbench) -> None:
    add_rows(bench, "Mails", [NewRow(Body.pair("Why?", MAIL)), ready(1)])
    bench.rows.trash([bench.rows.page("Mails")["rows"][0]["id"]])
    assert bench.rows.findings("Mails") == []


def test_private_is_what_gives_a_person_away() -> None:
    assert {"email", "phone", "resident_id", "date_of_birth"} <= set(PRIVACY)
    assert not {"duplicates", "conflicts", "control_tokens"} & set(PRIVACY)


def test_each_format_says_whether_it_holds_the_rows(bench: Workbench, tmp_path: Path) -> None:
    system = Body.pair("Why?", "An answer.", system="Be brief.")
    add_rows(bench, "System", [NewRow(system, notes="Look again.")])
    for choice in bench.rows.formats("System"):
        file = tmp_path / f"out{choice['suffix']}"
        if choice["problem"] is None:
            written = bench.rows.export_file("System", file, format=choice["format"])
            assert sorted(written["lossy"]) == sorted(choice["lossy"])
        else:
            with pytest.raises(StudioError) as caught:
                bench.rows.export_file("System", file, format=choice["format"])
            assert caught.value.key == choice["problem"]["key"]


def test_an_erased_row_is_in_no_upload_any_more(bench: Workbench, tmp_path: Path) -> None:
    file = file_of(bench.data.uploads, pairs(2, "What only this row says to anyone."))
    bench.rows.import_file(file, "new")
    ids = [row["id"] for row in bench.rows.page("new")["rows"]]
    bench.erase(ids)
    assert not file.exists()


def test_an_import_as_a_task_can_be_cancelled_and_begun_again(
    bench: Workbench, tmp_path: Path
) -> None:
    file = file_of(tmp_path, pairs(5))

    def stopped(told: Any) -> Json:
        bench.tasks.cancel(bench.tasks.list()[0]["id"])
        return bench.rows.import_file(file, "new", told=told)

    bench.tasks.start("import", "new", stopped)
    bench.tasks.wait()
    assert bench.tasks.list()[0]["status"] == "cancelled"
    assert bench.rows.all() == []
    bench.tasks.start("import", "new", lambda told: bench.rows.import_file(file, "new", told=told))
    bench.tasks.wait()
    (task,) = bench.tasks.list()
    assert (task["status"], task["result"]["imported"]) == ("done", 5)
