import pytest

from studio.core.errors import UserMistake
from studio.core.events import Ended, Started, Stepped
from studio.core.words import words
from studio.store.atomic import discard
from studio.store.run_folder import RunFolder
from studio.workbench.demo import DATASET, LENGTH, DemoService, lessons
from studio.workbench.tasks import Tasks
from tests.tiny_studio import until
from tests.workbench.test_runs import kill
from tests.workbench.workshop import Workshop


def demo_of(workshop: Workshop) -> DemoService:
    return DemoService(
        workshop.data,
        workshop.models,
        workshop.rows,
        workshop.orders,
        workshop.runs,
        workshop.compare,
        Tasks(),
    )


@pytest.fixture
def demo(workshop: Workshop) -> DemoService:
    return demo_of(workshop)


def begin(demo: DemoService) -> str:
    """Begin the demo; returns its run, which learns."""
    demo.begin()
    until(lambda: demo.show()["stage"] != "preparing")
    assert demo.show()["stage"] == "learning", demo.show()
    return str(demo.show()["run"]["run"])


def finish(workshop: Workshop, run: str) -> None:
    """Let the run of a fake trainer have learned, and end."""
    with RunFolder(workshop.data.runs / run).open_log() as log:
        log.append(Started(run, 2, 40, 0))
        for step, loss in ((1, 4.5), (2, 3.0)):
            log.append(Stepped(step, step / 10, loss, 1e-3, 1.0, 300, 200, 2.5, 2**20))
        log.append(Ended("finished", 2))
    kill(workshop, run)


def answer(workshop: Workshop, demo: DemoService, *, tokens: int = 3) -> None:
    """Ask, with an engine that knows the answers."""
    workshop.engine.events = [
        {"lane": "base", "text": "Swim"},
        {"lane": "tuned", "text": "Ahoy"},
        {"lane": "tuned", "text": " there"},
    ]
    lane = {"text": "", "tokens": tokens, "seconds": 1.0}
    workshop.engine.results["compare"] = {"base": lane, "tuned": lane | {"tokens": 2}}
    demo.ask(" How do I swim? ")
    until(lambda: demo.show()["answer"]["done"])


def test_a_newcomer_finds_nothing_begun(demo: DemoService) -> None:
    nothing = {"progress": None, "run": None, "answer": None, "problem": None}
    assert demo.show() == {"stage": "idle"} | nothing


def test_one_wish_brings_the_starter_and_the_rows_and_starts_to_train(
    workshop: Workshop, demo: DemoService
) -> None:
    run = begin(demo)
    (home,) = workshop.rows.all()
    assert (home["dataset"], home["status"]["ready"]) == (DATASET, len(lessons()))
    shown = workshop.runs.show(run)
    assert (shown["recipe"]["base"]["id"], shown["recipe"]["method"]) == ("starter", "lora")
    assert workshop.index.learned(run) != ()


def test_a_second_wish_starts_nothing_else(workshop: Workshop, demo: DemoService) -> None:
    demo.begin()
    demo.begin()
    until(lambda: demo.show()["stage"] == "learning")
    assert len(workshop.runs.list()) == 1


def test_another_server_shows_the_same_stage(workshop: Workshop, demo: DemoService) -> None:
    run = begin(demo)
    assert demo_of(workshop).show()["stage"] == "learning"
    finish(workshop, run)
    shown = demo_of(workshop).show()
    assert (shown["stage"], shown["run"]["loss"]) == ("ready", [4.5, 3.0])


def test_both_answers_grow_side_by_side(workshop: Workshop, demo: DemoService) -> None:
    finish(workshop, begin(demo))
    answer(workshop, demo)
    given = demo.show()["answer"]
    assert given["question"] == "How do I swim?"
    assert (given["base"], given["tuned"], given["problem"]) == ("Swim", "Ahoy there", None)


def test_an_answer_that_was_cut_off_says_so(workshop: Workshop, demo: DemoService) -> None:
    finish(workshop, begin(demo))
    answer(workshop, demo, tokens=LENGTH)
    given = demo.show()["answer"]
    assert (given["base"], given["tuned"]) == ("Swim …", "Ahoy there")


def test_loading_ahead_asks_one_word_and_shows_nothing(
    workshop: Workshop, demo: DemoService
) -> None:
    finish(workshop, begin(demo))
    workshop.engine.results["compare"] = {"base": {"tokens": 0}, "tuned": {"tokens": 0}}
    demo.warm()
    until(lambda: "compare" in [op for op, _ in workshop.engine.asked])
    assert workshop.engine.asked[-1][1]["sampling"]["max_new_tokens"] == 1
    assert demo.show()["answer"] is None


def test_a_busy_device_is_a_problem_of_the_answer(workshop: Workshop, demo: DemoService) -> None:
    finish(workshop, begin(demo))
    with workshop.engine.device("train"):
        demo.ask("Why?")
        until(lambda: demo.show()["answer"]["done"])
    assert demo.show()["answer"]["problem"]["key"] == "lease.busy"


def test_nothing_can_be_asked_before_it_has_learned(demo: DemoService) -> None:
    for act in (demo.warm, lambda: demo.ask("Why?")):
        with pytest.raises(UserMistake) as caught:
            act()
        assert caught.value.key == "demo.not_ready"


def test_an_empty_question_is_not_asked(workshop: Workshop, demo: DemoService) -> None:
    finish(workshop, begin(demo))
    with pytest.raises(UserMistake) as caught:
        demo.ask("  ")
    assert caught.value.key == "compare.empty_prompt"


def test_a_run_that_was_lost_leaves_the_demo_stuck(workshop: Workshop, demo: DemoService) -> None:
    kill(workshop, begin(demo))
    assert demo.show()["stage"] == "stuck"


def test_a_preparation_that_fails_says_why(workshop: Workshop, demo: DemoService) -> None:
    with workshop.engine.device("train"):
        demo.begin()
        until(lambda: demo.show()["stage"] == "stuck")
    assert demo.show()["problem"]["key"] == "lease.busy"


def test_starting_over_after_a_failure_begins_with_nothing(
    workshop: Workshop, demo: DemoService
) -> None:
    with workshop.engine.device("train"):
        demo.begin()
        until(lambda: demo.show()["stage"] == "stuck")
    assert demo.reset()["stage"] == "idle"
    assert workshop.rows.all() == []
    begin(demo)


def test_starting_over_puts_away_what_the_demo_has_made_and_nothing_else(
    workshop: Workshop, demo: DemoService
) -> None:
    own = workshop.begin(name="mine")
    kill(workshop, own)
    run = begin(demo)
    finish(workshop, run)
    answer(workshop, demo)
    assert demo.reset()["stage"] == "idle"
    assert [home["dataset"] for home in workshop.rows.all()] == ["rows"]
    assert [brief["run"] for brief in workshop.runs.list()] == [own]
    assert [entry.id for entry in workshop.index.list(trashed=True)] == [run]


def test_starting_over_ends_a_run_that_learns(workshop: Workshop, demo: DemoService) -> None:
    begin(demo)
    assert demo.reset()["stage"] == "idle"
    assert workshop.runs.trainers.adopt() == []
    assert workshop.engine.device_owner() is None


def test_rows_of_the_person_s_own_with_that_name_are_left_alone(
    workshop: Workshop, demo: DemoService
) -> None:
    own = workshop.fill(DATASET, [])
    begin(demo)
    assert workshop.rows.show(own)["rows"] == 0
    assert workshop.rows.show(f"{DATASET} 2")["rows"] == len(lessons())


def test_rows_are_brought_in_once_where_the_start_is_tried_again(
    workshop: Workshop, demo: DemoService
) -> None:
    with workshop.engine.device("train"):
        demo.begin()
        until(lambda: demo.show()["stage"] == "stuck")
    begin(demo)
    (home,) = workshop.rows.all()
    assert home["rows"] == len(lessons())


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_the_audience_may_ask_is_none_of_the_rows(language: str) -> None:
    learned = {row["prompt"].casefold() for row in lessons()}
    examples = words(language).under("page.demo.example_").values()
    assert examples
    assert not {example.casefold() for example in examples} & learned


def test_a_run_that_is_gone_leaves_starting_over(workshop: Workshop, demo: DemoService) -> None:
    run = begin(demo)
    kill(workshop, run)
    discard(workshop.data.runs / run)
    assert demo.show()["stage"] == "stuck"
    assert demo.reset()["stage"] == "idle"
