from dataclasses import replace
from pathlib import Path

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.store.runs import RunEntry, Runs
from tests.store.sample_rows import Shelf, ready, shelf_in


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return shelf_in(tmp_path)


@pytest.fixture
def runs(shelf: Shelf) -> Runs:
    return Runs(shelf.database)


def entry(shelf: Shelf, run_id: str, name: str = "Tone") -> RunEntry:
    return RunEntry(run_id, name, shelf.dataset, "ab" * 32, "starter", "lora")


def test_a_run_comes_back_with_its_rows(shelf: Shelf, runs: Runs) -> None:
    rows = shelf.add(*(ready(number) for number in range(4)))
    added = runs.add(entry(shelf, "r1", " Tone "), [rows[2].id, rows[0].id])
    assert replace(added, created=0.0) == entry(shelf, "r1")
    assert runs.get("r1") == runs.get("Tone") == added
    assert runs.learned("r1") == (rows[0].id, rows[2].id)


def test_runs_are_listed_as_they_were_begun_whatever_the_clock_says(tmp_path: Path) -> None:
    times = iter(range(1_000, 0, -1))
    shelf = shelf_in(tmp_path)
    shelf.database.now = lambda: float(next(times))
    runs = Runs(shelf.database)
    for run_id in ("z", "a", "m"):
        runs.add(entry(shelf, run_id), [])
    assert [run.id for run in runs.list()] == ["z", "a", "m"]


def test_runs_are_listed_by_dataset(shelf: Shelf, runs: Runs) -> None:
    added = runs.add(entry(shelf, "r1"), [])
    assert runs.list(dataset=shelf.dataset) == (added,)
    assert runs.list(dataset="another") == ()


def test_runs_are_found_by_the_rows_that_taught_them(shelf: Shelf, runs: Runs) -> None:
    rows = [row.id for row in shelf.add(*(ready(number) for number in range(4)))]
    runs.add(entry(shelf, "r2"), rows[:2])
    runs.add(entry(shelf, "r1"), rows[1:3])
    runs.trash("r1")
    assert [run.id for run in runs.taught_by(rows[1:2])] == ["r2", "r1"]
    assert [run.id for run in runs.taught_by(rows[2:])] == ["r1"]
    assert runs.taught_by(rows[3:]) == runs.taught_by([]) == ()


def test_a_name_that_several_bear_is_not_enough(shelf: Shelf, runs: Runs) -> None:
    runs.add(entry(shelf, "r1"), [])
    runs.add(entry(shelf, "r2"), [])
    with pytest.raises(UserMistake) as caught:
        runs.get("Tone")
    assert (caught.value.key, caught.value.facts["ids"]) == ("runs.ambiguous", "r1, r2")
    runs.rename("r2", "Other")
    assert runs.get("Tone").id == "r1"


def test_an_id_wins_over_a_name(shelf: Shelf, runs: Runs) -> None:
    runs.add(entry(shelf, "r1"), [])
    runs.add(entry(shelf, "r2", "r1"), [])
    assert runs.get("r1").id == "r1"


def test_a_run_goes_to_the_trash_and_back(shelf: Shelf, runs: Runs) -> None:
    runs.add(entry(shelf, "r1"), [])
    trashed = runs.trash("Tone")
    assert runs.list() == ()
    assert runs.list(trashed=True) == (trashed,)
    with pytest.raises(UserMistake, match=r"runs\.unknown"):
        runs.get("Tone")
    assert runs.restore("r1").trashed is None
    assert [run.id for run in runs.list()] == ["r1"]


def test_a_run_that_has_not_begun_is_forgotten_with_its_rows(shelf: Shelf, runs: Runs) -> None:
    rows = shelf.add(ready(1))
    runs.add(entry(shelf, "r1"), [rows[0].id])
    runs.remove("r1")
    assert runs.list() == ()
    assert runs.learned("r1") == ()


def test_a_run_of_a_row_that_was_erased_meanwhile_does_not_begin(shelf: Shelf, runs: Runs) -> None:
    [row] = shelf.add(ready(1))
    with pytest.raises(Refusal) as refused:
        runs.add(entry(shelf, "r1"), [row.id, "erased"])
    assert refused.value.key == "rows.changed"
    assert runs.list() == ()
