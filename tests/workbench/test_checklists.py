"""What stands before a start, against a store that is real and an engine that knows by heart."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import Fault, Refusal, StudioError, UserMistake
from studio.core.events import Started, Stepped
from studio.core.recipe import Training
from studio.core.rows import Body, NewRow, Row, Split, Status
from studio.store.run_folder import RunFolder
from tests.known_model import FACTS
from tests.store.sample_rows import ask
from tests.tiny_studio import until
from tests.workbench.workshop import Workshop

Json = dict[str, Any]

MIXED = [
    *[NewRow(ask(number), Status.READY, Split.TRAIN) for number in range(10)],
    *[NewRow(ask(number), Status.READY, Split.CHECK) for number in range(10, 13)],
    *[NewRow(ask(number), Status.READY, Split.EXAM) for number in range(13, 15)],
    *[NewRow(ask(number)) for number in range(15, 22)],
    NewRow(ask(22), Status.FLAGGED),
    NewRow(Body.pair("Unanswered?", " "), Status.READY, Split.TRAIN),
    NewRow(Body(text="Plain text."), Status.READY, Split.TRAIN),
]


@pytest.fixture
def order(workshop: Workshop) -> Json:
    """What the desk holds: a model, mixed rows, a method."""
    workshop.fill("mixed", MIXED)
    model = workshop.models.add(workshop.order(dataset="mixed").model)["id"]
    return {"model": model, "dataset": "mixed", "method": "lora", "knobs": {"r": 2}}


def ready_rows(workshop: Workshop) -> list[Row]:
    return list(workshop.rows.rows.ready(workshop.rows.datasets.get("mixed").id))


def measured(workshop: Workshop, order: Json, **answer: Any) -> Json:
    """The checklist once the engine has told how long the rows are, and which it leaves out."""
    rows = [row.id for row in ready_rows(workshop) if row.split is not Split.EXAM]
    why = UserMistake("rows.empty_response").as_json()
    left_out = dict.fromkeys(rows[13:], why) | answer.pop("left_out", {})
    tokens = dict.fromkeys((row for row in rows if row not in left_out), 10)
    told = {"tokens": tokens, "cut": [], "left_out": left_out}
    workshop.engine.results["measure"] = told | answer
    until(lambda: workshop.orders.checklist(**order)["measured"])
    return workshop.orders.checklist(**order)


def breaking(
    workshop: Workshop, error: StudioError, meanwhile: Callable[[], None] = lambda: None
) -> list[str]:
    """Let the engine answer ``error`` to whoever measures; how often it did."""
    whole, times = workshop.engine.call, []

    def call(op: str, /, **args: Any) -> Any:
        if op != "measure":
            return whole(op, **args)
        times.append(op)
        meanwhile()
        raise error

    workshop.engine.call = call  # type: ignore[method-assign]
    return times


def problem(workshop: Workshop, order: Json) -> str | None:
    found = workshop.orders.checklist(**order)["problem"]
    return None if found is None else str(found["key"])


def test_every_row_of_the_dataset_is_accounted_for(workshop: Workshop, order: Json) -> None:
    found = workshop.orders.checklist(**order)
    counts = {left["reason"]: left["count"] for left in found["left_out"]}
    assert counts == {"draft": 7, "flagged": 1, "exam": 2, "nothing_to_learn": 1, "text": 1}
    assert (found["trains"], found["check_rows"], found["exam"]) == (10, 3, 2)
    assert found["rows"] == found["trains"] + found["check_rows"] + sum(counts.values()) == 25
    assert (found["problem"], found["measured"], found["cut_rows"]) == (None, False, 0)
    home = workshop.rows.datasets.get("mixed")
    assert (found["dataset"], found["version"]) == (
        home.id,
        workshop.rows.versions.current(home.id),
    )


def test_rows_that_are_left_out_are_named_by_their_numbers_five_at_most(
    workshop: Workshop, order: Json
) -> None:
    left_out = {left["reason"]: left for left in workshop.orders.checklist(**order)["left_out"]}
    assert [row["number"] for row in left_out["draft"]["rows"]] == [16, 17, 18, 19, 20]
    assert [row["number"] for row in left_out["exam"]["rows"]] == [14, 15]
    assert [row["number"] for row in left_out["nothing_to_learn"]["rows"]] == [24]
    assert left_out["nothing_to_learn"]["why"]["key"] == "rows.empty_response"
    assert left_out["text"]["rows"][0]["id"] == ready_rows(workshop)[-1].id


def test_updates_and_passes_are_those_of_the_course(workshop: Workshop, order: Json) -> None:
    def course(**training: Any) -> tuple[int, float]:
        found = workshop.orders.checklist(**order, training=training)
        return found["updates"], found["passes"]

    assert course(batch=4, epochs=2) == (6, 2.0)
    assert course(batch=4, steps=4) == (4, 1.333)
    assert course(batch=4, accumulate=2, epochs=3) == (6, 3.0)


def test_a_share_of_its_own_moves_rows_between_learning_and_checking(
    workshop: Workshop, order: Json
) -> None:
    found = workshop.orders.checklist(**order, training={"check": 0})
    assert (found["trains"], found["check_rows"]) == (13, 0)


def test_the_engine_tells_which_rows_are_too_long_and_which_are_cut(
    workshop: Workshop, order: Json
) -> None:
    first, second, third, *_ = (row.id for row in ready_rows(workshop))
    found = measured(
        workshop,
        order,
        cut=[third],
        left_out={
            first: UserMistake("rows.prompt_fills_length", limit=64).as_json(),
            second: Refusal("tokens.message_rewritten").as_json(),
        },
    )
    counts = {left["reason"]: left["count"] for left in found["left_out"]}
    assert counts == {"draft": 7, "flagged": 1, "exam": 2} | {
        "too_long": 1,
        "template": 1,
        "nothing_to_learn": 2,
    }
    assert (found["trains"], found["check_rows"], found["cut_rows"]) == (8, 3, 1)


def test_the_engine_is_asked_once_however_often_the_page_asks(
    workshop: Workshop, order: Json
) -> None:
    measured(workshop, order)
    for _ in range(3):
        assert workshop.orders.checklist(**order, training={"epochs": 9})["measured"]
    asked = [args for op, args in workshop.engine.asked if op == "measure"]
    assert [(args["max_length"], args["virtual"]) for args in asked] == [(None, 0)]
    assert len(asked[0]["rows"]) == 15, "no exam row is sent"


def test_another_length_and_other_rows_are_measured_anew(workshop: Workshop, order: Json) -> None:
    measured(workshop, order)
    assert not workshop.orders.checklist(**order, training={"max_length": 32})["measured"]
    workshop.rows.rows.set_status([ready_rows(workshop)[0].id], Status.DRAFT)
    assert not workshop.orders.checklist(**order)["measured"]
    until(lambda: all(task["status"] != "running" for task in workshop.tasks.list()))
    asked = [args["max_length"] for op, args in workshop.engine.asked if op == "measure"]
    assert asked == [None, 32, None]


def test_nothing_is_measured_while_somebody_trains(workshop: Workshop, order: Json) -> None:
    with workshop.engine.device("chat"):
        assert not workshop.orders.checklist(**order)["measured"]
    assert workshop.tasks.list() == []


def test_a_model_that_cannot_take_rows_in_is_the_problem(workshop: Workshop, order: Json) -> None:
    breaking(workshop, Refusal("tokens.no_backend", tokenizer="Slow"))
    until(lambda: problem(workshop, order) == "tokens.no_backend")
    assert workshop.tasks.list()[0]["status"] == "done"


def test_an_engine_that_breaks_is_not_asked_again_and_keeps_nobody_from_starting(
    workshop: Workshop, order: Json
) -> None:
    times = breaking(workshop, Fault("engine.died"))
    for _ in range(3):
        assert problem(workshop, order) is None
        until(lambda: [task["status"] for task in workshop.tasks.list()] == ["failed"])
    assert times == ["measure"]


def test_an_engine_that_was_closed_says_nothing_of_the_rows(
    workshop: Workshop, order: Json
) -> None:
    times = breaking(workshop, Refusal("engine.closed"))
    for asked in (1, 2):
        assert problem(workshop, order) is None
        until(lambda asked=asked: len(times) == asked)
        until(lambda: [task["status"] for task in workshop.tasks.list()] == ["failed"])


def test_counting_that_was_cancelled_is_not_begun_again(workshop: Workshop, order: Json) -> None:
    times = breaking(workshop, Refusal("engine.closed"), meanwhile=lambda: cancel_all(workshop))
    for _ in range(3):
        assert problem(workshop, order) is None
        until(lambda: [task["status"] for task in workshop.tasks.list()] == ["cancelled"])
    assert times == ["measure"]


def cancel_all(workshop: Workshop) -> None:
    for task in workshop.tasks.list():
        workshop.tasks.cancel(task["id"])


def test_time_is_taken_from_the_last_run_of_that_model_and_method(
    workshop: Workshop, order: Json
) -> None:
    assert measured(workshop, order)["seconds"] is None
    run = workshop.runs.begin(workshop.orders.read(workshop.order(dataset="mixed")))
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Started(run, 3, rows=10, check_rows=3))
        log.append(fast(1))
        log.append(fast(2))
    found = workshop.orders.checklist(**order, training={"epochs": 3})
    assert found["seconds"] == pytest.approx(10 * 10 * 3 / 50, rel=0.1)
    other = order | {"method": "full", "knobs": {}}
    assert workshop.orders.checklist(**other)["seconds"] is None


def fast(step: int) -> Stepped:
    return Stepped(step, 1.0, 2.0, 1e-3, 1.0, 100, 50, 2.0, 1000)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"model": None}, "train.no_model"),
        ({"model": ""}, "train.no_model"),
        ({"dataset": None}, "train.no_dataset"),
        ({"model": "gone"}, "models.unknown"),
        ({"dataset": "gone"}, "datasets.unknown"),
        ({"method": "magic"}, "methods.unknown"),
        ({"knobs": {"r": 0}}, "knobs.out_of_range"),
        ({"knobs": {"r": 33}}, "methods.rank_above_layer"),
        ({"training": {"batch": "many"}}, "knobs.not_a_number"),
        ({"training": {"batch": 0, "lr": -1}}, "input.several"),
    ],
)
def test_what_start_waits_for_is_said(
    workshop: Workshop, order: Json, change: Json, key: str
) -> None:
    assert problem(workshop, order | change) == key


def test_what_is_known_is_said_beside_a_problem(workshop: Workshop, order: Json) -> None:
    found = workshop.orders.checklist(**order | {"model": None}, training={"lr": -1})
    assert (found["model"], found["trains"], found["updates"]) == (None, 10, 6)
    empty = workshop.orders.checklist(None, None, "lora")
    assert (empty["rows"], empty["updates"], empty["left_out"]) == (0, 0, ())


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([], "rows.empty_dataset"),
        ([NewRow(ask(1)), NewRow(ask(2), Status.FLAGGED)], "rows.only_unready"),
        ([NewRow(ask(1), Status.READY, Split.EXAM)], "rows.only_exam"),
        ([NewRow(Body.pair("Why?", " "), Status.READY)], "rows.nothing_to_learn"),
    ],
)
def test_rows_of_which_none_trains_are_a_problem(
    workshop: Workshop, order: Json, rows: list[NewRow], key: str
) -> None:
    workshop.fill("few", rows)
    assert problem(workshop, order | {"dataset": "few"}) == key


def test_a_model_whose_files_are_gone_or_others_is_a_problem(
    workshop: Workshop, order: Json, tmp_path: Path
) -> None:
    files = {"config.json": [2, "hash"]}
    identity = {"kind": "folder", "hash": "cd" * 32, "files": files}
    workshop.engine.results["inspect_folder"] = FACTS | {"identity": identity}
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    mine = order | {"model": workshop.models.add(str(folder))["id"]}
    assert problem(workshop, mine) is None
    (folder / "config.json").write_text("{ }", encoding="utf-8")
    assert problem(workshop, mine) == "train.model_changed"
    (folder / "config.json").unlink()
    assert problem(workshop, mine) == "train.model_changed"
    folder.rmdir()
    assert problem(workshop, mine) == "models.gone"


def test_a_disk_without_room_is_a_problem(
    workshop: Workshop, order: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = workshop.orders.checklist(**order)
    assert 0 < found["disk_needed_bytes"] < found["disk_free_bytes"]
    usage = shutil.disk_usage(workshop.data.root)._replace(free=found["disk_needed_bytes"] - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert problem(workshop, order) == "disk.full"


def test_a_busy_device_is_a_problem_and_the_run_is_named(workshop: Workshop, order: Json) -> None:
    workshop.begin(name="overnight", dataset="mixed")
    found = workshop.orders.checklist(**order)["problem"]
    assert (found["key"], found["facts"]["owner"]) == ("lease.busy", "overnight")


def test_a_start_does_not_wait_for_what_is_being_measured(workshop: Workshop, order: Json) -> None:
    measured(workshop, order)
    workshop.orders.checklist(**order, training={"max_length": 32})
    run = workshop.runs.start(**order)
    assert workshop.runs.show(run)["status"] == "preparing"
    until(lambda: all(task["status"] != "running" for task in workshop.tasks.list()))


def test_a_start_of_the_page_asks_questions_within_a_tenth_of_the_time(
    workshop: Workshop, order: Json
) -> None:
    def asked(**training: Any) -> Training:
        run = workshop.runs.start(**order, training=training, questions=[" Why? ", " "])
        recipe = RunFolder(workshop.data.runs / run).recipe()
        assert recipe.questions == ("Why?",)
        workshop.runs.trainers.stop(RunFolder(workshop.data.runs / run))
        return recipe.training

    for given, every in (({}, 1), ({"sample_every": None}, 1), ({"sample_every": 7}, 7)):
        assert (asked(**given).sample_every, asked(**given).sample_share) == (every, 0.1)
    assert asked(sample_every=0).sample_every == 0
