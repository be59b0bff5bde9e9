"""Our loss and gradients against PEFT's forward and the Hugging Face loss on the same ids."""

import random
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import PreTrainedModel

from studio.engine.batches import Batch, Lesson
from studio.engine.forward import FORWARDS, agreed_path, segments_forward
from studio.engine.loading import load_model
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.engine.trained import Trained
from studio.methods import METHODS, read_values
from studio.methods.sites import LowRank
from tests.engine import tiny_models

KNOBS: dict[str, dict[str, Any]] = {"lora": {"r": 4, "alpha": 8}, "full": {}}


def lessons(vocabulary: int = tiny_models.VOCABULARY) -> list[Lesson]:
    """Rows of different lengths, with a one-token answer and answers in several turns."""
    chance = random.Random(0)
    made = []
    for number, length in enumerate((5, 23, 40, 2, 31)):
        ids = tuple(chance.randrange(3, vocabulary) for _ in range(length))
        turns = {*range(length // 3, length // 2), *range(length - 3, length)}
        learned = turns if length > 5 else {length - 1}
        made.append(Lesson(str(number), ids, tuple(place in learned for place in range(length))))
    return made


def padded(rows: list[Lesson]) -> dict[str, Tensor]:
    """The rows as the Hugging Face loss takes them."""
    width = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for number, row in enumerate(rows):
        here = torch.tensor(row.ids)
        ids[number, : len(here)], mask[number, : len(here)] = here, 1
        learned = torch.tensor(row.labelled)
        labels[number, : len(here)] = torch.where(learned, here, -100)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def installed(model: PreTrainedModel, method: str) -> Installed:
    """The method's sites in ``model``, B away from zero so that A's gradients count."""
    chosen = METHODS[method]
    sites = chosen.sites(sheet_of(model), read_values(chosen, KNOBS[method]))
    made = install(model, sites, 3)
    stream = torch.Generator().manual_seed(1)
    for name, parameter in made.parameters.items():
        if name.endswith("lora_B.weight"):
            values = torch.randn(parameter.shape, generator=stream)
            parameter.data.copy_(0.1 * values)
    return made


def ours(made: Installed, rows: list[Lesson], path: str) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of our forward, gathered in fp32."""
    trained = Trained(made.parameters)
    batch = Batch.of(rows, "cpu")
    loss, _ = FORWARDS[path](made.model, batch, 1 / len(batch.targets))
    loss.backward()
    trained.gather()
    return float(loss.detach()), trained.gradients()


def theirs(
    model: PreTrainedModel, made: Installed, rows: list[Lesson]
) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of ``model`` under PEFT (or trained whole), from ours' values."""
    deltas = [site for site in made.sites if isinstance(site, LowRank)]
    reference: Any = model
    if deltas:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            names = [site.module for site in deltas]
            config = LoraConfig(r=4, lora_alpha=8, target_modules=names, task_type="CAUSAL_LM")
            reference = get_peft_model(model, config)
    parameters = {
        name.removeprefix("base_model.model.").replace(".default", ""): parameter
        for name, parameter in reference.named_parameters()
        if "lora_" in name or not deltas
    }
    for name, parameter in parameters.items():
        parameter.data.copy_(made.parameters[name].data)
        parameter.requires_grad_(True)
    loss = reference(**padded(rows)).loss
    loss.backward()
    return float(loss.detach()), {name: p.grad.float() for name, p in parameters.items()}


def apart(found: Tensor, expected: Tensor) -> float:
    """Relative distance: the norm of the difference over the norm of what is expected."""
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def farthest(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    assert found.keys() == expected.keys()
    return max(apart(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_loss_and_every_gradient_are_those_of_peft_in_fp32(name: str, method: str) -> None:
    rows = lessons()
    made = installed(tiny_models.build(name), method)
    assert agreed_path(made.model, rows) == "segments"
    loss, gradients = ours(made, rows, "segments")
    expected, reference = theirs(tiny_models.build(name), made, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert farthest(gradients, reference) < 1e-5


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_the_row_by_row_path_gives_the_same(name: str) -> None:
    rows = lessons()
    made = installed(tiny_models.build(name), "lora")
    loss, gradients = ours(made, rows, "rows")
    expected, reference = theirs(tiny_models.build(name), made, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert farthest(gradients, reference) < 1e-5


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_in_bf16_we_are_as_near_to_fp32_as_peft_is(name: str) -> None:
    """A bf16 gradient is one to three per cent off, whoever computes it; PEFT's is the measure."""
    rows = lessons()
    made = installed(tiny_models.build(name).to(torch.bfloat16), "lora")
    loss, gradients = ours(made, rows, "segments")
    exact = tiny_models.build(name).to(torch.bfloat16).to(torch.float32)
    expected, reference = theirs(exact, made, rows)
    _, usual = theirs(tiny_models.build(name).to(torch.bfloat16), made, rows)
    assert loss == pytest.approx(expected, rel=3e-3)
    ours_off, theirs_off = farthest(gradients, reference), farthest(usual, reference)
    assert ours_off < max(3e-3, 1.5 * theirs_off)


def test_two_micro_batches_give_the_gradient_of_one() -> None:
    rows = lessons()
    _, whole = ours(installed(tiny_models.build("llama"), "lora"), rows, "segments")
    made = installed(tiny_models.build("llama"), "lora")
    trained = Trained(made.parameters)
    batches = [Batch.of(part, "cpu") for part in (rows[:3], rows[3:])]
    labels = sum(len(batch.targets) for batch in batches)
    for batch in batches:
        segments_forward(made.model, batch, 1 / labels)[0].backward()
        trained.gather()
    assert farthest(trained.gradients(), whole) < 1e-5


def test_rows_laid_end_to_end_do_not_see_one_another() -> None:
    model = tiny_models.build("gemma3")
    first, second = lessons()[1:3]
    with torch.no_grad():
        _, alone = segments_forward(model, Batch.of([second], "cpu"), 1.0)
        _, both = segments_forward(model, Batch.of([first, second], "cpu"), 1.0)
    torch.testing.assert_close(both[-len(alone) :], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_loss_and_every_gradient_are_those_of_peft_on_the_starter(starter: Path) -> None:
    rows = lessons(49_000)
    made = installed(load_model(starter, dtype="float32"), "lora")
    loss, gradients = ours(made, rows, agreed_path(made.model, rows))
    expected, reference = theirs(load_model(starter, dtype="float32"), made, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert farthest(gradients, reference) < 1e-5
