"""Questions of one sitting: answered one at a time, stopped at once, the same for every window."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from studio.core.errors import Fault, Refusal
from studio.store.data_folder import DataFolder
from studio.workbench.conversation import MOST_EARLIER, Conversation, Question
from studio.workbench.engine_room import EngineRoom
from tests.tiny_studio import until
from tests.workbench.slow_answer import SlowAnswer, piece

Json = dict[str, Any]

RUN = {"run": "r", "name": "Captain"}
ENDED = {"text": "", "tokens": 2, "seconds": 0.5, "cut": False}
COMPARISON = {"base": ENDED, "tuned": ENDED | {"tokens": 3, "cut": True}, "base_proved": True}


PIECES = (piece("base", "So", 1), piece("tuned", "Thus", 1), piece("tuned", " far", 2))


class SlowEngine(EngineRoom):
    """Answers slowly; the lease is real."""

    def __init__(self, data: DataFolder) -> None:
        super().__init__(data)
        self.events: list[Json] = [{"stage": "answering"}, *PIECES, {"stage": "proving"}]
        self.result: Any = COMPARISON
        self.answers: list[SlowAnswer] = []
        self.number: int | None = 7
        self.times_closed = self.times_rested = 0

    def stream(self, op: str, /, **args: Any) -> Any:
        self.answers.append(SlowAnswer(self.events, self.result))
        return self.answers[-1]

    @property
    def pid(self) -> int | None:
        return self.number

    def rest(self) -> None:
        self.times_rested += 1
        self.number = None

    def close(self) -> None:
        self.times_closed += 1
        self.number = None


@pytest.fixture
def engine(tmp_path: Any) -> SlowEngine:
    return SlowEngine(DataFolder.open(tmp_path / "data"))


@pytest.fixture
def talk(engine: SlowEngine) -> Iterator[Conversation]:
    talk = Conversation(engine)
    yield talk
    talk.close()


def question(text: str = "Why?") -> Question:
    sampling = {"temperature": 0.0, "max_new_tokens": 8, "seed": 0}
    order = {"prompt": text, "system": "", "sampling": sampling, "step": None, "run": "/home/x"}
    return Question(RUN, order)


def look(talk: Conversation, id: str = "", **seen: int) -> Json:
    found = talk.look(id, seen)
    assert found is not None
    return found


def ask(talk: Conversation, engine: SlowEngine, text: str = "Why?", *, steps: int = 0) -> str:
    """Ask, and let the engine say ``steps`` things."""
    before = len(engine.answers)
    id = talk.ask(question(text))
    until(lambda: len(engine.answers) > before)
    go_on(engine, steps)
    return id


def go_on(engine: SlowEngine, steps: int) -> None:
    engine.answers[-1].go_on(steps)


def finish(talk: Conversation, engine: SlowEngine) -> Json:
    go_on(engine, len(engine.events) + 1)
    until(lambda: look(talk)["done"])
    until(lambda: engine.device_owner() is None)
    return look(talk)


def test_before_the_first_question_there_is_nothing(talk: Conversation) -> None:
    assert talk.look("", {}) is None
    assert (talk.earlier(), talk.held, talk.is_answering) == ([], None, False)
    talk.stop()


def test_answers_grow_and_each_window_gets_what_it_has_not_seen(
    talk: Conversation, engine: SlowEngine
) -> None:
    id = ask(talk, engine, steps=4)
    until(lambda: look(talk)["tuned"]["tokens"] == 2)
    here = look(talk, id, base=2, tuned=4)
    assert (here["base"]["text"], here["tuned"]["text"]) == ("", " far")
    assert (here["base"]["seen"], here["tuned"]["seen"]) == (2, 8)
    elsewhere = look(talk, "another", base=2, tuned=4)
    assert (elsewhere["base"]["text"], elsewhere["tuned"]["text"]) == ("So", "Thus far")
    assert (here["stage"], here["done"], here["base_proved"]) == ("answering", False, None)


def test_the_end_tells_counts_cuts_and_the_proof(talk: Conversation, engine: SlowEngine) -> None:
    ask(talk, engine)
    end = finish(talk, engine)
    assert (end["stage"], end["done"], end["base_proved"], end["problem"]) == (
        "done",
        True,
        True,
        None,
    )
    assert (end["base"]["cut"], end["tuned"]["cut"], end["tuned"]["tokens"]) == (False, True, 3)
    assert (end["question"], end["run"], end["step"], end["seed"]) == ("Why?", RUN, None, 0)


def test_no_path_of_the_machine_is_told(talk: Conversation, engine: SlowEngine) -> None:
    ask(talk, engine)
    assert "/home" not in str(finish(talk, engine))


def test_a_lane_has_ended_once_the_other_is_two_word_pieces_ahead(
    talk: Conversation, engine: SlowEngine
) -> None:
    engine.events = [{"stage": "answering"}, *PIECES, piece("tuned", "!", 3)]
    ask(talk, engine, steps=4)
    until(lambda: look(talk)["tuned"]["tokens"] == 2)
    assert (look(talk)["base"]["ended"], look(talk)["tuned"]["ended"]) == (False, False)
    go_on(engine, 1)
    until(lambda: look(talk)["tuned"]["tokens"] == 3)
    assert (look(talk)["base"]["ended"], look(talk)["tuned"]["ended"]) == (True, False)


def test_the_device_is_held_until_the_proof_is_there(
    talk: Conversation, engine: SlowEngine
) -> None:
    ask(talk, engine, steps=5)
    until(lambda: look(talk)["stage"] == "proving")
    owner = engine.device_owner()
    assert owner is not None
    assert (owner["purpose"], talk.is_answering) == ("compare", True)
    finish(talk, engine)


def test_stopping_is_at_once_and_keeps_what_was_written(
    talk: Conversation, engine: SlowEngine
) -> None:
    ask(talk, engine, steps=2)
    until(lambda: look(talk)["base"]["tokens"] == 1)
    start = time.monotonic()
    talk.stop()
    stopped = look(talk)
    assert (stopped["stage"], stopped["done"], stopped["base"]["text"]) == ("stopped", True, "So")
    until(lambda: engine.device_owner() is None)
    assert time.monotonic() - start < 1
    assert (look(talk)["problem"], engine.times_closed) == (None, 0)
    talk.stop()
    assert look(talk)["stage"] == "stopped"


def test_a_model_that_is_still_loaded_is_given_up_by_a_stop(
    talk: Conversation, engine: SlowEngine
) -> None:
    engine.events = [{"stage": "loading"}, *engine.events]
    ask(talk, engine, steps=1)
    until(lambda: look(talk)["stage"] == "loading")
    talk.stop()
    assert (engine.times_closed, look(talk)["stage"], talk.held) == (1, "stopped", None)


def test_a_new_question_stops_the_one_that_is_answered(
    talk: Conversation, engine: SlowEngine
) -> None:
    first = ask(talk, engine, "First?", steps=2)
    second = ask(talk, engine, "Second?")
    assert engine.answers[0].is_closed
    finish(talk, engine)
    assert (look(talk)["id"], look(talk)["problem"]) == (second, None)
    (earlier,) = talk.earlier()
    assert (earlier["id"], earlier["stage"], earlier["question"]) == (first, "stopped", "First?")
    assert engine.times_closed == 0


def test_many_questions_in_a_row_leave_only_the_last_one_answered(
    talk: Conversation, engine: SlowEngine
) -> None:
    for number in range(5):
        talk.ask(question(str(number)))

    def is_done() -> bool:
        for answer in engine.answers:
            answer.go_on()
        return bool(look(talk)["done"])

    until(is_done)
    assert (look(talk)["question"], look(talk)["problem"]) == ("4", None)
    assert {one["stage"] for one in talk.earlier()} == {"stopped"}


def test_a_busy_device_is_the_problem_of_the_answer(talk: Conversation, engine: SlowEngine) -> None:
    with engine.device("export"):
        talk.ask(question())
        until(lambda: look(talk)["done"])
    problem = look(talk)["problem"]
    assert (problem["key"], problem["facts"]["owner"]) == ("lease.busy", "export")


def test_what_breaks_the_engine_is_told_and_the_next_question_is_answered(
    talk: Conversation, engine: SlowEngine
) -> None:
    engine.result = Fault("engine.died", code=1, signal=None, log="x")
    ask(talk, engine)
    assert finish(talk, engine)["problem"]["key"] == "engine.died"
    engine.result = RuntimeError("a sentence of a row")
    ask(talk, engine)
    broken = finish(talk, engine)["problem"]
    assert (broken["key"], "sentence" in str(broken)) == ("page.broke", False)
    engine.result = COMPARISON
    ask(talk, engine)
    assert finish(talk, engine)["problem"] is None


def test_how_a_stopped_answer_ends_is_no_problem(talk: Conversation, engine: SlowEngine) -> None:
    engine.result = Refusal("engine.closed")
    ask(talk, engine, steps=2)
    talk.stop()
    until(lambda: engine.device_owner() is None)
    assert (look(talk)["stage"], look(talk)["problem"]) == ("stopped", None)


def test_what_was_asked_stays_until_it_is_too_much(talk: Conversation, engine: SlowEngine) -> None:
    for number in range(3):
        ask(talk, engine, str(number))
        finish(talk, engine)
    assert [one["question"] for one in talk.earlier()] == ["1", "0"]
    assert talk.earlier()[0]["tuned"]["text"] == "Thus far"
    for number in range(MOST_EARLIER + 5):
        talk.ask(question(str(number)))
    assert len(talk.earlier()) == MOST_EARLIER


def test_the_model_stays_in_memory_and_goes_after_a_while(engine: SlowEngine) -> None:
    talk = Conversation(engine, idle=0.2, tick=0.05)
    ask(talk, engine)
    finish(talk, engine)
    assert talk.held == RUN
    until(lambda: engine.times_rested == 1)
    assert talk.held is None


def test_a_training_begun_by_another_process_gets_the_memory(engine: SlowEngine) -> None:
    talk = Conversation(engine, tick=0.05)
    ask(talk, engine)
    finish(talk, engine)
    time.sleep(0.3)
    assert (talk.held, engine.times_rested) == (RUN, 0)
    with engine.device("run1"):
        until(lambda: engine.times_rested == 1)
    assert talk.held is None


def test_a_question_in_time_keeps_the_model(engine: SlowEngine) -> None:
    talk = Conversation(engine, idle=0.3, tick=0.05)
    ask(talk, engine)
    finish(talk, engine)
    ask(talk, engine)
    time.sleep(0.5)
    assert engine.times_rested == 0
    finish(talk, engine)
    talk.close()
    time.sleep(0.5)
    assert engine.times_rested == 0


def test_a_training_that_took_the_memory_is_seen(talk: Conversation, engine: SlowEngine) -> None:
    ask(talk, engine)
    finish(talk, engine)
    engine.number = 8
    assert talk.held is None
