"""Questions to try a run with: of its check rows only, and of none that it has learned."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from studio.core.rows import Body, Message, Split
from studio.store.run_folder import RunRow
from studio.workbench.suggestions import COUNT, suggest


def rows(*given: tuple[Split, Body]) -> Iterator[RunRow]:
    for number, (split, body) in enumerate(given):
        yield RunRow(f"row-{number}", body, split)


def questions(*given: tuple[Split, Body], seed: int = 0) -> list[str]:
    return [one["question"] for one in suggest(rows(*given), seed)]


def pair(question: str, **more: Any) -> Body:
    return Body.pair(question, f"Answer to {question}", **more)


def test_a_suggestion_brings_the_answer_that_a_person_wrote_and_the_instructions() -> None:
    body = pair(" How do I run? ", system="Be brief.")
    (found,) = suggest(rows((Split.TRAIN, pair("How do I swim?")), (Split.CHECK, body)), 0)
    assert found == {
        "row": "row-1",
        "question": "How do I run?",
        "system": "Be brief.",
        "answer": "Answer to  How do I run?",
    }


def test_what_was_learned_is_not_suggested_in_other_letters_either() -> None:
    learned = (Split.TRAIN, pair("How do  I run?"))
    assert questions(learned, (Split.CHECK, pair("how do I\nRUN"))) == []


def test_a_question_within_a_learned_conversation_was_learned() -> None:
    talk = Body((*pair("How do I run?").messages, *pair("And then?").messages))
    assert questions((Split.TRAIN, talk), (Split.CHECK, pair("And then?"))) == []


def test_what_makes_no_sense_alone_is_not_suggested() -> None:
    talk = Body((*pair("How do I run?").messages, *pair("And then?").messages))
    empty = Body((Message("user", " "), Message("assistant", "So.")))
    assert (
        questions(*((Split.CHECK, body) for body in (talk, empty, Body(text="Only text.")))) == []
    )


def test_the_same_question_is_suggested_once() -> None:
    assert questions(*[(Split.CHECK, pair("How do I run?"))] * 5) == ["How do I run?"]


def test_another_seed_brings_others_and_the_same_seed_the_same() -> None:
    many = [(Split.CHECK, pair(f"Question {n}?")) for n in range(40)]
    assert questions(*many, seed=1) == questions(*many, seed=1)
    assert len({tuple(questions(*many, seed=seed)) for seed in range(9)}) > 1
    assert len(questions(*many)) == COUNT


@given(st.lists(st.tuples(st.sampled_from(Split), st.sampled_from("aAbBcCdDeE"))))
def test_never_one_that_was_learned_and_only_of_check_rows(
    given_rows: list[tuple[Split, str]],
) -> None:
    found = questions(*((split, pair(text)) for split, text in given_rows))
    learned = {text.casefold() for split, text in given_rows if split is Split.TRAIN}
    held = {text for split, text in given_rows if split is Split.CHECK}
    assert set(found) <= held
    assert not {text.casefold() for text in found} & learned
