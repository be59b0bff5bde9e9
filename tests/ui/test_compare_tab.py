"""The Compare tab's actions, as the page and as scripts call them, on a bench without torch."""

from typing import Any

import pytest
from gradio_client import Client

from studio.core.errors import Refusal, UserMistake
from studio.core.words import LANGUAGES, words
from studio.ui.compare_tab import CompareTab
from studio.ui.edge import Edge
from studio.workbench import Workbench
from tests.tiny_studio import until
from tests.ui.benches import CannedEngine, add_model
from tests.workbench.answering_runs import answering_run
from tests.workbench.slow_answer import SlowAnswer, piece

Json = dict[str, Any]

LANE = {"text": "", "tokens": 2, "seconds": 0.2, "cut": False}
RESULT = {"base": LANE, "tuned": LANE, "base_proved": True}
PIECES = [piece(lane, text, at + 1) for at, text in enumerate("ab") for lane in ("base", "tuned")]


@pytest.fixture
def tab(bench: Workbench) -> CompareTab:
    return CompareTab(bench, words("en"))


@pytest.fixture
def answers(bench: Workbench) -> list[SlowAnswer]:
    """The answers that were asked for, in their order."""
    assert isinstance(bench.engine, CannedEngine)
    given: list[SlowAnswer] = []

    def speak(**_: Any) -> SlowAnswer:
        given.append(SlowAnswer([{"stage": "answering"}, *PIECES, {"stage": "proving"}], RESULT))
        return given[-1]

    bench.engine.speeches["compare"] = speak
    return given


def begin(tab: CompareTab, answers: list[SlowAnswer], **more: Any) -> str:
    run = answering_run(tab.bench.data.root, "Captain")
    asked = tab.ask(run.id, "How do I run?", **more)
    until(lambda: bool(answers))
    return str(asked["id"])


def finish(tab: CompareTab, answers: list[SlowAnswer]) -> Json:
    answers[-1].go_on(len(PIECES) + 3)
    until(lambda: tab.look()["now"]["done"])
    return dict(tab.look()["now"])


def test_runs_bear_the_names_of_model_and_method(bench: Workbench, tab: CompareTab) -> None:
    model = add_model(bench)
    answering_run(bench.data.root, "Captain", model=model)
    answering_run(bench.data.root, "Other", model="forgotten")
    other, captain = tab.runs()
    assert (captain["name"], captain["base"]) == ("Captain", "tiny")
    assert captain["way"] == words("en").say("methods.lora.name")
    assert other["base"] == "forgotten"


def test_an_answer_is_asked_watched_and_seen_by_every_window(
    tab: CompareTab, answers: list[SlowAnswer]
) -> None:
    id = begin(tab, answers, temperature=0.7, seed=3)
    answers[0].go_on(3)
    until(lambda: tab.look()["now"]["tuned"]["tokens"] == 1)
    other = CompareTab(tab.bench, words("zh"))
    assert other.look()["now"]["base"]["text"] == "a"
    done = finish(tab, answers)
    assert (done["id"], done["stage"], done["base_proved"]) == (id, "done", True)
    assert (done["temperature"], done["seed"]) == (0.7, 3)
    assert other.look(id, {"base": 1, "tuned": 2})["now"]["base"]["text"] == "b"
    assert tab.earlier() == []


def test_a_stopped_answer_stays_and_the_next_can_be_asked(
    tab: CompareTab, answers: list[SlowAnswer]
) -> None:
    begin(tab, answers)
    tab.stop()
    assert tab.look()["now"]["stage"] == "stopped"
    run = tab.look()["now"]["run"]["run"]
    tab.ask(run, "Again?")
    until(lambda: len(answers) == 2)
    assert finish(tab, answers)["question"] == "Again?"
    assert [one["question"] for one in tab.earlier()] == ["How do I run?"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_went_wrong_is_a_card_in_the_page_s_language(
    bench: Workbench, answers: list[SlowAnswer], language: str
) -> None:
    tab = CompareTab(bench, words(language))
    with bench.engine.device("export"):
        tab.ask(answering_run(bench.data.root, "Captain").id, "Why?")
        until(lambda: tab.look()["now"]["done"])
    problem = tab.look()["now"]["problem"]
    assert problem["title"] == words(language).say("page.card.Refusal")
    assert problem["text"] == words(language).say("page.compare.was_busy")
    tab.ask("Captain", "Why?")
    until(lambda: bool(answers))
    assert tab.earlier()[0]["problem"]["text"] == problem["text"]
    broken = Refusal("models.changed", folder="tiny")
    answers[0].fail(broken)
    until(lambda: tab.look()["now"]["done"])
    assert tab.look()["now"]["problem"]["text"] == words(language).explain(broken)


def test_memory_is_given_back_when_asked(bench: Workbench, tab: CompareTab) -> None:
    tab.rest()
    assert tab.look()["held"] is None


def test_a_pause_is_asked_of_a_training_only(bench: Workbench, tab: CompareTab) -> None:
    run = answering_run(bench.data.root, "Captain")
    with pytest.raises(Refusal) as caught:
        tab.pause(run.id)
    assert caught.value.key == "run.not_running"


@pytest.mark.parametrize(
    "given",
    [
        {"question": "Why?"},
        {"run": 3, "question": "Why?"},
        {"run": "Captain", "question": "Why?", "step": "last"},
        {"run": "Captain", "question": "Why?", "seed": 0.5},
        {"run": "Captain", "question": "Why?", "folder": "/etc"},
    ],
)
def test_what_a_browser_sends_is_checked(tab: CompareTab, given: Json) -> None:
    answer = Edge(tab.words).answering(tab.ask)(given)
    assert answer["card"]["key"] == "page.arguments"


def test_values_beyond_their_bounds_are_refused(bench: Workbench, tab: CompareTab) -> None:
    run = answering_run(bench.data.root, "Captain").id
    for more in ({"temperature": 9.0}, {"max_new_tokens": 0}, {"seed": -1}):
        with pytest.raises(UserMistake) as caught:
            tab.ask(run, "Why?", **more)
        assert caught.value.key == "knobs.out_of_range"


def test_scripts_may_ask_too(bench: Workbench, client: Client, answers: list[SlowAnswer]) -> None:
    answering_run(bench.data.root, "Captain")
    (run,) = client.predict(api_name="/compare_runs")
    client.predict(run["run"], "Why?", api_name="/compare_ask")
    until(lambda: bool(answers))
    answers[0].go_on(9)
    until(lambda: bool(bench.compare.look()["now"]["done"]))
    found = client.predict("", {"base": 1}, api_name="/compare_look")["now"]
    assert (found["question"], found["base"]["text"]) == ("Why?", "ab")
