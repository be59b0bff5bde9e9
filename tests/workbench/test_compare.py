import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.events import Ended
from studio.store.atomic import write_json
from studio.store.locks import owner
from studio.store.run_folder import RunFolder
from tests.workbench.test_runs import kill
from tests.workbench.workshop import Workshop

COMPARISON = {"prompt": "Why?", "base_proved": True}


@pytest.fixture
def run(workshop: Workshop) -> str:
    """A run that is not training."""
    run = workshop.begin()
    kill(workshop, run)
    workshop.engine.asked.clear()
    workshop.engine.results["compare"] = COMPARISON
    workshop.engine.events = [{"lane": "base", "text": "So"}, {"lane": "tuned", "text": "Thus"}]
    return run


def test_pieces_come_first_and_the_comparison_last(workshop: Workshop, run: str) -> None:
    heard = list(workshop.compare.stream(run, "Why?", system="Be brief.", sampling={"seed": 3}))
    steps = {"step": 0, "tuned_step": None}
    assert heard == [*workshop.engine.events, {"comparison": COMPARISON | steps}]
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
    assert workshop.runs.show(run)["tuned_step"] == 4
