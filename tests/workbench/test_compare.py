import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.events import Ended
from studio.store.atomic import write_json
from studio.store.locks import owner
from studio.store.run_folder import RunFolder
from tests.tiny_studio import until
from tests.workbench.answering_runs import answering_run
from tests.workbench.slow_answer import piece
from tests.workbench.test_runs import kill
from tests.workbench.workshop import Workshop

LANE = {"text": "So", "tokens": 1, "seconds": 0.1, "cut": False}
COMPARISON = {"prompt": "Why?", "base": LANE, "tuned": LANE, "base_proved": True}
PIECES = [piece("base", "So", 1), piece("tuned", "Thus", 1)]


@pytest.fixture
def run(workshop: Workshop) -> str:
    """A run that is not training."""
    run = workshop.begin()
    kill(workshop, run)
    workshop.engine.asked.clear()
    workshop.engine.results["compare"] = COMPARISON
    workshop.engine.events = [{"stage": "answering"}, *PIECES]
    return run


def test_pieces_come_first_and_the_comparison_last(workshop: Workshop, run: str) -> None:
    heard = list(workshop.compare.stream(run, "Why?", system="Be brief.", sampling={"seed": 3}))
    steps = {"step": 0, "tuned_step": None, "quantisation": ""}
    assert heard == [*PIECES, {"comparison": COMPARISON | steps}]
    ((op, args),) = workshop.engine.asked
    assert (op, args["run"]) == ("compare", str(workshop.data.runs / run))
    assert (args["prompt"], args["system"]) == ("Why?", "Be brief.")
    assert args["sampling"] == {"max_new_tokens": 256, "temperature": 0.0, "seed": 3}


def test_the_device_is_held_until_the_whole_answer_is_there(workshop: Workshop, run: str) -> None:
    device = workshop.data.locks / "device.lock"
    stream = workshop.compare.stream(run, "Why?")
    assert owner(device) is None
    next(stream)
    held = owner(device)
    assert held is not None
    assert held["purpose"] == "compare"
    list(stream)
    assert owner(device) is None


def test_an_answer_that_is_no_longer_wanted_lets_go_of_the_device(
    workshop: Workshop, run: str
) -> None:
    stream = workshop.compare.stream(run, "Why?")
    next(stream)
    stream.close()
    assert workshop.engine.device_owner() is None


def test_nothing_is_asked_while_a_run_trains(workshop: Workshop) -> None:
    run = workshop.begin()
    workshop.engine.asked.clear()
    with pytest.raises(Refusal) as caught:
        next(workshop.compare.stream(run, "Why?"))
    assert (caught.value.key, caught.value.facts["owner"]) == ("lease.busy", run)
    assert workshop.engine.asked == []


@pytest.mark.parametrize(
    ("prompt", "more", "key"),
    [
        (" \n", {}, "compare.empty_prompt"),
        ("\udc80", {}, "rows.surrogate"),
        ("Why?", {"system": "\udc80"}, "rows.surrogate"),
        ("Why?", {"sampling": {"temperature": -1}}, "knobs.out_of_range"),
        ("Why?", {"sampling": {"heat": 1}}, "knobs.unknown"),
    ],
)
def test_a_question_that_is_none_is_refused(
    prompt: str, more: dict, key: str, workshop: Workshop, run: str
) -> None:
    with pytest.raises(UserMistake) as caught:
        next(workshop.compare.stream(run, prompt, **more))
    assert caught.value.key == key
    assert workshop.engine.device_owner() is None


def test_an_answer_says_which_update_its_result_is_of(workshop: Workshop, run: str) -> None:
    folder = RunFolder(workshop.data.runs / run)
    with folder.open_log() as log:
        log.append(Ended("paused", 7))
    folder.tuned.mkdir()
    write_json(folder.tuned / "studio.json", {"step": 4})
    *_, last = workshop.compare.stream(run, "Why?")
    assert (last["comparison"]["step"], last["comparison"]["tuned_step"]) == (7, 4)
    *_, last = workshop.compare.stream(run, "Why?", step=2)
    assert (last["comparison"]["step"], last["comparison"]["tuned_step"]) == (7, 2)
    assert workshop.runs.show(run)["tuned_step"] == 4


def test_only_runs_that_have_something_to_answer_with_are_offered(workshop: Workshop) -> None:
    home = workshop.data.root
    answering_run(home, "nothing yet", tuned=None, points=())
    answering_run(home, "not prepared", has_plan=False)
    answering_run(home, "paused", tuned=None, points=(10, 20))
    answering_run(home, "finished", tuned=40, points=())
    gone = answering_run(home, "gone")
    (gone.path / "recipe.json").unlink()
    damaged = answering_run(home, "damaged")
    (damaged.path / "plan.json").write_text("{", encoding="utf-8")
    trashed = answering_run(home, "trashed")
    workshop.index.trash(trashed.id)
    found = workshop.compare.runs()
    assert [(run["name"], run["step"], run["save_points"], run["tuned_step"]) for run in found] == [
        ("finished", 40, [], 40),
        ("paused", 20, [10, 20], None),
    ]
    assert (found[0]["model"], found[0]["method"], found[0]["dataset"]) == ("tiny", "lora", "Fever")


def test_an_asked_question_is_answered_behind_the_page(workshop: Workshop, run: str) -> None:
    folder = answering_run(workshop.data.root, "finished")
    asked = workshop.compare.ask("finished", "Why?", temperature=0.5, max_new_tokens=9, seed=2)
    until(lambda: workshop.compare.look()["now"]["done"])
    found = workshop.compare.look(id=asked["id"], seen={"base": 2, "tuned": 0})["now"]
    assert (found["id"], found["run"]["run"], found["problem"]) == (asked["id"], folder.id, None)
    assert (found["base"]["text"], found["tuned"]["text"]) == ("", "Thus")
    ((_, order),) = workshop.engine.asked
    assert (order["run"], order["step"]) == (str(folder.path), None)
    assert order["sampling"] == {"temperature": 0.5, "max_new_tokens": 9, "seed": 2}


def test_a_save_point_is_asked_in_the_place_of_the_result(workshop: Workshop, run: str) -> None:
    answering_run(workshop.data.root, "paused", tuned=None)
    workshop.compare.ask("paused", "Why?", step=20)
    until(lambda: workshop.compare.look()["now"]["done"])
    ((_, order),) = workshop.engine.asked
    assert (order["step"], workshop.compare.look()["now"]["step"]) == (20, 20)


@pytest.mark.parametrize(("step", "key"), [(None, "run.no_result"), (30, "run.no_save_point")])
def test_what_is_not_there_is_not_asked(workshop: Workshop, step: int | None, key: str) -> None:
    answering_run(workshop.data.root, "paused", tuned=None)
    with pytest.raises(Refusal) as caught:
        workshop.compare.ask("paused", "Why?", step=step)
    assert caught.value.key == key
    assert workshop.compare.look()["now"] is None


def test_a_question_that_is_none_stops_nothing(workshop: Workshop, run: str) -> None:
    answering_run(workshop.data.root, "finished")
    asked = workshop.compare.ask("finished", "Why?")
    with pytest.raises(UserMistake):
        workshop.compare.ask("finished", " ")
    until(lambda: workshop.compare.look()["now"]["done"])
    assert workshop.compare.look()["now"]["id"] == asked["id"]
    assert workshop.compare.earlier() == []


def test_a_training_that_has_the_machine_is_named(workshop: Workshop) -> None:
    assert workshop.compare.look() == {"now": None, "busy": None, "held": None}
    run = workshop.begin(name="Fever")
    busy = workshop.compare.look()["busy"]
    assert busy == {"purpose": "train", "run": run, "name": "Fever"}
    kill(workshop, run)
    assert workshop.compare.look()["busy"] is None


def test_other_work_is_told_and_our_own_is_not(workshop: Workshop) -> None:
    with workshop.engine.device("export"):
        assert workshop.compare.look()["busy"] == {"purpose": "export", "run": None, "name": ""}
    with workshop.engine.device("compare"):
        assert workshop.compare.look()["busy"] is None


def test_suggestions_come_from_the_run_s_own_rows(workshop: Workshop) -> None:
    run = answering_run(workshop.data.root, "finished")
    (found,) = workshop.compare.suggestions(run.id)
    assert (found["row"], found["answer"]) == ("held", "Ahoy, runner.")


def test_a_start_of_training_takes_the_memory(workshop: Workshop) -> None:
    before = workshop.engine.times_closed
    kill(workshop, workshop.begin())
    assert workshop.engine.times_closed == before + 1
