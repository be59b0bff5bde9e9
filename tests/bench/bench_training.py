"""Real word pieces a second of our trainer and of TRL, in interleaved pairs, same rows and model.

    python -m tests.bench.bench_training --model FOLDER --shared ../shared [--pairs 5] [--steps 8]

Prints a table; exit code 1, with a sentence, where the median ratio or the first losses miss their
bound. To be run alone on the machine.

LoRA r 16 on all linear layers, 8 rows a step in file order, at most 512 word pieces, lr 2e-4,
no clipping. Ours runs as the product does: a run folder and the trainer's own entry in a process
of its own. TRL runs from ``shared/bench/peer_trl.py``. Its tier ``fp32`` (the default here) is the
tier ``best`` with fp32 weights, the fastest one on a CPU that has no bf16. ``--tiers fp32,best``
also takes ``best`` as it is, in bf16: such a CPU emulates that and takes minutes for a step. The
first two steps are left out.

The first losses are compared on the same labels: TRL also learns the line feed that the template
writes after the end of a turn; with that label added, ours is the first number of the last column.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FASTER, NEAR = 2.5, 3e-3
"""The least median ratio, and how far apart first losses may be, relatively, on the same labels."""

TIERS = ("fp32", "best")
SKIPPED = 2
RANK, BATCH, LENGTH = 16, 8, 512

PEER = """
import runpy, sys
if sys.argv[1] == "fp32":
    import torch
    torch.bfloat16 = torch.float32
    sys.argv[1] = "best"
sys.argv = [sys.argv[2], "--tier", sys.argv[1], *sys.argv[3:]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def peer(tier: str, script: Path, model: Path, data: Path, steps: int) -> dict[str, Any]:
    """TRL's own line: losses, tokens and seconds of each step."""
    given = ["--model", model, "--data", data, "--steps", steps, "--batch", BATCH]
    given += ["--max-length", LENGTH, "--rank", RANK]
    words = [sys.executable, "-c", PEER, tier, script, *given]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, cwd=scratch, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {
        "tokens": found["real_tokens"],
        "seconds": found["step_seconds"],
        "loss": found["losses"][0],
    }


def ours(model: Path, data: Path, steps: int) -> dict[str, Any]:
    """The same steps by our trainer, from its events."""
    with tempfile.TemporaryDirectory() as scratch:
        words = [sys.executable, __file__, "--ours", scratch, "--model", str(model)]
        subprocess.run([*words, "--data", str(data), "--steps", str(steps)], check=True)
        lines = (Path(scratch) / "runs" / "ours" / "events.jsonl").read_text().splitlines()
    found = [event for line in lines if (event := json.loads(line))["event"] == "step"]
    return {
        "tokens": [step["tokens"] for step in found],
        "seconds": [step["seconds"] for step in found],
        "loss": found[0]["loss"],
        "gradient": min(step["grad_norm"] for step in found),
    }


def train(scratch: Path, model: Path, data: Path, steps: int) -> int:
    """The process that ours runs in."""
    from studio.core.recipe import Base, Lessons, Recipe, Training
    from studio.core.rows import Body, Split
    from studio.engine.identity import identity
    from studio.engine.trainer import main
    from studio.store.run_folder import RunFolder, RunRow

    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    lessons = [
        RunRow(str(number), Body.pair(row["prompt"], row["response"]), Split.TRAIN)
        for number, row in enumerate(rows[: steps * BATCH])
    ]
    asked = {"steps": steps, "batch": BATCH, "lr": 2e-4, "schedule": "constant", "warmup": 0}
    asked |= {"clip": 0, "shuffle": False, "check": 0, "save_every": 0, "max_length": LENGTH}
    recipe = Recipe(
        "ours",
        Base("bench", str(model), identity(model)["hash"]),
        Lessons("bench", "bench", ""),
        "lora",
        {"r": RANK},
        Training.read(asked),
    )
    return main(str(RunFolder.create(scratch / "runs" / "ours", recipe, lessons).path))


def first_loss(model: Path, data: Path) -> tuple[float, float]:
    """Loss of the first step's rows before training: with our labels, and with TRL's."""
    from studio.core.rows import Body
    from studio.engine.batches import Batch, Lesson
    from studio.engine.encoding import Encoder
    from studio.engine.forward import mean_loss, segments_forward
    from studio.engine.loading import load_model, load_tokenizer

    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()[:BATCH]]
    encoder = Encoder(load_tokenizer(model))
    loaded = load_model(model, dtype="float32")
    encoded = [
        encoder.encode(Body.pair(r["prompt"], r["response"]), max_length=LENGTH) for r in rows
    ]
    lessons = [Lesson("", e.ids, e.labelled) for e in encoded]
    theirs = [
        Lesson("", e.ids, (*e.labelled[:-1], True) if e.stop_trained else e.labelled)
        for e in encoded
    ]
    both = [
        mean_loss(loaded, [Batch.of(part, "cpu")], segments_forward) for part in (lessons, theirs)
    ]
    return both[0], both[1]


def speed(found: dict[str, Any]) -> float:
    """Real word pieces a second after the first steps."""
    return float(sum(found["tokens"][SKIPPED:]) / sum(found["seconds"][SKIPPED:]))


def missed(tier: str, ratios: Sequence[float], same: float, peers: Sequence[float]) -> list[str]:
    """What misses its bound: the median of ``ratios``, or a first loss of ``peers``.

    ``same`` is our first loss on their labels.
    """
    sentences = []
    if (median := statistics.median(ratios)) < FASTER:
        sentences.append(f"{tier}: the median ratio is {median:.2f}, it must be {FASTER}.")
    if (apart := max(abs(same / loss - 1) for loss in peers)) > NEAR:
        sentences.append(f"{tier}: first losses are {apart:.1e} apart, {NEAR:.0e} is the most.")
    return sentences


def main() -> None:
    """Print one line a pair and the medians."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--tiers", default="fp32", help=f"some of {', '.join(TIERS)}")
    parser.add_argument("--ours", type=Path)
    given = parser.parse_args()
    if unknown := set(given.tiers.split(",")) - set(TIERS):
        parser.error(f"no such tier: {', '.join(sorted(unknown))}")
    data = given.data or given.shared / "data" / "medquad_2000.jsonl"
    model, data = given.model.resolve(), data.resolve()
    os.environ |= {"OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1"}
    if given.ours:
        sys.exit(train(given.ours, model, data, given.steps))
    script = (given.shared / "bench" / "peer_trl.py").resolve()
    same, theirs = first_loss(model, data)
    print(f"first loss, untouched model: our labels {same:.4f}, TRL's labels {theirs:.4f}")
    print("| tier | ours tokens/s | TRL tokens/s | ratio | first loss ours / TRL |")
    print("|---|--:|--:|--:|--:|")
    problems: list[str] = []
    for tier in given.tiers.split(","):
        ratios, losses = [], []
        for _ in range(given.pairs):
            mine = ours(model, data, given.steps)
            peers = peer(tier, script, model, data, given.steps)
            assert mine["tokens"] == peers["tokens"], "not the same rows"
            assert mine["gradient"] > 0
            ratios.append(speed(mine) / speed(peers))
            losses.append(peers["loss"])
            print(
                f"| {tier} | {speed(mine):.0f} | {speed(peers):.0f} | {ratios[-1]:.2f}"
                f" | {mine['loss']:.4f} / {peers['loss']:.4f} |",
                flush=True,
            )
        print(f"| {tier} | | | median {statistics.median(ratios):.2f} | |", flush=True)
        problems += missed(tier, ratios, theirs, losses)
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
