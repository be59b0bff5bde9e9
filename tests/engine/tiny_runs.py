"""Runs on a tiny model: a few rows, a few updates, done in a tenth of a second."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from studio.core.recipe import Base, Lessons, Recipe, Training
from studio.core.rows import Body, Split
from studio.engine.identity import identity
from studio.engine.trainer import main
from studio.store.run_folder import RunFolder, RunRow
from studio.store.tensors import tuned_sha256
from tests.engine import tiny_models

Begin = Callable[..., RunFolder]
"""Makes a run folder; see :func:`new_run`."""

TRAINING: dict[str, Any] = {
    "steps": 3,
    "batch": 2,
    "lr": 0.01,
    "eval_every": 2,
    "save_every": 1,
    "precision": "float32",
}


def row(number: int, split: Split = Split.TRAIN, answer: str | None = None) -> RunRow:
    """A row with the id ``row-<number>``, which is in its question too."""
    answer = f"It is {2 * number + 1}, my friend." if answer is None else answer
    return RunRow(f"row-{number}", Body.pair(f"What is {number} + {number + 1}?", answer), split)


ROWS = (*(row(number) for number in range(8)), row(8, Split.CHECK), row(9, Split.CHECK))


def tiny_base(folder: Path, name: str = "llama") -> Path:
    """A tiny base model in the new folder ``folder``."""
    return tiny_models.save(name, folder)


def new_run(
    place: Path,
    base: Path,
    *,
    method: str = "lora",
    knobs: dict[str, Any] | None = None,
    rows: Sequence[RunRow] = ROWS,
    questions: tuple[str, ...] = (),
    model_id: str = "tiny",
    **training: Any,
) -> RunFolder:
    """The folder ``place`` of a new run on ``base``; ``training`` over :data:`TRAINING`."""
    if knobs is None:
        knobs = {"r": 4, "dropout": 0.1} if method == "lora" else {}
    recipe = Recipe(
        name=place.name,
        base=Base(model_id, str(base), identity(base)["hash"]),
        rows=Lessons("rows", "rows", "v"),
        method=method,
        knobs=knobs,
        training=Training.read(TRAINING | training),
        questions=questions,
    )
    return RunFolder.create(place, recipe, rows)


def train(run: RunFolder, code: int = 0) -> str | None:
    """Train as a new attempt; the hash of the result."""
    run.clear_request()
    assert main(str(run.path)) == code
    return tuned_sha256(run.tuned)


def reason(run: RunFolder) -> dict[str, Any]:
    state = run.state()
    assert state.status == "failed"
    assert state.reason is not None
    return state.reason


def refusal(run: RunFolder) -> dict[str, Any]:
    """Why the last resume could not begin."""
    (*_, last) = run.events()
    assert last["event"] == "refused"
    return dict(last["reason"])


def said(run: RunFolder, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in run.events() if event["event"] in kinds]
