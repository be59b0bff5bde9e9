from studio.core.questions import questions_of
from studio.core.rows import Body


def talk(*turns: str) -> Body:
    return Body(tuple(message for turn in turns for message in Body.pair(turn, "Yes.").messages))


def test_questions_come_in_the_order_of_their_rows_each_once() -> None:
    assert list(questions_of(map(talk, ["b", "a", " b ", "B?", "c"]), [])) == ["b", "a", "c"]


def test_what_is_learned_is_not_asked_in_whatever_dress_and_turn() -> None:
    held_back = [talk("What is aspirin"), talk("Ｈｏｗ？"), talk("And  then"), talk("Why?")]
    learned = [talk("Hello", "What is ASPIRIN?"), talk("how"), talk("x", "and then?")]
    assert list(questions_of(held_back, learned)) == ["Why?"]


def test_the_last_question_of_a_conversation_comes_after_those_that_stand_alone() -> None:
    bodies = [
        talk("Why?", "And then?"),
        talk("How?"),
        talk("What?", "How?"),
        talk("x", "And then?"),
    ]
    assert list(questions_of(bodies, [])) == ["How?", "And then?"]


def test_rows_without_a_question_give_none() -> None:
    assert list(questions_of([Body(text="Plain."), Body.pair(" ", "An answer.")], [])) == []
