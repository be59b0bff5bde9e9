"""Runs that can answer, as far as the workbench looks at them; no tensor in them is one."""

from collections.abc import Sequence
from pathlib import Path

from studio.core.plan import Plan
from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Body, Split
from studio.store.atomic import write_json
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.run_folder import RunFolder, RunRow
from studio.store.runs import RunEntry, Runs

PLAN = Plan("cpu", "float32", 2, "rows", 1e-3, 64, 40, 10, "", {}, "", "")
ROWS = (
    RunRow("learned", Body.pair("How do I swim?", "Ahoy."), Split.TRAIN),
    RunRow("held", Body.pair("How do I run?", "Ahoy, runner."), Split.CHECK),
)


def answering_run(
    data: Path,
    name: str,
    *,
    rows: Sequence[RunRow] = ROWS,
    tuned: int | None = 40,
    points: Sequence[int] = (20, 40),
    model: str = "tiny",
    has_plan: bool = True,
) -> RunFolder:
    """A run with a result of that update and such save points, in the data folder ``data``."""
    home = DataFolder.open(data)
    index, datasets = Runs(Database(home.database)), Datasets(Database(home.database))
    dataset = next(iter(datasets.list()), None) or datasets.create("Fever")
    id = f"run{len(index.list()) + 1}"
    recipe = Recipe(name, Base(model, "", ""), Lessons(dataset.id, dataset.name, "v"), "lora")
    run = RunFolder.create(home.runs / id, recipe, rows)
    index.add(RunEntry(id, name, dataset.id, "v", model, "lora"), [])
    if has_plan:
        run.write_plan(PLAN)
    for step in points:
        with run.checkpoints.writing(step) as folder:
            (folder / "trained.safetensors").write_bytes(b"")
    if tuned is not None:
        run.tuned.mkdir()
        write_json(run.tuned / "studio.json", {"step": tuned})
    return run
