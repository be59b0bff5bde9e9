"""Our loss and gradients against PEFT's forward and the Hugging Face loss on the same ids."""

import random
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftConfig, PromptTuningConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from studio.engine.batches import Batch, Lesson
from studio.engine.forward import FORWARDS, agreed_path, segments_forward
from studio.engine.loading import load_model, load_tokenizer
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.engine.sites.prompt import PROMPT
from studio.engine.trained import Trained
from studio.methods import METHODS, read_values
from studio.methods.sites import AddedBias, LowRank, Prompt
from tests.engine import tiny_models

TEXT = (
    "Drink enough water and rest. High blood pressure means that the pressure in your vessels is "
    "higher than it should be. Ask a doctor when the fever lasts for three days, or when you are "
    "in doubt about anything that you read here."
)
KNOBS: dict[str, dict[str, Any]] = {name: {} for name in METHODS if name != "qlora"} | {
    "lora": {"r": 4, "alpha": 8},
    "last_layers": {"layers": 1},
    "prompt_tuning": {"tokens": 5},
}


def lessons(vocabulary: int = tiny_models.VOCABULARY, *, copies: int = 1) -> list[Lesson]:
    """Rows of different lengths, with a one-token answer and answers in several turns."""
    chance = random.Random(0)
    made = []
    for number, length in enumerate((5, 23, 40, 2, 31) * copies):
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


def installed(model: PreTrainedModel, method: str, **knobs: Any) -> Installed:
    """The method's sites in ``model``, none at zero: A's gradients count only where B is not."""
    chosen = METHODS[method]
    sites = chosen.sites(sheet_of(model), read_values(chosen, KNOBS[method] | knobs))
    made = install(model, sites, 3)
    stream = torch.Generator().manual_seed(1)
    for parameter in made.parameters.values():
        if not parameter.any():
            values = torch.randn(parameter.shape, generator=stream)
            parameter.data.copy_((0.1 if parameter.ndim == 2 else 0.01) * values)
    return made


def ours(made: Installed, rows: list[Lesson], path: str) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of our forward, gathered in fp32."""
    trained = Trained(made.parameters)
    batch = Batch.of([row.behind(made.virtual) for row in rows], "cpu")
    loss, _ = FORWARDS[path](made.model, batch, 1 / len(batch.targets))
    loss.backward()
    trained.gather()
    return float(loss.detach()), trained.gradients()


def theirs(
    model: PreTrainedModel, made: Installed, rows: list[Lesson], labels: int | None = None
) -> tuple[float, dict[str, Tensor]]:
    """Loss and gradients of ``model`` under PEFT (or trained whole), from our values.

    The loss is the mean over ``labels``, all that ``rows`` have unless said otherwise.
    """
    reference = in_peft(model, made)
    parameters = {
        name.removeprefix("base_model.model.").replace(".default", ""): parameter
        for name, parameter in reference.named_parameters()
    }
    if any(isinstance(site, Prompt) for site in made.sites):
        parameters = {PROMPT: reference.prompt_encoder.default.embedding.weight}
    parameters = {name: parameters[name] for name in made.parameters}
    for name, parameter in parameters.items():
        parameter.data = made.parameters[name].data.to(parameter.dtype, copy=True)
        parameter.requires_grad_(True)
        parameter.grad = None
    given = padded(rows)
    counted = torch.tensor(sum(row.labels for row in rows) if labels is None else labels)
    loss = (
        exact_loss(reference, given)
        if model.dtype == torch.float64
        else reference(**given, num_items_in_batch=counted).loss
    )
    loss.backward()
    return float(loss.detach()), {name: p.grad for name, p in parameters.items()}


def in_peft(model: PreTrainedModel, made: Installed) -> Any:
    """``model`` with what PEFT, or torch itself, puts in the places of our sites."""
    deltas = [site for site in made.sites if isinstance(site, LowRank)]
    prompts = [site for site in made.sites if isinstance(site, Prompt)]
    for site in made.sites:
        if isinstance(site, AddedBias):
            layer = model.get_submodule(site.module)
            layer.bias = nn.Parameter(torch.zeros(site.outputs, dtype=model.dtype))
    if not deltas and not prompts:
        return model
    config: PeftConfig = (
        LoraConfig(r=4, lora_alpha=8, target_modules=[site.module for site in deltas])
        if deltas
        else PromptTuningConfig(num_virtual_tokens=prompts[0].tokens)
    )
    config.task_type = "CAUSAL_LM"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return get_peft_model(model, config)


def exact_loss(model: Any, given: dict[str, Tensor]) -> Tensor:
    """The mean loss in the precision of ``model``; the library's own rounds logits to fp32."""
    logits = model(input_ids=given["input_ids"], attention_mask=given["attention_mask"]).logits
    logits = logits[:, -given["labels"].shape[1] :]  # a prompt's come first
    return cross_entropy(logits[:, :-1].flatten(0, 1), given["labels"][:, 1:].flatten())


def apart(found: Tensor, expected: Tensor) -> float:
    """Relative distance: the norm of the difference over the norm of what is expected."""
    found, expected = found.double(), expected.double()
    return float((found - expected).norm() / expected.norm().clamp_min(1e-12))


def whole(tensors: Mapping[str, Tensor]) -> Tensor:
    """All tensors as one vector, in the order of their names."""
    return torch.cat([tensors[name].flatten().double() for name in sorted(tensors)])


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


@pytest.mark.parametrize("method", ["lora", "prompt_tuning"])
@pytest.mark.parametrize("name", [*tiny_models.NAMES, *tiny_models.ODD])
def test_the_row_by_row_path_gives_the_same(name: str, method: str) -> None:
    rows = lessons()
    made = installed(tiny_models.build(name), method)
    loss, gradients = ours(made, rows, "rows")
    expected, reference = theirs(tiny_models.build(name), made, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert farthest(gradients, reference) < 1e-5


@pytest.mark.parametrize("name", [name for name in tiny_models.NAMES if name != "mixtral"])
def test_in_bf16_we_are_as_near_to_fp32_as_peft_is_and_lean_to_no_side(name: str) -> None:
    """What bf16 can be held to, which is less than 3e-3 for each gradient.

    PEFT itself does not reach that: each of its bf16 gradients is 0.5 to 3.4 per cent off that of
    the very same weights in fp32, since every product is rounded to 8 bits, and up to one per cent
    off its own where rows are not padded. So fp32 is the measure, and PEFT's distance from it the
    yardstick:

    - the loss is fp32's to 3e-3, and the part of our gradient along the true one is 1 to 3e-3:
      what is off is rounding that leans to no side, not a factor or a term that is missing;
    - no tensor is more than 1.5 times as far off as PEFT's (measured: 1.41 at most, 1.0 in the
      median, under three instruction sets), all together at most 1.2 times (measured: 1.11).

    Not Mixtral: by rounding alone its router sends a word piece to another expert.
    """
    rows = lessons(copies=6)
    made = installed(tiny_models.build(name).to(torch.bfloat16), "lora")
    loss, gradients = ours(made, rows, "segments")
    exact = tiny_models.build(name).to(torch.bfloat16).to(torch.float32)
    expected, reference = theirs(exact, made, rows)
    _, usual = theirs(tiny_models.build(name).to(torch.bfloat16), made, rows)
    assert loss == pytest.approx(expected, rel=3e-3)
    true = whole(reference)
    assert float(whole(gradients) @ true / (true @ true)) == pytest.approx(1, abs=3e-3)
    assert apart(whole(gradients), true) < 1.2 * apart(whole(usual), true)
    for tensor, value in reference.items():
        assert apart(gradients[tensor], value) < 1.5 * apart(usual[tensor], value), tensor


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_in_bf16_the_gradient_of_a_whole_model_is_the_librarys_own(name: str) -> None:
    """Here both round the same sums, but for those over rows: the library's are taken one row
    after the other, as padding alone would put it 1e-2 off."""
    rows = lessons()
    made = installed(tiny_models.build(name).to(torch.bfloat16), "full")
    _, gradients = ours(made, rows, "segments")
    model = tiny_models.build(name).to(torch.bfloat16)
    summed = {tensor: torch.zeros_like(value) for tensor, value in gradients.items()}
    labels = sum(row.labels for row in rows)
    for row in rows:
        _, own = theirs(model, made, [row], labels)
        for tensor, value in own.items():
            summed[tensor] += value
    assert apart(whole(gradients), whole(summed)) < 4e-3


def test_micro_batches_of_unequal_label_counts_give_the_gradient_of_one_batch() -> None:
    rows = lessons()
    _, expected = ours(installed(tiny_models.build("llama"), "lora"), rows, "segments")
    made = installed(tiny_models.build("llama"), "lora")
    trained = Trained(made.parameters)
    batches = [Batch.of(part, "cpu") for part in (rows[:2], rows[2:])]
    counts = [len(batch.targets) for batch in batches]
    assert counts[0] != counts[1]
    for batch in batches:
        segments_forward(made.model, batch, 1 / sum(counts))[0].backward()
        trained.gather()
    assert farthest(trained.gradients(), expected) < 1e-6


@pytest.mark.parametrize(
    ("name", "head", "first"),
    [("llama", False, False), ("llama", True, False), ("qwen3", True, True)],
)
def test_nothing_before_the_last_layers_takes_part_in_the_backward_pass(
    name: str, head: bool, first: bool
) -> None:
    """Neither their tensors nor what goes through them; but a tied head is the embedding too."""
    made = installed(tiny_models.build(name), "last_layers", head=head)
    asked: list[bool] = []
    for block in (0, 1):
        made.model.get_submodule(f"model.layers.{block}").register_forward_hook(
            lambda _module, _inputs, output: asked.append(output.requires_grad)
        )
    ours(made, lessons(), "segments")
    assert asked == [first, True]


@pytest.mark.slow
@pytest.mark.parametrize("method", KNOBS)
def test_on_the_starter_loss_and_gradients_are_exact_to_a_hundred_thousandth(
    starter: Path, method: str
) -> None:
    """Against PEFT's forward in fp64. In fp32 the library's softmax over 49,152 word pieces puts
    its own gradients 1e-4 off; where rounding in thirty layers is more, PEFT's is the measure."""
    ids = load_tokenizer(starter)(TEXT)["input_ids"]
    rows = [Lesson(row.row, (*ids[: len(row.ids)],), row.labelled) for row in lessons()]
    made = installed(load_model(starter, dtype="float32"), method)
    assert agreed_path(made.model, rows) == "segments"
    loss, gradients = ours(made, rows, "segments")
    expected, exact = theirs(load_model(starter, dtype="float32").double(), made, rows)
    _, usual = theirs(load_model(starter, dtype="float32"), made, rows)
    assert loss == pytest.approx(expected, rel=1e-6)
    assert apart(whole(gradients), whole(exact)) < 1e-5
    for tensor, value in exact.items():
        assert apart(gradients[tensor], value) < max(1e-5, apart(usual[tensor], value)), tensor
