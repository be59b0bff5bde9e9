"""Counts against PEFT: every method, exact on every family, before anything is loaded."""

from dataclasses import replace
from time import perf_counter

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

from studio.core.sheets import Layer, Sheet
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
