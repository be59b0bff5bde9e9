"""Sheets against torch: the same names, shapes and totals as the model that is really built."""

import json
import time
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, LlamaConfig

from studio.core.errors import UserMistake
from studio.core.sheets import Layer, LayerKind, Sheet
from studio.engine.sheet_reader import cached_sheet, read_sheet, sheet_of
from tests.engine import tiny_models


@pytest.fixture(params=tiny_models.NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(name: str, tmp_path: Path) -> Path:
    """A folder with the configuration alone."""
    tiny_models.config(name).save_pretrained(tmp_path)
    return tmp_path


def layer(sheet: Sheet, name: str) -> Layer:
    return next(layer for layer in sheet.layers if layer.name == name)


def test_names_shapes_and_total_are_those_of_the_real_model(name: str, folder: Path) -> None:
    model, sheet = tiny_models.build(name), read_sheet(folder)
    real = {n: tuple(p.shape) for n, p in model.named_parameters(remove_duplicate=False)}
    assert {tensor.name: tensor.shape for tensor in sheet.tensors()} == real
    assert sheet.total == sum(p.numel() for p in model.parameters())
    assert sheet.architecture == type(model).__name__
    assert (sheet.blocks, sheet.hidden, sheet.vocabulary) == (2, 32, 300)
    assert sheet.context == tiny_models.CONTEXT


def test_ties_are_those_of_the_real_model(name: str, folder: Path) -> None:
    model, sheet = tiny_models.build(name), read_sheet(folder)
    real = dict(model.named_parameters(remove_duplicate=False))
    assert sheet.tied == model.config.tie_word_embeddings
    for tensor in sheet.tensors():
        twins = [n for n, p in real.items() if p is real[tensor.name] and n != tensor.name]
        assert tensor.tied_to in ([None] if not twins else [None, *twins])
    assert sum(tensor.tied_to is not None for tensor in sheet.tensors()) == int(sheet.tied)


def test_a_linear_has_the_features_that_go_in_and_out(name: str, folder: Path) -> None:
    model, sheet = tiny_models.build(name), read_sheet(folder)
    for linear in (layer for layer in sheet.layers if layer.is_linear):
        made = model.get_submodule(linear.name)(torch.zeros(1, linear.inputs))
        assert made.shape == (1, linear.outputs)


def test_the_head_is_known_and_is_no_target(name: str, folder: Path) -> None:
    model, sheet = tiny_models.build(name), read_sheet(folder)
    heads = [layer.name for layer in sheet.layers if layer.is_head]
    assert [model.get_submodule(head) for head in heads] == [model.get_output_embeddings()]
    assert not {layer.name for layer in sheet.linears()} & set(heads)


def test_every_layer_of_a_block_has_its_number(name: str, folder: Path) -> None:
    sheet = read_sheet(folder)
    prefix = "transformer.h." if name == "gpt2" else "model.layers."
    for item in sheet.layers:
        inside = item.name.startswith(prefix)
        assert item.block == (int(item.name.split(".")[2]) if inside else None)


@pytest.mark.parametrize(
    ("name", "at", "kind"),
    [
        ("llama", "model.layers.0.self_attn.q_proj", LayerKind.LINEAR),
        ("llama", "model.embed_tokens", LayerKind.EMBEDDING),
        ("qwen3", "model.layers.1.self_attn.k_norm", LayerKind.NORM),
        ("gemma3", "model.embed_tokens", LayerKind.EMBEDDING),
        ("gpt2", "transformer.h.0.attn.c_attn", LayerKind.CONV1D),
        ("gpt2", "transformer.ln_f", LayerKind.NORM),
        ("phi", "model.layers.0.mlp.fc1", LayerKind.LINEAR),
        ("mixtral", "model.layers.0.mlp.experts", LayerKind.EXPERTS),
        ("mixtral", "model.layers.0.mlp.gate", LayerKind.OTHER),
        ("phimoe", "model.layers.0.mlp.router", LayerKind.OTHER),
    ],
)
def test_a_layer_is_what_it_does(name: str, at: str, kind: LayerKind) -> None:
    assert layer(sheet_of(tiny_models.build(name)), at).kind is kind


def test_seventy_billion_parameters_take_a_second_and_no_memory(tmp_path: Path) -> None:
    config = LlamaConfig(
        hidden_size=8192,
        intermediate_size=28_672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
        vocab_size=128_256,
        max_position_embeddings=131_072,
    )
    config.save_pretrained(tmp_path)
    with torch.device("meta"):
        real = AutoModelForCausalLM.from_config(config)
    began = time.perf_counter()
    sheet = read_sheet(tmp_path)
    seconds = time.perf_counter() - began
    assert sheet.total == sum(p.numel() for p in real.parameters()) == 70_553_706_496
    assert len(sheet.linears()) == 80 * 7
    assert seconds < 1.5


def test_of_a_model_that_also_sees_the_text_part_counts(tmp_path: Path) -> None:
    text = tiny_models.config("gemma3").to_dict()
    whole = {"model_type": "gemma3", "text_config": text, "vision_config": {"hidden_size": 16}}
    (tmp_path / "config.json").write_text(json.dumps(whole), encoding="utf-8")
    assert read_sheet(tmp_path) == sheet_of(tiny_models.build("gemma3"))


def test_a_quantised_model_has_the_shapes_of_a_plain_one(tmp_path: Path) -> None:
    config = tiny_models.config("llama")
    plain = sheet_of(tiny_models.build("llama"))
    config.quantization_config = BitsAndBytesConfig(load_in_4bit=True).to_dict()
    config.save_pretrained(tmp_path)
    assert read_sheet(tmp_path) == plain


def test_a_cached_sheet_is_the_same_and_is_not_read_again(tmp_path: Path) -> None:
    tiny_models.config("llama").save_pretrained(tmp_path / "model")
    cache = tmp_path / "sheets"
    first = cached_sheet(tmp_path / "model", cache)
    (kept,) = cache.iterdir()
    kept.write_text(kept.read_text(encoding="utf-8").replace("LlamaFor", "MarkedFor"))
    assert first == read_sheet(tmp_path / "model")
    assert cached_sheet(tmp_path / "model", cache).architecture == "MarkedForCausalLM"


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"layers": 3}'])
def test_a_damaged_cache_is_made_anew(damage: str, tmp_path: Path) -> None:
    tiny_models.config("llama").save_pretrained(tmp_path / "model")
    cache = tmp_path / "sheets"
    first = cached_sheet(tmp_path / "model", cache)
    (kept,) = cache.iterdir()
    kept.write_text(damage, encoding="utf-8")
    assert cached_sheet(tmp_path / "model", cache) == first
    assert kept.read_text(encoding="utf-8") != damage


def test_another_configuration_has_another_cached_sheet(tmp_path: Path) -> None:
    cache = tmp_path / "sheets"
    config = tiny_models.config("llama")
    for hidden in (32, 64):
        config.hidden_size = hidden
        config.save_pretrained(tmp_path / "model")
        assert cached_sheet(tmp_path / "model", cache).hidden == hidden


def test_without_a_configuration_there_is_nothing_to_cache(tmp_path: Path) -> None:
    with pytest.raises(UserMistake) as refused:
        cached_sheet(tmp_path, tmp_path / "sheets")
    assert refused.value.key == "models.no_config"
    assert not (tmp_path / "sheets").exists()


def test_numbers_that_do_not_fit_together_are_refused_with_the_reason(tmp_path: Path) -> None:
    data = {"model_type": "gpt2", "n_embd": 32, "n_head": 5}
    (tmp_path / "config.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UserMistake) as refused:
        read_sheet(tmp_path)
    assert refused.value.key == "models.bad_config"
    assert refused.value.facts["file"] == "config.json"
    assert "num_heads" in refused.value.facts["reason"]
