"""Models in four bits against transformers, bitsandbytes and PEFT on the very same files."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from studio.core.rows import Message
from studio.engine.export import export_run
from studio.engine.lanes import BASE, TUNED, OneBatch, Sampling, answer
from studio.engine.opening import Learned, Loaded, Opened
from studio.engine.quantised import quantised_layers, weight_in_full
from studio.engine.sheet_reader import read_sheet
from studio.methods import cost_of, method_of, read_values
from studio.methods.quantisation import Quantisation
from studio.store.run_folder import RunFolder
from tests.engine import test_parity as parity
from tests.engine import tiny_models
from tests.engine.quantised_models import folder_of, in_peft, ours, theirs
from tests.engine.test_lanes import LANES, PROMPT, alone
from tests.engine.tiny_runs import Begin, new_run, refusal, tiny_base, train
from tests.engine.tuned_models import as_others_load, tune

IDS = torch.tensor([[5, 17, 130, 44, 61, 7, 9]])
EVERY = [*tiny_models.NAMES, *tiny_models.ODD]
KINDS = [Quantisation(kind, double) for kind in ("nf4", "fp4") for double in (True, False)]


@pytest.mark.parametrize("name", EVERY)
def test_all_linear_layers_but_the_head_are_quantised(name: str) -> None:
    model, sheet = ours(folder_of(name)), read_sheet(folder_of(name))
    found = dict(quantised_layers(model))
    assert list(found) == [layer.name for layer in sheet.linears()]
    assert all(layer.weight.dtype == torch.uint8 for layer in found.values())
    whole = {n for n, p in model.named_parameters() if p.dtype == torch.float32}
    assert whole == {n for n, _ in model.named_parameters()} - {f"{n}.weight" for n in found}


@pytest.mark.parametrize("name", EVERY)
@torch.no_grad()
def test_the_model_is_transformers_own_to_the_bit(name: str) -> None:
    logits = ours(folder_of(name))(IDS).logits
    assert torch.equal(logits, theirs(folder_of(name))(IDS).logits)
    assert not torch.allclose(logits, tiny_models.build(name)(IDS).logits, atol=1e-2)


@pytest.mark.parametrize("kind", KINDS, ids=str)
@torch.no_grad()
def test_every_kind_is_what_its_name_says(kind: Quantisation) -> None:
    folder = folder_of("llama")
    logits = ours(folder, kind)(IDS).logits
    assert torch.equal(logits, theirs(folder, kind)(IDS).logits)
    assert all(not torch.equal(logits, ours(folder, k)(IDS).logits) for k in KINDS if k != kind)


def test_it_is_the_same_bytes_each_time() -> None:
    first, second = (dict(quantised_layers(ours(folder_of("llama")))) for _ in range(2))
    for name, layer in first.items():
        assert torch.equal(layer.weight, second[name].weight)
        assert torch.equal(weight_in_full(layer), weight_in_full(second[name]))


def test_nothing_of_the_file_is_kept_but_what_is_used() -> None:
    model = ours(folder_of("llama"))
    for tensor in model.parameters():
        assert tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@torch.no_grad()
def test_the_weight_in_full_is_what_the_layer_multiplies_with(name: str) -> None:
    for _, layer in quantised_layers(ours(folder_of(name))):
        x = torch.randn(3, layer.in_features)
        assert torch.equal(layer(x), nn.functional.linear(x, weight_in_full(layer), layer.bias))


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_it_counts_what_peft_counts_on_a_quantised_model(name: str) -> None:
    qlora, sheet = method_of("qlora"), read_sheet(folder_of(name))
    cost = cost_of(sheet, qlora, read_values(qlora, {"r": 4}))
    targets = [layer.name for layer in sheet.linears()]
    counted = in_peft(theirs(folder_of(name)), 4, targets).get_nb_trainable_parameters()
    assert (cost.trainable, cost.total) == counted


@pytest.mark.slow
def test_on_the_starter_too(starter: Path) -> None:
    qlora = method_of("qlora")
    cost = cost_of(read_sheet(starter), qlora, read_values(qlora, {}))
    counted = in_peft(theirs(starter), 16, "all-linear").get_nb_trainable_parameters()
    assert (cost.trainable, cost.total) == counted


@pytest.mark.parametrize("path", ["segments", "rows"])
@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_loss_and_every_gradient_are_those_of_peft(name: str, path: str) -> None:
    rows = parity.lessons()
    made = parity.installed(ours(folder_of(name)), "lora")
    loss, gradients = parity.ours(made, rows, path)
    expected, reference = parity.theirs(theirs(folder_of(name)), made, rows)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert parity.farthest(gradients, reference) < 1e-5


def test_gradients_are_the_same_after_an_answer() -> None:
    """A layer that repacks itself for answers would have none any more."""
    rows, made = parity.lessons(), parity.installed(ours(folder_of("llama")), "lora")
    _, before = parity.ours(made, rows, "segments")
    with torch.no_grad():
        made.model(IDS)
    _, after = parity.ours(made, rows, "segments")
    assert all(torch.equal(after[name], value) for name, value in before.items())
    layers = [layer for _, layer in quantised_layers(made.model)]
    assert not any(layer.support_avx512bf16_for_cpu for layer in layers)


@pytest.mark.parametrize("name", EVERY)
def test_greedy_answers_are_those_of_each_model_alone(name: str, tmp_path: Path) -> None:
    tuned = tune(ours(folder_of(name)), "lora")
    found: dict[str, list[int]] = {BASE: [], TUNED: []}
    voices = OneBatch(tuned.made, list(LANES))
    for lane, id_ in answer(voices, PROMPT, LANES, sampling=Sampling(30), stop_ids=frozenset()):
        found[lane].append(id_)
    others = as_others_load(theirs(folder_of(name)), tuned.write(tmp_path / "tuned"))
    assert found[BASE] == alone(theirs(folder_of(name)), 30)
    assert found[TUNED] == alone(others, 30)
    assert found[BASE] != found[TUNED]


def finished(place: Path, name: str = "llama", **configuration: Any) -> RunFolder:
    base = tiny_base(place / "base", name)
    run = new_run(place / "runs" / "r", base, method="qlora", **configuration)
    assert train(run)
    return run


def opened(run: RunFolder) -> Opened:
    return Loaded().open(Learned.of(run.path))


def told(open_: Opened) -> dict[str, str]:
    *_, last = open_.pair.stream([Message("user", "What is 1 + 2?")], Sampling(24))
    return {lane: last["answers"][lane]["text"] for lane in LANES}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run, to be read only."""
    return finished(tmp_path_factory.mktemp("qlora"))


def test_a_run_answers_alike_whenever_it_is_opened_and_its_base_is_proved(run: RunFolder) -> None:
    first = opened(run)
    assert dict(quantised_layers(first.pair.installed.model))
    assert told(first) == told(opened(run))
    assert first.pair.base_proved([Message("user", "Why?")])


def test_peft_loads_the_result_onto_a_quantised_model(run: RunFolder) -> None:
    base = theirs(Path(run.recipe().base.folder))
    expected = base(IDS).logits
    loaded = PeftModel.from_pretrained(base, run.tuned)
    voices = opened(run).pair.voices(LANES)
    found = voices.advance(dict.fromkeys(LANES, IDS[0].tolist()))
    torch.testing.assert_close(found[TUNED], loaded(IDS).logits[0, -1])
    torch.testing.assert_close(found[BASE], expected[0, -1])


def test_the_plan_says_how_the_base_is_held_and_a_resume_obeys(
    begin: Begin, cut_off: Begin
) -> None:
    run = cut_off(method="qlora")
    plan = run.plan()
    assert plan is not None
    assert plan.quantisation == "nf4, double"
    assert "bitsandbytes" in plan.versions
    path = run.path / "plan.json"
    path.write_text(json.dumps(plan.as_json() | {"quantisation": "nf4"}), encoding="utf-8")
    train(run, code=1)
    assert refusal(run)["facts"]["differences"] == "quantisation: nf4 → nf4, double"


@pytest.mark.parametrize("other", [{}, {"quant": "fp4", "double": False}, {"dropout": 0.5}])
def test_a_resume_ends_with_the_same_bytes(
    begin: Begin, cut_off: Begin, other: dict[str, Any]
) -> None:
    configuration = {"method": "qlora", "knobs": {"r": 4} | other, "sample_every": 1}
    assert train(cut_off(**configuration)) == train(begin(**configuration))


def test_runs_on_the_base_in_full_and_in_four_bits_do_not_share_it(begin: Begin) -> None:
    runs = [begin(method=method, knobs={"r": 4}) for method in ("lora", "qlora")]
    loaded, expected = Loaded(), []
    for run in runs:
        train(run)
        expected.append(told(opened(run)))
    for number in (0, 1, 0):
        assert told(loaded.open(Learned.of(runs[number].path))) == expected[number]


def test_no_code_is_fetched_by_what_is_installed(tmp_path: Path) -> None:
    """bitsandbytes would, on some processors, by a package ``kernels``."""
    (tmp_path / "kernels.py").write_text("raise SystemExit('fetched')", encoding="utf-8")
    code = (
        "import studio.engine, sys, peft, transformers.integrations.bitsandbytes\n"
        "assert 'bitsandbytes.backends.cpu.ops' in sys.modules\n"
        "try:\n    from kernels import get_kernel\nexcept ImportError:\n    print('no')\n"
    )
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("no\n", "")


def same(found: Tensor, expected: Tensor) -> bool:
    return torch.allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("targets", ["all-linear", "some"])
@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_a_merged_model_is_an_ordinary_one_with_the_logits_of_the_tuned_lane(
    name: str, targets: str, tmp_path: Path
) -> None:
    if targets == "some":
        targets = "c_attn" if name == "gpt2" else "q_proj"
    open_ = opened(finished(tmp_path, name, knobs={"r": 4, "targets": targets}))
    model, ids = open_.pair.installed.model, list(range(3, 40))
    wanted = open_.pair.voices(LANES).advance(dict.fromkeys(LANES, ids))
    export_run(open_, "merged", tmp_path / "out")
    again = open_.pair.voices(LANES).advance(dict.fromkeys(LANES, ids))
    assert all(torch.equal(again[lane], wanted[lane]) for lane in LANES)
    assert model.config.quantization_config is not None
    merged: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        tmp_path / "out", dtype=torch.float32
    )
    assert not dict(quantised_layers(merged))
    logits = merged(torch.tensor([ids])).logits[0, -1].detach()
    assert same(logits, wanted[TUNED])
    assert not same(logits, wanted[BASE])
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert all(value.is_floating_point() for value in stored.values())
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "as it was held in training (nf4, double)" in card
