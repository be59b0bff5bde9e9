from collections.abc import Set
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch

from studio.core.events import Ended, Evaluated, Event, Sampled, Stepped
from studio.engine import interruption
from studio.engine.batches import Batch
from studio.engine.forward import rows_forward
from studio.engine.loop import train
from studio.engine.save_points import restore
from studio.store.checkpoints import Checkpoint
from studio.store.run_folder import Request
from tests.engine.tiny_sessions import (
    LESSONS,
    Session,
    answers,
    names,
    same,
    session,
    untimed,
    values,
)

TOTAL = 3


@pytest.fixture(autouse=True)
def only_between_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop asks at known moments only, however slow the machine is."""
    monkeypatch.setattr(interruption, "RHYTHM", 3600.0)


def test_events_come_in_the_order_of_what_happens(tmp_path: Path) -> None:
    ours = session(tmp_path)
    published: list[int] = []
    ours.publish = published.append
    events = list(train(ours))
    assert names(events) == [
        *("step", "checkpoint"),
        *("step", "eval", "checkpoint"),
        *("step", "eval", "checkpoint"),
        "end",
    ]
    assert events[-1] == Ended("finished", TOTAL)
    assert (ours.done, ours.saved, published) == (TOTAL, TOTAL, [TOTAL])


def test_without_save_points_only_the_last_state_is_saved(tmp_path: Path) -> None:
    ours = session(tmp_path, save_every=0, eval_every=0)
    assert names(list(train(ours))) == ["step", "step", "step", "checkpoint", "end"]
    assert ours.checkpoints.steps() == [TOTAL]


def test_the_loss_is_that_of_the_updates_rows_before_it(tmp_path: Path) -> None:
    ours = session(tmp_path, accumulate=3, knobs={"r": 4})
    rows = chain.from_iterable(ours.course.update(1).micro_batches)
    batch = Batch.of([ours.train[row] for row in rows], "cpu")
    with torch.no_grad():
        _, losses = rows_forward(ours.installed.model, batch, 1.0)
    first = next(train(ours))
    assert isinstance(first, Stepped)
    assert first.loss == pytest.approx(float(losses.mean()), rel=1e-6)
    assert (first.tokens, first.labelled) == (batch.tokens, len(losses))


CONFIGURATIONS: list[dict[str, Any]] = [
    {},
    {"method": "full", "schedule": "constant", "clip": 0.0},
    {"accumulate": 3, "schedule": "linear", "warmup": 0.5},
    {"method": "full", "accumulate": 3, "shuffle": False},
    {"precision": "bfloat16"},
    {"method": "full", "precision": "bfloat16", "accumulate": 2},
    {"model": "gpt2", "method": "full"},
    {"model": "gemma3", "path": "rows"},
    {"method": "last_layers", "knobs": {"layers": 1, "head": True}},
    {"method": "bitfit", "accumulate": 2},
    {"method": "prompt_tuning", "precision": "bfloat16"},
]


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=str)
def test_a_resume_at_any_update_is_bitwise_the_run_that_never_stopped(
    tmp_path: Path, configuration: dict[str, Any]
) -> None:
    whole = session(tmp_path, **configuration)
    events = list(train(whole))
    assert not same(values(whole), values(session(tmp_path, **configuration)))
    for after in whole.checkpoints.steps():
        resumed = session(tmp_path / f"from-{after}", **configuration)
        restore(Checkpoint(after, whole.checkpoints.path / f"step-{after}"), resumed.trained)
        rest = list(train(resumed, after=after, said={"eval"}))
        later = [event for event in events if event.as_json()["step"] > after]
        assert untimed(rest) == untimed(later or events[-1:])
        assert same(values(resumed), values(whole))
        assert same(resumed.trained.moments(), whole.trained.moments())


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_every_update_drops_other_values(tmp_path: Path, dropout: float) -> None:
    """B starts at zero, so dropout shows in the gradient only, and the same rows make the same."""
    knobs = {"r": 4, "dropout": dropout}
    ours = session(tmp_path, train=LESSONS[:2], knobs=knobs, shuffle=False, lr=1e-12)
    first, second = (
        event for event in train(ours) if isinstance(event, Stepped) and event.step < 3
    )
    assert first.loss == pytest.approx(second.loss)
    assert (first.grad_norm == pytest.approx(second.grad_norm, rel=1e-5)) == (dropout == 0)


@pytest.mark.parametrize("other", [{"eval_every": 0}, {"eval_every": 1}, {"sample_every": 1}])
def test_looking_at_the_model_does_not_change_what_it_learns(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    quiet, watched = session(tmp_path / "a"), session(tmp_path / "b", **other)

    def sample() -> list[tuple[str, str]]:
        torch.manual_seed(1)
        with torch.no_grad():
            watched.forward(watched.installed.model, Batch.of(LESSONS[:1], "cpu"), 1.0)
        return [("Why?", str(torch.rand(3)))]

    watched.sample = sample
    list(train(quiet))
    events = list(train(watched))
    assert same(values(quiet), values(watched))
    assert any(isinstance(event, Sampled) for event in events) == ("sample_every" in other)
    assert names(events).count("eval") == {0: 0, 1: TOTAL}.get(watched.plan.eval_every, 2)


@pytest.mark.parametrize(
    ("request_", "status"), [("pause", "paused"), ("stop", "stopped")], ids=["pause", "stop"]
)
@pytest.mark.parametrize("moment", range(12))
def test_a_request_ends_it_with_the_last_whole_update_saved(
    tmp_path: Path, moment: int, request_: Request, status: str
) -> None:
    ours = session(tmp_path, save_every=0, accumulate=2)
    ours.asked = answers(*[None] * moment, request_)
    published: list[int] = []
    ours.publish = published.append
    events = list(train(ours))
    done = sum(isinstance(event, Stepped) for event in events)
    assert events[-1] == Ended(status, done)
    assert ours.checkpoints.steps() == ([done] if done else [])
    assert published == ([done] if done and request_ == "stop" else [])


def test_a_stop_that_comes_while_a_pause_is_saved_is_a_stop(tmp_path: Path) -> None:
    ours = session(tmp_path, eval_every=0)
    ours.asked = answers(None, None, "pause", "stop")
    published: list[int] = []
    ours.publish = published.append
    assert list(train(ours))[-1] == Ended("stopped", 1)
    assert published == [1]


def test_what_a_pause_put_off_is_made_up_for(tmp_path: Path) -> None:
    first = session(tmp_path, sample_every=2, save_every=0)
    first.asked = answers(*[None] * 4, "pause")  # two updates ask four times, then the check does
    events = list(train(first))
    assert names(events) == ["step", "step", "checkpoint", "end"]
    made_up = resumed(first, said=set(), sample_every=2)
    assert names(made_up)[:3] == ["eval", "sample", "step"]
    assert isinstance(made_up[0], Evaluated)
    assert made_up[0].step == 2
    assert names(resumed(first, said={"eval"}, sample_every=2))[:2] == ["sample", "step"]
    assert names(resumed(first, said={"eval", "sample"}, sample_every=2))[0] == "step"


def resumed(first: Session, *, said: Set[str], **configuration: Any) -> list[Event]:
    ours = session(first.checkpoints.path.parent / "resumed", **configuration)
    ours.sample = lambda: [("Why?", "Because.")]
    checkpoint = first.checkpoints.latest()
    assert checkpoint is not None
    restore(checkpoint, ours.trained)
    return list(train(ours, after=checkpoint.step, said=said))


def test_a_finished_run_only_publishes_again(tmp_path: Path) -> None:
    ours = session(tmp_path)
    assert names(list(train(ours, after=TOTAL, said={"eval"}))) == ["end"]
