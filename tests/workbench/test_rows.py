import json
from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import NewRow
from studio.store.exports import listed_rows
from studio.workbench.lessons import PORTION
from tests.store.sample_rows import ask, ready
from tests.workbench.workshop import Workshop


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"{n}?", "response": f"{n}!"} for n in range(3)]
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place


def test_imported_rows_are_ready_and_say_where_they_come_from(
    workshop: Workshop, file: Path
) -> None:
    found = workshop.rows.import_file(file, "new")
    home = workshop.rows.datasets.get("new")
    rows = workshop.rows.rows.ready(home.id)
    assert [row.body.prompt for row in rows] == ["0?", "1?", "2?"]
    assert {row.source for row in rows} == {"rows.jsonl"}
    assert found["version"] == workshop.rows.show("new")["version"]
    assert (found["dataset"], found["imported"], found["skipped"]) == ("new", 3, [])


def test_a_file_that_cannot_be_read_makes_no_dataset(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(UserMistake):
        workshop.rows.import_file(tmp_path / "nowhere.csv", "new")
    assert workshop.rows.all() == []


def test_a_name_that_is_none_is_told_as_such(workshop: Workshop, file: Path) -> None:
    with pytest.raises(UserMistake) as caught:
        workshop.rows.import_file(file, "x" * 101)
    assert caught.value.key == "names.too_long"


def test_an_export_in_the_studio_s_own_folder_lists_its_rows(
    workshop: Workshop, tmp_path: Path
) -> None:
    home = workshop.fill("few", [ready(1), NewRow(ask(2))])
    ids = {row.id for row in workshop.rows.rows.living(home)}
    inside, outside = workshop.data.exports / "out.jsonl", tmp_path / "out.jsonl"
    for place in (inside, outside):
        written = workshop.rows.export_file("few", place)
        assert (written["dataset"], written["rows"]) == ("few", 2)
        assert written["path"] == str(place)
    assert listed_rows(inside) == ids
    assert [path.name for path in tmp_path.glob("out*")] == ["out.jsonl"]


def test_an_export_that_cannot_be_written_is_told_with_its_cause(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.fill("few", [ready(1)])
    with pytest.raises(UserMistake) as caught:
        workshop.rows.export_file("few", tmp_path / "nowhere" / "out.jsonl")
    assert caught.value.key == "data.unwritable_file"
    assert caught.value.facts["cause"] == "No such file or directory"


def test_rows_are_shown_at_the_length_that_a_run_would_cut_them(
    workshop: Workshop, tmp_path: Path
) -> None:
    workshop.fill("few", [ready(1)])
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    list(workshop.rows.tokens(str(model), "few", max_length=64))
    op, args = workshop.engine.asked[-1]
    assert (op, args["max_length"]) == ("tokens", 64)
    with pytest.raises(UserMistake):
        list(workshop.rows.tokens(str(model), "few", max_length=3))


def test_what_would_be_left_out_is_told_instead_of_what_is_learned(
    workshop: Workshop, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    known = workshop.models.add(str(tmp_path))["id"]
    reason = UserMistake("rows.empty_response")
    workshop.engine.events = [
        {"row": "", "tokens": [], "trained": 0, "stop_trained": False, "reason": reason.as_json()}
    ]
    with pytest.raises(UserMistake) as caught:
        workshop.rows.learned(known, ready(1).body.as_json())
    assert caught.value.key == reason.key


def test_many_rows_go_to_the_engine_in_portions(workshop: Workshop, tmp_path: Path) -> None:
    many = PORTION + 1
    workshop.fill("many", [ready(number) for number in range(many)])
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}", encoding="utf-8")
    workshop.engine.events = [{"progress": {}}]
    list(workshop.rows.tokens(str(model), "many"))
    sent = [args["rows"] for op, args in workshop.engine.asked if op == "tokens"]
    assert [len(rows) for rows in sent] == [many - 1, 1]
    first = sent[0][0]
    assert first["body"]["messages"][0]["content"] == "What is number 0?"
