import os
import time
from pathlib import Path

import pytest

from studio.core.events import Started
from studio.core.plan import Plan
from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Body, Split
from studio.store.run_folder import Request, RunFolder, RunRow

RECIPE = Recipe(
    name="Erste Übung",
    base=Base("starter", "models/starter", "h"),
    rows=Lessons("d1", "问答", "v1"),
    method="lora",
    knobs={"r": 16},
)
ROWS = (
    RunRow("a", Body.pair("What is\u2028fever?", "A rise.\nOf temperature."), Split.TRAIN),
    RunRow("b", Body(text="发烧是什么？"), Split.CHECK),
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs" / "20261124-1", RECIPE, ROWS)


def test_a_run_holds_what_it_was_given(run: RunFolder) -> None:
    again = RunFolder(run.path)
    assert (again.id, again.recipe(), again.rows()) == ("20261124-1", RECIPE, ROWS)
    assert sorted(os.listdir(run.path)) == ["recipe.json", "rows.jsonl"]
    assert os.listdir(run.path.parent) == [run.id]


def test_a_run_is_private(run: RunFolder) -> None:
    run.ask("stop")
    run.beat()
    run.open_log().close()
    assert {run.path.parent.stat().st_mode & 0o777, run.path.stat().st_mode & 0o777} == {0o700}
    assert {path.stat().st_mode & 0o777 for path in run.path.iterdir()} == {0o600}


def test_a_run_is_never_made_twice(run: RunFolder) -> None:
    with pytest.raises(AssertionError):
        RunFolder.create(run.path, RECIPE, ())
    assert run.rows() == ROWS


def test_a_run_without_rows_has_none(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path / "r", RECIPE, ()).rows() == ()


def test_the_plan_is_there_once_written(run: RunFolder) -> None:
    plan = Plan.from_json({name: "x" for name in Plan.__dataclass_fields__} | {"versions": {}})
    assert run.plan() is None
    run.write_plan(plan)
    assert run.plan() == plan


def test_the_state_is_what_the_events_add_up_to(run: RunFolder) -> None:
    assert run.state().status == "preparing"
    with run.open_log() as log:
        log.append(Started(run=run.id, total=9, rows=1, check_rows=1))
    assert [event["event"] for event in run.events()] == ["start"]
    assert (run.state().status, run.state().total) == ("running", 9)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], None),
        (["pause"], "pause"),
        (["stop"], "stop"),
        (["pause", "stop"], "stop"),
        (["stop", "pause"], "stop"),
    ],
)
def test_a_stop_outlives_a_pause(run: RunFolder, words: list[Request], asked: str | None) -> None:
    for word in words:
        run.ask(word)
    assert run.asked() == asked
    run.clear_request()
    run.clear_request()
    assert run.asked() is None


def test_each_sign_of_life_is_new_whatever_the_clock_says(run: RunFolder) -> None:
    run.beat()
    first = run.heartbeat_path.stat().st_mtime_ns
    run.beat()
    second = run.heartbeat_path.stat().st_mtime_ns
    assert first < second <= time.monotonic_ns()


def test_how_it_ended_is_there_once_written(run: RunFolder) -> None:
    assert run.exit() is None
    run.exit_path.write_text('{"code": 0}', encoding="utf-8")
    assert run.exit() == {"code": 0}


def test_everything_lies_in_the_folder(run: RunFolder) -> None:
    paths = [run.tuned, run.log_path, run.stacks_path, run.process_path, run.checkpoints.path]
    assert {path.parent for path in paths} == {run.path}
