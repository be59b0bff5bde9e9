import json
import math
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.core.rows import Body, Split
from studio.engine import preparation, space
from studio.engine.forward import FORWARDS
from studio.engine.trained import Trained
from studio.engine.trainer import main
from studio.store.run_folder import RunFolder, RunRow
from studio.store.tensors import tuned_sha256
from tests.engine.tiny_runs import ROWS, new_run, row, tiny_base

Begin = Callable[..., RunFolder]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    handler, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()
    monkeypatch.setattr(preparation, "SAMPLE_LENGTH", 4)
    yield
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)


@pytest.fixture
def begin(base: Path, tmp_path: Path) -> Begin:
    """Makes a run folder; runs are named in their order."""

    def make(base: Path = base, **configuration: Any) -> RunFolder:
        runs = tmp_path / "runs"
        number = len(list(runs.iterdir())) if runs.is_dir() else 0
        return new_run(runs / f"run-{number}", base, **configuration)

    return make


@pytest.fixture
def cut_off(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> Begin:
    """Makes a run folder whose trainer has died in its third and last update."""
    update = Trained.update

    def dying(trained: Trained, rate: float, **named: float) -> None:
        if trained.step == 2:
            raise SystemExit
        update(trained, rate, **named)

    def make(**configuration: Any) -> RunFolder:
        run = begin(**configuration)
        with monkeypatch.context() as patch:
            patch.setattr(Trained, "update", dying)
            with pytest.raises(SystemExit):
                main(str(run.path))
        return run

    return make


def train(run: RunFolder, code: int = 0) -> str | None:
    """Train as a new attempt; the hash of the result."""
    run.clear_request()
    assert main(str(run.path)) == code
    return tuned_sha256(run.tuned)


def reason(run: RunFolder) -> dict[str, Any]:
    state = run.state()
    assert state.status == "failed"
    assert state.reason is not None
    return state.reason


def said(run: RunFolder, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["event"] in kinds]


def test_a_run_finishes_and_leaves_its_result(begin: Begin) -> None:
    run = begin()
    sha256 = train(run)
    assert sha256 is not None
    (start,) = said(run, "start")
    counts = (start["total"], start["rows"], start["check_rows"], start["left_out"])
    assert counts == (3, 8, 2, [])
    assert run.state().status == "finished"
    assert [event["step"] for event in said(run, "step")] == [1, 2, 3]
    assert [event["seq"] for event in run.events()] == list(range(1, run.state().seq + 1))


def test_equal_runs_end_with_equal_bytes_and_another_seed_does_not(begin: Begin) -> None:
    assert train(begin()) == train(begin()) != train(begin(seed=1))


@pytest.mark.parametrize("other", [{"sample_every": 1}, {"eval_every": 0}, {"save_every": 0}])
def test_what_is_looked_at_or_saved_does_not_change_the_bytes(
    begin: Begin, other: dict[str, Any]
) -> None:
    run = begin(**other)
    assert train(begin()) == train(run)
    assert len(said(run, "sample")) == (6 if "sample_every" in other else 0)


@pytest.mark.parametrize(
    "configuration",
    [
        {"method": "full", "sample_every": 1, "eval_every": 1},
        {"knobs": {"r": 2, "dropout": 0.5}, "sample_every": 1},
        {"precision": "bfloat16"},
        {"method": "full", "precision": "bfloat16"},
    ],
    ids=str,
)
def test_a_resume_ends_with_the_same_bytes(
    begin: Begin, cut_off: Begin, configuration: dict[str, Any]
) -> None:
    run = cut_off(**configuration)
    assert train(run) == train(begin(**configuration))
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"], resumed["attempt"]) == (2, 0, 2)
    assert run.state().curves["step"] == [1, 2, 3]
    assert [event["step"] for event in said(run, "eval")][-2:] == [2, 3]
    assert len(said(run, "sample")) == (6 if "sample_every" in configuration else 0)


def test_a_torn_last_event_is_forgotten(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    with open(run.path / "events.jsonl", "ab") as file:
        file.write(b'{"event": "step", "step": 3, "epo')
    assert train(run) == train(begin())
    assert run.state().curves["step"] == [1, 2, 3]


def test_a_log_that_has_lost_its_start_says_both_start_and_resume(
    begin: Begin, cut_off: Begin
) -> None:
    run = cut_off()
    log = run.path / "events.jsonl"
    log.write_bytes(b"\0" * 40 + b"\n" + log.read_bytes().partition(b"\n")[2])
    assert train(run) == train(begin())
    assert [event["event"] for event in said(run, "start", "resume")] == ["start", "resume"]
    assert run.state().curves["step"] == [1, 2, 3]


@pytest.mark.parametrize("file", ["trained.safetensors", "moments.safetensors", "manifest.json"])
def test_a_damaged_save_point_is_passed_over_and_the_loss_is_told(
    begin: Begin, cut_off: Begin, file: str
) -> None:
    run = cut_off()
    damaged = run.checkpoints.path / "step-2" / file
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"]) == (1, 1)


def test_without_any_good_save_point_it_begins_again(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    shutil.rmtree(run.checkpoints.path)
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert (resumed["step"], resumed["lost"]) == (0, 2)


def test_a_clock_that_was_set_back_changes_nothing(begin: Begin, cut_off: Begin) -> None:
    run = cut_off()
    for number, path in enumerate(sorted(run.path.rglob("*"), reverse=True)):
        os.utime(path, (4_000_000_000 + number,) * 2)
    log = run.path / "events.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"at":"20', b'"at":"21'))
    assert train(run) == train(begin())
    (resumed,) = said(run, "resume")
    assert resumed["step"] == 2


@pytest.mark.parametrize(("word", "status"), [("pause", "paused"), ("stop", "stopped")])
def test_a_request_before_the_first_update_is_heard(begin: Begin, word: Any, status: str) -> None:
    run = begin()
    run.ask(word)
    assert main(str(run.path)) == 0
    assert (run.state().status, run.state().step) == (status, 0)
    assert not run.tuned.exists()
    assert train(run) == train(begin())


def test_a_stop_asked_for_before_a_resume_leaves_what_was_learned(cut_off: Begin) -> None:
    run = cut_off()
    run.ask("stop")
    assert main(str(run.path)) == 0
    assert (run.state().status, run.state().step) == ("stopped", 2)
    assert tuned_sha256(run.tuned) is not None


def test_no_sign_of_life_can_stop_it(begin: Begin) -> None:
    run = begin()
    run.heartbeat_path.symlink_to(run.path / "missing" / "heartbeat")
    assert train(run) == train(begin())


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
    assert reason(run)["key"] == "plan.differs"
    assert named in reason(run)["facts"]["differences"]
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
    assert reason(run)["key"] == "models.changed"
    assert reason(run)["facts"] == {"folder": str(mine)}
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


def test_memory_that_does_not_suffice_is_told_with_the_peak(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*_: object) -> Any:
        return torch.empty(1 << 50), None

    run = begin()
    monkeypatch.setitem(FORWARDS, "segments", hungry)
    monkeypatch.setattr(preparation.plans, "agreed_path", lambda *_: "segments")
    train(run, code=4)
    assert reason(run)["key"] == "run.no_memory"
    assert reason(run)["facts"]["peak_bytes"] > 1_000_000


def test_our_own_mistake_is_told_as_one(
    begin: Begin, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*_: object) -> Any:
        raise KeyError("a fake")

    run = begin()
    monkeypatch.setitem(FORWARDS, "segments", wrong)
    monkeypatch.setattr(preparation.plans, "agreed_path", lambda *_: "segments")
    train(run, code=3)
    assert reason(run)["key"] == "run.broke"
    assert reason(run)["facts"] == {"problem": "KeyError: 'a fake'"}
    assert "Traceback" in capsys.readouterr().err


def test_events_that_cannot_be_written_are_our_fault_too(
    begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    run = begin()
    (run.path / "events.jsonl").mkdir()
    assert main(str(run.path)) == 3
    assert "IsADirectoryError" in capsys.readouterr().err


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
