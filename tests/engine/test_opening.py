"""Runs and save points that take turns on one base, against each of them loaded by itself."""

import gc
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from studio.core.errors import Refusal
from studio.core.rows import Message
from studio.engine import opening
from studio.engine.lanes import BASE, TUNED, Sampling
from studio.engine.opening import Ground, Learned, Loaded, Opened
from studio.engine.save_points import VALUES
from studio.store.run_folder import RunFolder
from tests.engine.tiny_runs import Begin, tiny_base, train

ASKED = [Message("user", "What is 1 + 2?")]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were loaded, in their order; never more than one model is alive."""
    names: list[str] = []
    living: weakref.WeakSet[PreTrainedModel] = weakref.WeakSet()

    def load_model(folder: Path, **how: Any) -> PreTrainedModel:
        gc.collect()
        assert not living
        names.append(folder.name)
        living.add(model := opening_load(folder, **how))
        return model

    opening_load = opening.load_model
    monkeypatch.setattr(opening, "load_model", load_model)
    return names


def trained(begin: Begin, **how: Any) -> RunFolder:
    run = begin(**how)
    train(run)
    return run


def answers(opened: Opened) -> dict[str, str]:
    """Both lanes' greedy answers; their base lane is proved."""
    told = list(opened.pair.stream(ASKED, Sampling(24)))[-1]["answers"]
    assert opened.pair.base_proved(ASKED)
    return {lane: told[lane]["text"] for lane in (BASE, TUNED)}


def fresh(learned: Learned) -> dict[str, str]:
    found = answers(Loaded().open(learned))
    gc.collect()
    return found


@pytest.mark.parametrize(
    "methods", [("lora", "lora"), ("lora", "full"), ("full", "lora"), ("full", "full")]
)
def test_runs_of_one_base_take_turns_and_answer_as_if_loaded_alone(
    methods: Sequence[str], begin: Begin, loads: list[str]
) -> None:
    rates = (0.01, 0.03)
    runs = [trained(begin, method=how, lr=rate) for how, rate in zip(methods, rates, strict=True)]
    learned = [Learned.of(run.path) for run in runs]
    expected = [fresh(one) for one in learned]
    assert expected[0][TUNED] != expected[1][TUNED]
    assert expected[0][BASE] == expected[1][BASE]
    loads.clear()
    loaded = Loaded()
    assert not loaded.has_base_of(learned[0])
    for at in (0, 1, 0, 1):
        assert answers(loaded.open(learned[at])) == expected[at]
        assert all(map(loaded.has_base_of, learned))
    assert len(loads) == 1


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_save_point_answers_with_what_was_learned_by_then(
    method: str, begin: Begin, loads: list[str]
) -> None:
    run = trained(begin, method=method, lr=0.03, save_every=1)
    steps = run.checkpoints.steps()
    assert len(steps) == 2
    points = [Learned.of(run.path, step) for step in (*steps, steps[0])]
    expected = [fresh(point) for point in points]
    loads.clear()
    loaded = Loaded()
    for point, told in zip(points, expected, strict=True):
        assert answers(loaded.open(point)) == told
        assert_holds(loaded.open(point), load_file(point.folder / VALUES))
    last = loaded.open(Learned.of(run.path))
    assert_holds(last, load_file(points[1].folder / VALUES))
    assert len(loads) == 1


def assert_holds(opened: Opened, values: Mapping[str, Tensor]) -> None:
    """The tuned lane's tensors are ``values``."""
    own = opened.pair.changed[TUNED] or opened.pair.installed.parameters
    assert own.keys() == values.keys()
    for name, value in own.items():
        torch.testing.assert_close(value.detach(), values[name], rtol=0, atol=0)


def test_a_run_with_no_result_answers_by_its_save_point(begin: Begin, cut_off: Begin) -> None:
    run = cut_off(save_every=1)
    with pytest.raises(Refusal) as caught:
        Learned.of(run.path)
    assert caught.value.key == "run.no_result"
    (*_, step) = run.checkpoints.steps()
    assert answers(Loaded().open(Learned.of(run.path, step)))[TUNED] is not None


def test_a_save_point_that_is_damaged_or_gone_is_refused(begin: Begin) -> None:
    run = trained(begin, save_every=1)
    step = run.checkpoints.steps()[-1]
    with (run.checkpoints.path / f"step-{step}" / VALUES).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    for wanted in (step, 77):
        with pytest.raises(Refusal) as caught:
            Learned.of(run.path, wanted)
        assert (caught.value.key, caught.value.facts["step"]) == ("run.no_save_point", wanted)


def test_another_base_is_given_up_before_one_is_loaded(
    begin: Begin, tmp_path: Path, loads: list[str]
) -> None:
    other = tiny_base(tmp_path / "other", "gpt2")
    first, second = trained(begin), trained(begin, base=other)
    loaded = Loaded()
    for run in (first, second, first):
        answers(loaded.open(Learned.of(run.path)))
    assert len(loads) == 3


def test_a_base_in_another_format_is_another(begin: Begin, loads: list[str]) -> None:
    runs = [trained(begin), trained(begin, precision="bfloat16")]
    loaded = Loaded()
    for run, dtype in zip(runs, (torch.float32, torch.bfloat16), strict=True):
        assert not loaded.has_base_of(Learned.of(run.path))
        assert loaded.open(Learned.of(run.path)).pair.installed.model.dtype == dtype
    assert len(loads) == 2


def test_what_does_not_fit_into_the_base_leaves_none_behind(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = trained(begin), trained(begin)
    loaded = Loaded()
    expected = answers(loaded.open(Learned.of(good.path)))
    with monkeypatch.context() as patch:
        patch.setattr(Learned, "values", lambda _: {})
        with pytest.raises(KeyError):
            loaded.open(Learned.of(bad.path))
    assert (loaded.ground, loaded.opened) == (None, None)
    assert answers(loaded.open(Learned.of(good.path))) == expected


def test_a_base_is_known_by_its_hash_and_its_format(begin: Begin) -> None:
    run = trained(begin)
    recipe, plan = run.recipe(), run.plan()
    assert plan is not None
    assert Ground.load(recipe, plan).carries(recipe, plan)
