"""Base and tuned side by side in one batch, against one lane after the other. Prints a table.

    python -m tests.bench.bench_lanes FOLDER [pairs] [word pieces]

FOLDER holds the model, best the starter. LoRA r 16 beside all linear layers, greedy, both lanes to
the same length; interleaved pairs, the median of their ratios. The third column is how others
compare: PEFT's own model generates with its adapter, and without it. On the CPU, alone on the
machine. Exit code 1, with a sentence, where the ratio misses its bound in the number format that
a run would choose here; bf16 is measured also where the CPU has to emulate it.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import torch
from peft import PeftModel

from studio.core.rows import Message
from studio.engine import machine
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED, OneBatch, Sampling, answer
from studio.engine.loading import load_model, load_tokenizer
from tests.engine.tuned_models import Tuned, tune

FASTER = 1.3
"""The least ratio of one batch to one lane after the other."""

QUESTION = "What are the early signs of diabetes, and what can somebody do about them?"


def seconds(act: Callable[[], object]) -> float:
    start = perf_counter()
    act()
    return perf_counter() - start


def together(tuned: Tuned, prompt: Sequence[int], length: int, lanes: Sequence[str]) -> int:
    """Answer in ``lanes`` of one batch; how many word pieces came."""
    voices = OneBatch(tuned.made, list(lanes))
    given = answer(voices, prompt, lanes, sampling=Sampling(length), stop_ids=frozenset())
    return sum(1 for _ in given)


def one_by_one(tuned: Tuned, prompt: Sequence[int], length: int) -> int:
    return sum(together(tuned, prompt, length, [lane]) for lane in (BASE, TUNED))


def generate_twice(model: PeftModel, prompt: Sequence[int], length: int) -> None:
    """As peers do it: one ``generate`` with the adapter switched off, one with it on."""
    given = {
        "input_ids": torch.tensor([prompt]),
        "attention_mask": torch.ones(1, len(prompt), dtype=torch.long),
        "max_new_tokens": length,
        "min_new_tokens": length,
        "do_sample": False,
        "pad_token_id": 0,
    }
    with model.disable_adapter():
        model.generate(**given)
    model.generate(**given)


def measure(folder: Path, dtype: str, pairs: int, length: int) -> list[tuple[float, float, float]]:
    """Word pieces a second of both lanes, pair by pair: in one batch, one by one, by PEFT."""
    prompt = Encoder(load_tokenizer(folder)).prompt([Message("user", QUESTION)])
    tuned = tune(load_model(folder, dtype=dtype), "lora", strength=0.02, knobs={"r": 16})
    with tempfile.TemporaryDirectory() as scratch:
        written = tuned.write(Path(scratch) / "tuned")
        peers = PeftModel.from_pretrained(load_model(folder, dtype=dtype), written).eval()
    assert together(tuned, prompt, 2, (BASE, TUNED)) == one_by_one(tuned, prompt, 2) == 4
    generate_twice(peers, prompt, 2)
    return [
        (
            2 * length / seconds(lambda: together(tuned, prompt, length, (BASE, TUNED))),
            2 * length / seconds(lambda: one_by_one(tuned, prompt, length)),
            2 * length / seconds(lambda: generate_twice(peers, prompt, length)),
        )
        for _ in range(pairs)
    ]


def missed(dtype: str, ratio: float) -> str | None:
    """What to say where ``ratio`` misses its bound."""
    if ratio >= FASTER:
        return None
    return f"{dtype}: one batch is {ratio:.2f} times as fast as one by one, it must be {FASTER}."


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1])
    given = [int(word) for word in sys.argv[2:]]
    pairs, length = (*given, *(5, 64)[len(given) :])
    machine.use_threads()
    chosen, problem = machine.number_format("cpu"), None
    print("| format | in one batch, tokens/s | one by one | PEFT, one by one | ratio | to PEFT |")
    print("|---|--:|--:|--:|--:|--:|")
    for dtype in ("float32", "bfloat16"):
        is_emulated = dtype == "bfloat16" and chosen != dtype
        name = f"{dtype}, emulated: this CPU has none that is fast" if is_emulated else dtype
        found = measure(folder, dtype, pairs, length)
        batch, single, peft = (statistics.median(column) for column in zip(*found, strict=True))
        ratio = statistics.median(row[0] / row[1] for row in found)
        to_peft = statistics.median(row[0] / row[2] for row in found)
        print(
            f"| {name} | {batch:.1f} | {single:.1f} | {peft:.1f} | {ratio:.2f} | {to_peft:.2f} |",
            flush=True,
        )
        if dtype == chosen:
            problem = missed(dtype, ratio)
    if problem is not None:
        sys.exit(problem)


if __name__ == "__main__":
    main()
