"""The tiny Llama as a GGUF file, written by llama.cpp's own Python package."""

import json
from pathlib import Path

import gguf
import numpy as np

from tests.engine import tiny_models

Type = gguf.GGMLQuantizationType
_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def gguf_name(name: str) -> str:
    """transformers' name of a Llama tensor as llama.cpp has it."""
    module, kind = name.rsplit(".", 1)
    if module.startswith("model.layers."):
        _, _, block, part = module.split(".", 3)
        return f"blk.{block}.{_PARTS[part]}.{kind}"
    return f"{_PARTS[module]}.{kind}"


def unpacked(weight: np.ndarray, packing: Type) -> np.ndarray:
    """What is left of ``weight`` after packing: rows that fill no blocks stay as they are."""
    return gguf.dequantize(_packed(weight, packing)[0], _packed(weight, packing)[1])


def write(path: Path, packing: Type = Type.F32, *, architecture: str = "llama") -> Path:
    """Write the tiny Llama to ``path``, its matrices packed as ``packing``."""
    config = tiny_models.config("llama")
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_license("mit")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer)
    for name, parameter in tiny_models.build("llama").named_parameters():
        weight = parameter.detach().numpy()
        heads = {"q": config.num_attention_heads, "k": config.num_key_value_heads}
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            weight = _permuted(weight, heads[name.rsplit(".", 2)[1][0]])
        data, kind = _packed(weight, packing)
        writer.add_tensor(gguf_name(name), data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _packed(weight: np.ndarray, packing: Type) -> tuple[np.ndarray, Type]:
    block = gguf.GGML_QUANT_SIZES[packing][0]
    kind = packing if weight.ndim == 2 and weight.shape[1] % block == 0 else Type.F32
    return gguf.quantize(weight, kind), kind


def _permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows in llama.cpp's interleaved rotary order."""
    rows, columns = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    tokenizer = tiny_models.tokenizer()
    inner = json.loads(tokenizer.backend_tokenizer.to_str())
    pieces = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    special = set(tokenizer.all_special_tokens)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(pieces)
    writer.add_token_types([3 if piece in special else 1 for piece in pieces])
    writer.add_token_merges([" ".join(merge) for merge in inner["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tiny_models.CHAT_TEMPLATE)
