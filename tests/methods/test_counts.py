"""Counts against PEFT: every method, exact on every family, before anything is loaded."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from studio.core.sheets import Layer, Sheet
from studio.engine.loading import load_model
from studio.engine.sheet_reader import sheet_of
from studio.methods import METHODS, cost_of, method_of, read_values
from studio.methods.base import Method
from studio.methods.sites import Changed, LowRank
from studio.methods.targets import ALL_LINEAR, targeted
from tests.engine import tiny_models

TARGETS = {
    "llama": ["q_proj", "q_proj,v_proj", "mlp.up_proj,down_proj", "layers.0.self_attn.k_proj"],
    "qwen3": ["o_proj", "k_proj,gate_proj"],
    "gemma3": ["v_proj", "up_proj,o_proj"],
    "gpt2": ["c_attn", "mlp.c_proj", "c_attn,c_proj,c_fc"],
    "phi": ["fc1", "dense,fc2"],
    "mixtral": ["q_proj", "self_attn.o_proj,k_proj"],
}
CASES = [(n, t) for n in tiny_models.NAMES for t in (ALL_LINEAR, *TARGETS[n])]
# PEFT's "all-linear" also reaches the experts, which are no linear layers but stacked tensors.
PEFT_TARGETS = {("mixtral", ALL_LINEAR): "q_proj,k_proj,v_proj,o_proj"}


def peft_model(name: str, r: int, targets: str) -> PeftModel:
    targets = PEFT_TARGETS.get((name, targets), targets)
    config = LoraConfig(
        r=r,
        target_modules=targets if targets == ALL_LINEAR else targets.split(","),
        fan_in_fan_out=name == "gpt2",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(tiny_models.build(name), config)
    assert isinstance(model, PeftModel)
    return model


def ranks(layers: tuple[Layer, ...]) -> set[int]:
    """1, 4 and the highest that every one of ``layers`` can hold."""
    return {1, 4, min(min(layer.inputs, layer.outputs) for layer in layers)}


@pytest.mark.parametrize(("name", "targets"), CASES)
def test_lora_counts_what_peft_counts(name: str, targets: str) -> None:
    sheet = sheet_of(tiny_models.build(name))
    lora = method_of("lora")
    for r in ranks(targeted(sheet, targets)):
        real = peft_model(name, r, targets)
        cost = cost_of(sheet, lora, read_values(lora, {"r": r, "targets": targets}))
        assert cost.trainable == real.get_nb_trainable_parameters()[0]
        assert cost.total == sum(parameter.numel() for parameter in real.parameters())


@pytest.mark.parametrize(("name", "targets"), CASES)
def test_lora_stands_where_peft_puts_it_with_peft_s_shapes(name: str, targets: str) -> None:
    sheet = sheet_of(tiny_models.build(name))
    lora = method_of("lora")
    sites = lora.sites(sheet, read_values(lora, {"r": 4, "targets": targets}))
    real = {
        name.removeprefix("base_model.model."): tuple(parameter.shape)
        for name, parameter in peft_model(name, 4, targets).named_parameters()
        if parameter.requires_grad
    }
    ours = {}
    for site in sites:
        assert isinstance(site, LowRank)
        ours[f"{site.module}.lora_A.default.weight"] = (site.r, site.inputs)
        ours[f"{site.module}.lora_B.default.weight"] = (site.outputs, site.r)
    assert ours == real


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_full_trains_every_parameter_once(name: str) -> None:
    model = tiny_models.build(name)
    full = method_of("full")
    sites = full.sites(sheet_of(model), {})
    real = {name: parameter.numel() for name, parameter in model.named_parameters()}
    assert {site.tensor: site.size for site in sites if isinstance(site, Changed)} == real
    cost = cost_of(sheet_of(model), full, read_values(full, {}))
    assert cost.trainable == cost.total == sum(real.values())


def by_hand(model: PreTrainedModel, method: str, knobs: dict[str, Any]) -> torch.nn.Module:
    """``model`` made ready by PEFT or PyTorch's own means, as a person would do it."""
    if method == "prompt_tuning":
        config = PromptTuningConfig(num_virtual_tokens=knobs["tokens"], task_type="CAUSAL_LM")
        return get_peft_model(model, config)
    model.requires_grad_(False)
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    if method == "last_layers":
        blocks: Any = getattr(decoder, "layers", None) or getattr(decoder, "h", None)
        norms = ("norm", "ln_f", "final_layernorm")
        ends = [head, *(getattr(decoder, n) for n in norms if hasattr(decoder, n))]
        for part in (*blocks[-knobs["layers"] :], *(ends if knobs["head"] else ())):
            part.requires_grad_(True)
        return model
    for module in model.modules():
        if isinstance(module, torch.nn.Linear) and module.bias is None and module is not head:
            module.bias = torch.nn.Parameter(module.weight.new_zeros(module.out_features))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith(".bias"))
    return model


HANDMADE: list[tuple[str, dict[str, Any]]] = [
    ("last_layers", {"layers": 1, "head": False}),
    ("last_layers", {"layers": 2, "head": True}),
    ("bitfit", {}),
    ("prompt_tuning", {"tokens": 7}),
]


def assert_counted_alike(model: PreTrainedModel, method: str, knobs: dict[str, Any]) -> None:
    chosen = method_of(method)
    cost = cost_of(sheet_of(model), chosen, read_values(chosen, knobs))
    real = list(by_hand(model, method, knobs).parameters())
    assert cost.trainable == sum(p.numel() for p in real if p.requires_grad)
    assert cost.total == sum(p.numel() for p in real)


@pytest.mark.parametrize(("method", "knobs"), HANDMADE)
@pytest.mark.parametrize("name", [*tiny_models.NAMES, "qwen2"])
def test_the_others_count_what_torch_counts(name: str, method: str, knobs: dict[str, Any]) -> None:
    assert_counted_alike(tiny_models.build(name), method, knobs)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "knobs"), HANDMADE)
def test_on_the_starter_too(starter: Path, method: str, knobs: dict[str, Any]) -> None:
    assert_counted_alike(load_model(starter, dtype="bfloat16"), method, knobs)


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_the_result_takes_four_bytes_a_trained_value(method: Method) -> None:
    cost = cost_of(sheet_of(tiny_models.build("llama")), method, read_values(method, {}))
    assert cost.disk_bytes == 4 * cost.trainable


@pytest.fixture(scope="module")
def seventy_billion() -> Sheet:
    config = LlamaConfig(
        hidden_size=8192,
        intermediate_size=28_672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128_256,
    )
    with torch.device("meta"):
        return sheet_of(LlamaForCausalLM(config))


@pytest.mark.parametrize(("method", "trainable"), [("lora", 207_093_760), ("full", 70_553_706_496)])
def test_seventy_billion_parameters_are_counted_at_once(
    seventy_billion: Sheet, method: str, trainable: int
) -> None:
    chosen = method_of(method)
    values = read_values(chosen, {})
    began = perf_counter()
    cost = cost_of(seventy_billion, chosen, values)
    seconds = perf_counter() - began
    assert cost.trainable == trainable
    assert 0 < cost.counted_in_seconds <= seconds < 0.1


def test_a_wider_model_learns_at_a_lower_rate(seventy_billion: Sheet) -> None:
    rates = [
        method_of("full").learning_rate(replace(seventy_billion, hidden=hidden))
        for hidden in (576, 2000, 8192)
    ]
    # 5e-5 * (2000 / hidden)^0.781, worked out by hand
    assert rates == [1.3e-4, 5e-5, 1.7e-5]
