"""What an engine that computes nothing knows by heart: one tiny model, and one machine."""

from typing import Any

from studio.core.sheets import Layer, LayerKind, Sheet, Tensor

Json = dict[str, Any]

SHEET = Sheet(
    architecture="TinyForCausalLM",
    blocks=1,
    hidden=32,
    context=64,
    vocabulary=32,
    tied=False,
    layers=(
        Layer("embed", LayerKind.EMBEDDING, (Tensor("embed.weight", (32, 32)),)),
        Layer(
            "layers.0.up", LayerKind.LINEAR, (Tensor("layers.0.up.weight", (32, 32)),), 32, 32, 0
        ),
    ),
)
FACTS: Json = {
    "architecture": "TinyForCausalLM",
    "parameters": 134_515_008,
    "layers": 30,
    "context": 8192,
    "chat_template": True,
    "licence": "apache-2.0",
    "bytes": 269_060_552,
    "identity": {"kind": "folder", "hash": "ab" * 32},
}
MACHINE: Json = {
    "device": "cpu",
    "precision": "float32",
    "threads": 2,
    "instructions": "AVX2",
    "memory_bytes": {"total": 16 * 2**30, "free": 12 * 2**30},
}
