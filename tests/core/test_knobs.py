"""Knobs: what they read, and every way in which they refuse."""

import math
from collections.abc import Mapping

import pytest

from studio.core.errors import Mistakes, UserMistake
from studio.core.knobs import Knob, as_float, as_int, read_knobs
from studio.core.recipe import TRAINING_KNOBS

RANK = Knob("r", "int", 16, low=1, high=65_536)
RATE = Knob("lr", "float", None, above=0, high=10)
TARGETS = Knob("targets", "text", "all-linear")
SHUFFLE = Knob("shuffle", "flag", True)
SCHEDULE = Knob("schedule", "choice", "cosine", choices=("cosine", "linear"))


@pytest.mark.parametrize("knob", [RANK, RATE, TARGETS, SHUFFLE, SCHEDULE])
def test_a_knob_that_is_not_given_has_its_default(knob: Knob) -> None:
    assert knob.read(None) == knob.default


@pytest.mark.parametrize(
    ("knob", "given", "expected"),
    [
        (RANK, 1, 1),
        (RANK, 65_536, 65_536),
        (RANK, 4.0, 4),
        (RATE, 1, 1.0),
        (RATE, 10, 10.0),
        (RATE, 1e-300, 1e-300),
        (TARGETS, "q_proj,v_proj", "q_proj,v_proj"),
        (TARGETS, ["q_proj", "v_proj"], "q_proj,v_proj"),
        (TARGETS, ("q_proj",), "q_proj"),
        (SHUFFLE, False, False),
        (SCHEDULE, "linear", "linear"),
    ],
)
def test_a_good_value_is_read(knob: Knob, given: object, expected: object) -> None:
    value = knob.read(given)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("knob", "given", "key"),
    [
        (RANK, "8", "knobs.not_a_number"),
        (RANK, True, "knobs.not_a_number"),
        (RANK, [8], "knobs.not_a_number"),
        (RATE, math.nan, "knobs.not_a_number"),
        (RATE, math.inf, "knobs.not_a_number"),
        (RATE, -math.inf, "knobs.not_a_number"),
        (RATE, 10**400, "knobs.not_a_number"),
        (RANK, 1.5, "knobs.not_whole"),
        (RANK, 0, "knobs.out_of_range"),
        (RANK, -1, "knobs.out_of_range"),
        (RANK, 65_537, "knobs.out_of_range"),
        (RATE, 0, "knobs.out_of_range"),
        (RATE, -1, "knobs.out_of_range"),
        (RATE, 1e9, "knobs.out_of_range"),
        (SHUFFLE, 1, "knobs.not_a_flag"),
        (SHUFFLE, "yes", "knobs.not_a_flag"),
        (TARGETS, 3, "knobs.not_text"),
        (TARGETS, ["q_proj", 3], "knobs.not_text"),
        (TARGETS, {"q_proj": 1}, "knobs.not_text"),
        (SCHEDULE, "cosin", "knobs.not_a_choice"),
        (SCHEDULE, 3, "knobs.not_text"),
    ],
)
def test_a_bad_value_is_refused_with_knob_value_and_range(
    knob: Knob, given: object, key: str
) -> None:
    with pytest.raises(UserMistake) as refused:
        knob.read(given)
    assert refused.value.key == key
    shown = {"knob": knob.name, "value": str(given)[:60], "range": knob.range}
    assert refused.value.facts == shown


@pytest.mark.parametrize(
    ("knob", "shown"),
    [
        (RANK, "≥ 1, ≤ 65,536"),
        (RATE, "> 0, ≤ 10"),
        (Knob("dropout", "float", 0.0, low=0, high=0.9), "≥ 0, ≤ 0.9"),
        (Knob("seed", "int", 0, low=0, high=2**31 - 1), "≥ 0, ≤ 2,147,483,647"),
        (Knob("tokens", "int", 1, low=1), "≥ 1"),
        (SCHEDULE, "cosine, linear"),
        (TARGETS, ""),
        (SHUFFLE, ""),
    ],
)
def test_a_range_is_shown_in_full_and_in_no_language(knob: Knob, shown: str) -> None:
    assert knob.range == shown


def test_a_form_is_read_by_name_with_defaults_for_the_rest() -> None:
    given: Mapping[str, object] = {"r": 4, "lr": None}
    assert read_knobs((RANK, RATE, SHUFFLE), given) == {"r": 4, "lr": None, "shuffle": True}


def test_all_problems_of_a_form_are_reported_together() -> None:
    with pytest.raises(Mistakes) as refused:
        read_knobs((RANK, RATE), {"rank": 4, "r": 0, "lr": "fast"})
    assert [(p.key, p.facts["knob"]) for p in refused.value.problems] == [
        ("knobs.unknown", "rank"),
        ("knobs.out_of_range", "r"),
        ("knobs.not_a_number", "lr"),
    ]


def test_an_unknown_knob_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserMistake) as refused:
        read_knobs((RANK, RATE), {"rank": 4})
    assert refused.value.key == "knobs.unknown"
    assert refused.value.facts == {"knob": "rank", "known": "r, lr"}


def test_a_value_that_was_checked_is_narrowed() -> None:
    assert (as_int(3), as_float(3), as_float(0.5)) == (3, 3.0, 0.5)


def test_a_value_that_was_not_checked_is_a_programmer_s_mistake() -> None:
    with pytest.raises(AssertionError):
        as_int("3")
    with pytest.raises(AssertionError):
        as_float(None)


def test_a_knob_is_sent_as_data() -> None:
    knob = Knob("dropout", "float", 0.0, low=0, high=0.9, stops=(0, 0.1))
    assert knob.as_json() == {
        "name": "dropout",
        "kind": "float",
        "default": 0.0,
        "low": 0,
        "high": 0.9,
        "above": None,
        "choices": (),
        "stops": (0, 0.1),
    }


@pytest.mark.parametrize("knob", TRAINING_KNOBS, ids=lambda knob: knob.name)
def test_the_stops_of_a_training_knob_are_values_of_it_and_rise(knob: Knob) -> None:
    assert [knob.read(stop) for stop in knob.stops] == sorted(set(knob.stops))
