"""How long it takes until the figures of a method are there, on models as large as there are.

    python -m tests.bench.bench_counts

The configurations are the published ones; their sheets are made once, on the meta device. What is
timed is what a slider asks for at each move: the whole of :meth:`MethodService.count`, with the
store's index and the files of the data folder. Exit code 1, with a sentence, for a miss.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.engine.sheet_reader import cached_sheet
from studio.methods import METHODS
from studio.store.models import ModelEntry
from studio.workbench import Workbench

BOUND = 100.0
"""The most milliseconds, for the first count of a server as for those that follow."""
FOLLOWING = 20

MODELS: dict[str, dict[str, Any]] = {
    "Llama-3-70B": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 8192,
        "intermediate_size": 28_672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 128_256,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
    },
    "Qwen2.5-72B": {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 8192,
        "intermediate_size": 29_568,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "vocab_size": 152_064,
        "max_position_embeddings": 131_072,
        "tie_word_embeddings": False,
    },
    "Mixtral-8x22B": {
        "architectures": ["MixtralForCausalLM"],
        "model_type": "mixtral",
        "hidden_size": 6144,
        "intermediate_size": 16_384,
        "num_hidden_layers": 56,
        "num_attention_heads": 48,
        "num_key_value_heads": 8,
        "vocab_size": 32_768,
        "max_position_embeddings": 65_536,
        "num_local_experts": 8,
        "num_experts_per_tok": 2,
        "tie_word_embeddings": False,
    },
}


def shelve(bench: Workbench, name: str, config: dict[str, Any]) -> None:
    """Make a model known of which there is nothing but a configuration."""
    folder = bench.data.models / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    cached_sheet(folder, bench.data.sheets)
    bench.models.index.add(
        ModelEntry(name, name, str(folder), {"kind": "folder", "hash": name}, {})
    )


def measure(bench: Workbench, model: str, method: str) -> tuple[float, float, int]:
    """Milliseconds of the first count and the median of those that follow; and what was counted."""
    times, trainable = [], 0
    for _ in range(1 + FOLLOWING):
        start = time.perf_counter()
        trainable = bench.methods.count(model, method, {})["trainable"]
        times.append(1000 * (time.perf_counter() - start))
    return times[0], statistics.median(times[1:]), trainable


def missed(table: Mapping[str, float]) -> list[str]:
    """What to say of each count in ``table`` that took too long."""
    slow = {name: took for name, took in table.items() if took > BOUND}
    return [f"{name}: {took:.0f} ms, {BOUND:.0f} is the most." for name, took in slow.items()]


def main() -> None:
    """Measure and print."""
    table: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        with Workbench.open(Path(folder)) as bench:
            for model, config in MODELS.items():
                shelve(bench, model, config)
        for method in METHODS:
            with Workbench.open(Path(folder)) as bench:
                for model in MODELS:
                    first, then, trainable = measure(bench, model, method)
                    table |= {f"{model} {method} first": first, f"{model} {method}": then}
                    print(f"{model:14} {method:14} {trainable:16,} {first:8.1f} {then:8.1f} ms")
    if problems := missed(table):
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
