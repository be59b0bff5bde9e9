"""What the checklist says before a start is what the trainer then says at its start."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from studio.core.costs import disk_needed
from studio.core.rows import Body, NewRow, Split, Status
from studio.engine.operations import OPERATIONS, Bench
from studio.store.data_folder import DataFolder
from studio.store.run_folder import RunFolder
from studio.workbench import Workbench
from studio.workbench.checklists import _reason_of
from studio.workbench.engine_room import EngineRoom
from studio.workbench.orders import Order
from tests.engine.tiny_runs import said, train
from tests.tiny_studio import until

Json = dict[str, Any]
LONG = "Why? " * 60


class Inside(EngineRoom):
    """Does in this process what the engine does in its own."""

    def __init__(self, data: DataFolder) -> None:
        super().__init__(data)
        self._bench = Bench()

    def call(self, op: str, /, **args: Any) -> Any:
        answer = OPERATIONS[op](self._bench, lambda: False, **args)
        while True:
            try:
                next(answer)
            except StopIteration as end:
                return end.value

    def stream(self, op: str, /, **args: Any) -> Any:
        return _Whole(self.call(op, **args))


class _Whole:
    """An answer that is there already."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def __enter__(self) -> "_Whole":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def __iter__(self) -> Any:
        return iter(())


def rows() -> list[NewRow]:
    """All that can happen to a row, several times."""
    bodies = [
        *[Body.pair(f"What is {number}?", f"It is {number}.") for number in range(30)],
        *[Body.pair(f"Long {number}?", LONG) for number in range(3)],
        *[Body.pair(f"{LONG} {number}?", "Because.") for number in range(2)],
        Body.pair("Unanswered?", " "),
        Body.pair(" ", "Unasked."),
        Body(text="Plain text."),
    ]
    ready = [NewRow(body, Status.READY, _split(n)) for n, body in enumerate(bodies)]
    return [*ready, NewRow(bodies[0]), NewRow(bodies[1], Status.FLAGGED)]


def _split(number: int) -> Split:
    return {3: Split.EXAM, 4: Split.CHECK, 31: Split.CHECK, 33: Split.CHECK}.get(
        number, Split.TRAIN
    )


@pytest.mark.parametrize(
    "asked",
    [
        {"method": "lora"},
        {"method": "lora", "training": {"max_length": 48, "batch": 3, "steps": 5}},
        {"method": "full", "training": {"check": 0.4, "epochs": 2}},
        {"method": "last_layers", "training": {"max_length": 200, "check": 0}},
        {"method": "prompt_tuning", "knobs": {"tokens": 8}, "training": {"max_length": 48}},
    ],
    ids=str,
)
def test_the_trainer_leaves_out_what_the_checklist_has_said(
    base: Path,
    tmp_path: Path,
    as_in_a_process_of_its_own: None,
    asked: Json,
) -> None:
    data = DataFolder.open(tmp_path / "data")
    training = {"batch": 4, "epochs": 1, "lr": 0.01, "precision": "float32"}
    training |= asked.get("training", {})
    with Workbench(data, engine=Inside(data)) as bench:
        model = bench.models.add(str(base))["id"]
        home = bench.rows.datasets.create("rows")
        bench.rows.rows.add(home.id, rows(), key="rows")
        wanted = asked | {"model": model, "dataset": home.id, "training": training}
        until(lambda: bench.orders.checklist(**wanted)["measured"])
        found = bench.orders.checklist(**wanted)
        ready = bench.orders.read(Order(**wanted))
        run = RunFolder.create(data.runs / "run", ready.recipe, ready.rows)
    train(run)
    (start,) = said(run, "start")
    assert found["problem"] is None
    assert (found["trains"], found["check_rows"]) == (start["rows"], start["check_rows"])
    assert (found["cut_rows"], found["updates"]) == (start["cut_rows"], start["total"])
    assert found["disk_needed_bytes"] == disk_needed(start["trainable"])
    theirs = Counter(_reason_of(left["reason"]) for left in start["left_out"])
    ours = {left["reason"]: left["count"] for left in found["left_out"]}
    statuses = {"draft": 1, "flagged": 1, "exam": 1}
    assert ours == statuses | theirs
    assert found["trains"] + found["check_rows"] + sum(ours.values()) == found["rows"] == 40
    assert min(found["cut_rows"], theirs["too_long"], theirs["text"]) > 0
