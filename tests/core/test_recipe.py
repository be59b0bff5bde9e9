"""Recipes and training knobs: read, written, and refused."""

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from studio.core.errors import Mistakes, UserMistake
from studio.core.recipe import TRAINING_KNOBS, Base, Lessons, Recipe, Training

RECIPE = Recipe(
    name="A first try",
    base=Base("starter", "/models/starter", "ab" * 32),
    rows=Lessons("d1", "Fevers", "cd" * 32),
    method="lora",
    knobs={"r": 8, "alpha": 16.0, "targets": "q_proj,v_proj"},
    training=Training(steps=40, lr=2e-4, schedule="linear", shuffle=False),
    questions=("What is a fever?", "什么是发热？"),
    created="2025-01-01T00:00:00+00:00",
)


def without(part: str) -> dict[str, Any]:
    return changed(part, lambda holder, name: holder.pop(name))


def changed(part: str, act: Callable[[dict[str, Any], str], object]) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(json.dumps(RECIPE.as_json()))
    *above, name = part.split(".")
    holder = data
    for step in above:
        holder = holder[step]
    act(holder, name)
    return data


def test_training_without_knobs_is_what_the_knobs_say() -> None:
    assert Training.read({}) == Training()
    assert [field.name for field in fields(Training)] == [knob.name for knob in TRAINING_KNOBS]


def test_every_default_lies_in_its_own_range() -> None:
    assert all(knob.read(knob.default) == knob.default for knob in TRAINING_KNOBS)


@pytest.mark.parametrize("lr", [0, -1, 1e9, "fast"])
def test_a_learning_rate_that_cannot_work_is_refused(lr: object) -> None:
    with pytest.raises(UserMistake) as refused:
        Training.read({"lr": lr})
    assert refused.value.facts["knob"] == "lr"


def test_wrong_training_knobs_are_reported_together() -> None:
    with pytest.raises(Mistakes) as refused:
        Training.read({"batch": 0, "epoch": 3, "schedule": "step"})
    assert {problem.key for problem in refused.value.problems} == {
        "knobs.out_of_range",
        "knobs.unknown",
        "knobs.not_a_choice",
    }


def test_a_recipe_is_the_same_after_a_round_trip() -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPE.as_json()))) == RECIPE


def test_unknown_parts_of_a_recipe_are_left_aside() -> None:
    assert Recipe.from_json(RECIPE.as_json() | {"later": 1}) == RECIPE


@pytest.mark.parametrize(
    ("part", "default"),
    [("name", ""), ("knobs", {}), ("training", Training()), ("questions", ()), ("created", "")],
)
def test_a_part_with_a_default_may_be_missing(part: str, default: object) -> None:
    assert getattr(Recipe.from_json(without(part)), part) == default


@pytest.mark.parametrize(
    "part", ["method", "base.id", "base.folder", "base.hash", "rows.dataset", "rows.version"]
)
def test_a_part_that_is_needed_is_named_when_it_is_missing(part: str) -> None:
    with pytest.raises(UserMistake) as refused:
        Recipe.from_json(without(part))
    assert (refused.value.key, refused.value.facts) == ("recipe.shape", {"part": part})


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", 3),
        ("method", ["lora"]),
        ("base.id", 7),
        ("knobs", [["r", 8]]),
        ("training", []),
        ("questions", "What is a fever?"),
        ("questions", ["What is a fever?", 3]),
    ],
)
def test_a_part_of_a_wrong_type_is_named(part: str, value: object) -> None:
    with pytest.raises(UserMistake) as refused:
        Recipe.from_json(changed(part, lambda holder, name: holder.update({name: value})))
    assert (refused.value.key, refused.value.facts) == ("recipe.shape", {"part": part})


@pytest.mark.parametrize("data", [None, [], "lora", {}, {"base": "starter"}])
def test_what_is_no_recipe_is_refused(data: object) -> None:
    with pytest.raises(UserMistake) as refused:
        Recipe.from_json(data)
    assert refused.value.key == "recipe.shape"


def test_a_recipe_s_training_knobs_are_checked() -> None:
    with pytest.raises(UserMistake) as refused:
        Recipe.from_json(RECIPE.as_json() | {"training": {"batch": 0}})
    assert refused.value.key == "knobs.out_of_range"
