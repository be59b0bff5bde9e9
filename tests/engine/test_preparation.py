import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from studio.core.rows import Body, Split
from studio.engine import space
from studio.store.run_folder import RunFolder, RunRow
from tests.engine.tiny_runs import ROWS, Begin, reason, refusal, row, said, train


def with_plan(run: RunFolder, **other: Any) -> RunFolder:
    path = run.path / "plan.json"
    plan = json.loads(path.read_bytes())
    path.write_text(json.dumps(plan | other), encoding="utf-8")
    return run


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"threads": 64}, "threads: 64 → "),
        ({"dtype": "bfloat16"}, "dtype: bfloat16 → float32"),
        ({"device": "cuda"}, "device: cuda → cpu"),
        ({"versions": {"torch": "1.0"}}, "torch: 1.0 → "),
        ({"instructions": "abacus"}, "instructions: abacus → "),
        ({"rows_hash": "0"}, "rows_hash: 0 → "),
        ({"template_hash": "0"}, "template_hash: 0 → "),
        ({"total": 4, "max_length": 7}, "max_length: 7 → 256; total: 4 → 3"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_plan_that_cannot_be_obeyed_is_refused_with_what_differs(
    cut_off: Begin, other: dict[str, Any], named: str
) -> None:
    run = with_plan(cut_off(), **other)
    train(run, code=1)
    assert refusal(run)["key"] == "plan.differs"
    assert named in refusal(run)["facts"]["differences"]
    assert said(run, "step")[-1]["step"] == 2


def test_the_path_of_a_plan_is_obeyed_as_it_is(begin: Begin, cut_off: Begin) -> None:
    run = with_plan(cut_off(), path="rows")
    assert train(run) is not None


def test_a_base_that_has_changed_is_refused(base: Path, cut_off: Begin, tmp_path: Path) -> None:
    mine = shutil.copytree(base, tmp_path / "mine")
    run = cut_off(base=mine)
    weights = load_file(mine / "model.safetensors")
    weights["model.norm.weight"] += 1
    save_file(weights, mine / "model.safetensors", metadata={"format": "pt"})
    train(run, code=1)
    assert refusal(run)["key"] == "models.changed"
    assert refusal(run)["facts"] == {"folder": str(mine)}
    assert said(run, "step")[-1]["step"] == 2


def test_a_base_with_a_poisoned_weight_fails_at_the_first_update(
    base: Path, begin: Begin, tmp_path: Path
) -> None:
    mine = shutil.copytree(base, tmp_path / "mine")
    weights = load_file(mine / "model.safetensors")
    weights["model.norm.weight"][3] = math.nan
    save_file(weights, mine / "model.safetensors", metadata={"format": "pt"})
    run = begin(base=mine)
    train(run, code=4)
    assert reason(run)["key"] == "run.not_finite"
    assert reason(run)["facts"]["step"] == 1
    assert reason(run)["facts"]["count"] == 2
    assert said(run, "step", "checkpoint") == []


def test_too_little_room_is_refused_before_the_start(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = begin()
    usage = shutil.disk_usage(run.path)._replace(free=50_000)
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: usage)
    train(run, code=1)
    assert reason(run)["key"] == "disk.full"
    assert reason(run)["facts"]["free"] == 50_000 < reason(run)["facts"]["needed"]
    assert (said(run, "start"), run.plan()) == ([], None)
    monkeypatch.undo()
    assert train(run) is not None


LONG = "Why? " * 200


@pytest.mark.parametrize(
    ("bad", "key"),
    [
        (row(90, answer=" "), "rows.empty_response"),
        (RunRow("row-90", Body.pair(LONG, "Because."), Split.TRAIN), "rows.prompt_fills_length"),
        (RunRow("row-90", Body(text="Plain text."), Split.TRAIN), "rows.text_not_supervised"),
    ],
)
def test_a_row_that_teaches_nothing_is_left_out_with_its_reason(
    begin: Begin, bad: RunRow, key: str
) -> None:
    run = begin(rows=(*ROWS, bad))
    assert train(run) == train(begin())
    (start,) = said(run, "start")
    ((left_out),) = start["left_out"]
    assert (left_out["row"], left_out["reason"]["key"]) == ("row-90", key)

    alone = begin(rows=[bad])
    train(alone, code=1)
    facts = reason(alone)["facts"]
    assert reason(alone)["key"] == "rows.nothing_to_learn"
    assert (facts["rows"], facts["row"], facts["reason"]["key"]) == (1, "row-90", key)


def test_a_row_that_is_too_long_is_cut_and_counted(begin: Begin) -> None:
    run = begin(rows=(*ROWS, row(90, answer=LONG)))
    train(run)
    (start,) = said(run, "start")
    assert (start["cut_rows"], start["rows"]) == (1, 9)


def test_a_question_that_the_model_cannot_hold_is_refused(begin: Begin) -> None:
    run = begin(questions=("Why?", LONG), sample_every=1)
    train(run, code=1)
    assert reason(run)["key"] == "run.question_unfit"
    assert train(begin(questions=("Why?", LONG))) is not None


def test_the_recipes_questions_are_asked(begin: Begin) -> None:
    run = begin(questions=("Why?",), sample_every=3)
    train(run)
    assert [(event["step"], event["prompt"]) for event in said(run, "sample")] == [(3, "Why?")]


def test_check_rows_give_the_questions_and_unfit_ones_are_passed_over(begin: Begin) -> None:
    unfit = RunRow("row-7", Body.pair(LONG, "Because."), Split.CHECK)
    run = begin(rows=(unfit, *ROWS), sample_every=3)
    train(run)
    expected = [row.body.prompt for row in ROWS if row.split is Split.CHECK]
    assert [event["prompt"] for event in said(run, "sample")] == expected
