"""What a browser sends reaches an action only as its signature says; what is raised is a card."""

from typing import Any

import pytest

from studio.core.errors import Mistakes, Refusal, UserMistake
from studio.core.words import words
from studio.ui.edge import Edge, fits

EDGE = Edge(words())
SECRET = "Mrs Miller, born 1950"


def greet(name: str, times: int = 1, *, loud: bool = False, tags: list[str] | None = None) -> Any:
    return {"name": name, "times": times, "loud": loud, "tags": tags}


def measure(share: float, by: dict[str, int]) -> Any:
    return [share, by]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "A"},
        {"name": "A", "times": 2, "loud": True, "tags": ["x", "y"]},
        {"name": "", "tags": None},
    ],
)
def test_arguments_of_the_right_types_reach_the_action(given: dict[str, Any]) -> None:
    assert EDGE.answering(greet)(given)["result"].items() >= given.items()


@pytest.mark.parametrize(
    "given",
    [
        None,
        {},
        [],
        "name",
        3,
        {"name": None},
        {"name": 1},
        {"name": ["A"]},
        {"name": "A", "times": "1"},
        {"name": "A", "times": 1.5},
        {"name": "A", "times": True},
        {"name": "A", "times": None},
        {"name": "A", "loud": 1},
        {"name": "A", "tags": "x"},
        {"name": "A", "tags": ["x", 1]},
        {"name": "A", "tags": {"x": 1}},
        {"name": "A", "unknown": 1},
        {"name": "A", "self": 1},
    ],
)
def test_anything_else_is_refused_before_the_action_is_called(given: Any) -> None:
    called: list[object] = []

    def watched(
        name: str, times: int = 1, loud: bool = False, tags: list[str] | None = None
    ) -> Any:
        called.append(name)

    card = EDGE.answering(watched)(given)["card"]
    assert (card["key"], called) == ("page.arguments", [])


@pytest.mark.parametrize("share", [float("nan"), float("inf"), float("-inf"), True, "0.5", None])
def test_a_number_is_a_finite_number(share: Any) -> None:
    assert "card" in EDGE.answering(measure)({"share": share, "by": {}})


def test_no_number_deep_in_a_value_is_none() -> None:
    assert not fits({"a": [{"b": float("nan")}]}, dict[str, Any])


def test_a_whole_number_is_a_number_too() -> None:
    assert EDGE.answering(measure)({"share": 1, "by": {"a": 2}})["result"] == [1, {"a": 2}]


@pytest.mark.parametrize("by", [{"a": "b"}, {1: 1}, [["a", 1]]])
def test_the_values_of_an_object_are_looked_at(by: Any) -> None:
    assert not fits(by, dict[str, int])


def test_an_error_of_the_studio_becomes_a_card_in_words() -> None:
    def refuse() -> None:
        raise Refusal("run.not_running", run="r1")

    card = EDGE.answering(refuse)(None)["card"]
    assert (card["kind"], card["title"]) == ("Refusal", "Not possible right now")
    assert "r1" in card["text"]


def test_a_card_speaks_the_language_of_the_page() -> None:
    def refuse() -> None:
        raise UserMistake("names.empty")

    assert (
        Edge(words("zh")).answering(refuse)(None)["card"]["text"]
        != (EDGE.answering(refuse)(None)["card"]["text"])
    )


def test_an_error_nobody_expected_is_told_without_a_word_of_the_rows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def break_down() -> None:
        raise RuntimeError(SECRET)

    card = EDGE.answering(break_down)(None)["card"]
    assert (card["kind"], card["facts"]) == ("Fault", {"cause": "RuntimeError"})
    assert SECRET not in str(card)
    log = capsys.readouterr().err
    assert "break_down" in log
    assert SECRET not in log


def test_long_facts_stay_out_of_the_details() -> None:
    def refuse() -> None:
        raise UserMistake("names.empty", text=SECRET * 10)

    assert SECRET not in EDGE.answering(refuse)(None)["card"]["details"]


def test_a_knob_is_named_in_a_card_as_in_the_forms() -> None:
    said = words("en")
    wrong = [
        UserMistake("knobs.out_of_range", knob=name, value="0", range="≥ 1")
        for name in ("r", "no_such")
    ]
    text = Edge(said).card(Mistakes(wrong))["text"]
    assert f"{said.say('knobs.r.label')} = 0" in text
    assert "no_such = 0" in text
