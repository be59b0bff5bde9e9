from typing import Any

import pytest

from studio.core.errors import Mistakes, Refusal, UserMistake
from studio.core.rows import NewRow, Split, Status
from studio.workbench.orders import Order
from tests.known_model import FACTS
from tests.store.sample_rows import ask, ready
from tests.workbench.workshop import Workshop


def key_of(workshop: Workshop, **order: Any) -> str:
    with pytest.raises(UserMistake) as caught:
        workshop.orders.read(workshop.order(**order))
    return caught.value.key


def test_an_order_becomes_a_recipe_on_one_version_of_the_rows(workshop: Workshop) -> None:
    ready_order = workshop.orders.read(workshop.order(knobs={"r": 2}, training={"steps": 7}))
    recipe = ready_order.recipe
    home = workshop.rows.datasets.get("rows")
    assert (recipe.name, recipe.method, recipe.knobs["r"]) == ("rows · lora", "lora", 2)
    assert (recipe.training.steps, recipe.base.hash) == (7, FACTS["identity"]["hash"])
    assert (recipe.rows.dataset, recipe.rows.name) == (home.id, "rows")
    assert recipe.rows.version == workshop.rows.versions.current(home.id)
    assert [row.id for row in ready_order.rows] == [r.id for r in workshop.rows.rows.ready(home.id)]
    assert ready_order.unready == {}


def test_reading_an_order_starts_nothing(workshop: Workshop) -> None:
    workshop.orders.read(workshop.order())
    assert workshop.runs.list() == []
    assert list(workshop.data.runs.iterdir()) == []
    assert workshop.engine.device_owner() is None


def test_what_is_missing_is_named(workshop: Workshop) -> None:
    with pytest.raises(UserMistake) as caught:
        workshop.orders.read(Order(dataset="rows"))
    assert caught.value.facts == {"fields": "model, method"}


def test_all_problems_of_the_knobs_are_told_before_the_model_is_looked_at(
    workshop: Workshop,
) -> None:
    with pytest.raises(Mistakes):
        workshop.orders.read(workshop.order(training={"lr": -1, "batch": "many"}))
    assert key_of(workshop, knobs={"r": 0}) == "knobs.out_of_range"
    assert key_of(workshop, method="magic") == "methods.unknown"
    assert workshop.engine.asked == []
    assert key_of(workshop, knobs={"r": 33}) == "methods.rank_above_layer"


def test_a_busy_device_is_refused_before_the_model_is_looked_at(workshop: Workshop) -> None:
    order = workshop.order()
    with workshop.engine.device("chat"), pytest.raises(Refusal) as caught:
        workshop.orders.read(order)
    assert (caught.value.key, caught.value.facts["owner"]) == ("lease.busy", "chat")
    assert workshop.engine.asked == []


@pytest.mark.parametrize(
    ("rows", "key", "facts"),
    [
        ([], "rows.empty_dataset", {}),
        ([NewRow(ask(1)), NewRow(ask(2), Status.FLAGGED)], "rows.only_unready", {"drafts": 1}),
        ([NewRow(ask(1), Status.READY, Split.EXAM)], "rows.only_exam", {"rows": 1}),
    ],
)
def test_rows_that_cannot_train_are_refused_with_the_reason(
    rows: list[NewRow], key: str, facts: dict[str, Any], workshop: Workshop
) -> None:
    workshop.fill("few", rows)
    with pytest.raises(UserMistake) as caught:
        workshop.orders.read(workshop.order(dataset="few"))
    assert caught.value.key == key
    assert caught.value.facts.items() >= facts.items()


def test_exam_rows_and_drafts_stay_out_and_drafts_are_counted(workshop: Workshop) -> None:
    rows = [ready(1), NewRow(ask(2)), NewRow(ask(3), Status.READY, Split.EXAM)]
    home = workshop.fill("mixed", rows)
    read = workshop.orders.read(workshop.order(dataset="mixed"))
    first = workshop.rows.rows.ready(home)[0]
    assert [(row.id, row.split) for row in read.rows] == [(first.id, Split.TRAIN)]
    assert read.unready == {"draft": 1}


def test_a_share_of_its_own_parts_the_rows_anew_and_nested(workshop: Workshop) -> None:
    def checked(share: float) -> set[str]:
        read = workshop.orders.read(workshop.order(training={"check": share}))
        return {row.id for row in read.rows if row.split is Split.CHECK}

    workshop.fill("rows", [ready(number) for number in range(200)])
    assert checked(0) == set()
    few, usual, many = checked(0.05), checked(0.1), checked(0.6)
    assert few < usual < many
    assert 90 < len(many) < 150


def test_a_recipe_gives_its_order_again(workshop: Workshop) -> None:
    order = workshop.order(name="mine", knobs={"r": 2}, training={"steps": 7}, questions=("Why?",))
    first = workshop.orders.read(order).recipe
    again = workshop.orders.read(Order.from_recipe(first.as_json())).recipe
    assert {**again.as_json(), "created": ""} == {**first.as_json(), "created": ""}


def test_what_is_said_on_top_of_a_recipe_wins() -> None:
    recipe = Order("m", "d", "lora", {"r": 2, "alpha": 4}, {"steps": 9, "lr": 0.1}, "name")
    changed = recipe.changed(Order(dataset="e", knobs={"r": 3}, training={"lr": 0.2}))
    assert changed == Order("m", "e", "lora", {"r": 3, "alpha": 4}, {"steps": 9, "lr": 0.2}, "name")
    assert recipe.changed(Order()) == recipe
    assert recipe.changed(Order(method="lora")).knobs == recipe.knobs
    assert recipe.changed(Order(method="full")).knobs == {}
    longer = recipe.changed(Order(training={"epochs": 2}))
    assert longer.training == {"steps": None, "epochs": 2, "lr": 0.1}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ({"questions": "Why?"}, "questions"),
        ({"questions": [1]}, "questions"),
        ({"model": 1}, "model"),
        ({"base": {"id": 1}}, "base.id"),
        ({"knobs": []}, "knobs"),
        ({"training": "long"}, "training"),
    ],
)
def test_a_part_of_a_recipe_of_a_wrong_type_is_named(data: dict[str, Any], part: str) -> None:
    with pytest.raises(UserMistake) as caught:
        Order.from_recipe(data)
    assert (caught.value.key, caught.value.facts) == ("recipe.shape", {"part": part})
