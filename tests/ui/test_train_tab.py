"""The Train tab's actions, as the page and as scripts call them, on a bench without torch."""

import json
from typing import Any

import pytest
from gradio_client import Client

from studio.core.errors import Refusal, UserMistake
from studio.core.events import Waiting
from studio.core.rows import Body, NewRow, Status
from studio.core.words import LANGUAGES, words
from studio.ui.edge import Edge
from studio.ui.train_tab import TrainTab
from studio.workbench import Workbench
from tests.e2e.told_runs import ToldRun, answer, check, saved
from tests.ui.benches import add_model, add_rows

Json = dict[str, Any]


@pytest.fixture
def tab(bench: Workbench) -> TrainTab:
    return TrainTab(bench, words("en"))


@pytest.fixture
def run(bench: Workbench) -> ToldRun:
    return ToldRun.begin(bench.data.root, add_rows(bench), "Fever")


def test_an_empty_desk_has_no_checklist(tab: TrainTab) -> None:
    plan = tab.plan()
    assert (plan["model"], plan["dataset"], plan["checklist"]) == (None, None, None)
    assert plan["method"] == {"id": "lora", "name": words("en").say("methods.lora.name")}


def test_the_checklist_tells_in_words_why_rows_are_left_out(
    bench: Workbench, tab: TrainTab
) -> None:
    add_model(bench)
    statuses = (*[Status.READY] * 3, Status.DRAFT, Status.FLAGGED)
    pairs = [Body.pair(f"Question {n}?", f"Answer {n}.") for n in range(len(statuses))]
    add_rows(bench, "Fever", [NewRow(*row) for row in zip(pairs, statuses, strict=True)])
    plan = tab.plan()
    checklist = plan["checklist"]
    assert checklist["problem"] is None
    left = {one["reason"]: one["rows"][0]["number"] for one in checklist["left_out"]}
    assert left == {"draft": 4, "flagged": 5}
    assert checklist["trains"] + checklist["check_rows"] == 3
    assert plan["name"] == "Fever · lora"
    assert plan["cost"]["trainable"] > 0


def test_a_name_that_a_run_bears_is_not_suggested_again(bench: Workbench, tab: TrainTab) -> None:
    add_model(bench)
    home = add_rows(bench, "Fever")
    ToldRun.begin(bench.data.root, home, "Fever · lora")
    assert tab.plan()["name"] == "Fever · lora 2"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_start_that_must_wait_says_why(bench: Workbench, language: str) -> None:
    add_model(bench)
    add_rows(bench)
    tab = TrainTab(bench, words(language))
    with bench.engine.device("chat"):
        plan = tab.plan()
        problem = plan["checklist"]["problem"]
        asked = {"name": "", "questions": [], "order": plan["order"]}
        refused = Edge(words(language)).answering(tab.start)(asked)
    assert problem["key"] == "lease.busy"
    assert refused["card"]["text"] == words(language).say("errors.lease.busy", owner="chat")
    assert tab.runs() == []


def test_what_another_window_has_changed_is_not_trained_unseen(
    bench: Workbench, tab: TrainTab
) -> None:
    add_model(bench)
    add_rows(bench)
    seen = tab.plan()["order"]
    bench.desk.choose(method="full")
    with pytest.raises(UserMistake) as caught:
        tab.start("", [], seen)
    assert caught.value.key == "train.order_changed"
    assert tab.runs() == []
    assert tab.plan()["order"] != seen


def test_a_run_is_told_bit_by_bit(tab: TrainTab, run: ToldRun) -> None:
    run.learn(1, 3)
    run.say(check(3, 2.5), answer(3, "Why?", "<b>So.</b>"), saved(3))
    first = tab.watch(run.folder.id)
    assert (first["status"], first["step"], first["total"]) == ("running", 3, 40)
    assert first["points"]["step"] == [1, 2, 3]
    assert first["checks"] == {"step": [3], "loss": [2.5]}
    assert first["samples"] == [{"step": 3, "prompt": "Why?", "text": "<b>So.</b>"}]
    run.learn(4, 4)
    second = tab.watch(run.folder.id, first["seq"])
    assert (second["points"]["step"], second["samples"], second["again"]) == ([4], [], False)
    run.die()
    run.resume(3)
    third = tab.watch(run.folder.id, second["seq"])
    assert (third["again"], third["points"]["step"]) == (True, [1, 2, 3])


def test_a_killed_trainer_is_interrupted_and_the_page_itself_says_what_that_means(
    tab: TrainTab, run: ToldRun
) -> None:
    run.learn(1, 2)
    run.die()
    seen = tab.watch(run.folder.id)
    assert (seen["status"], seen["reason"]) == ("interrupted", None)


def test_what_ended_a_trainer_is_said_without_commands(tab: TrainTab, run: ToldRun) -> None:
    run.learn(1, 2)
    run.die()
    killed = {"code": None, "signal": 9, "peak_memory_bytes": 1, "ended": 0}
    run.folder.exit_path.write_text(json.dumps(killed), encoding="utf-8")
    assert tab.watch(run.folder.id)["reason"] is None
    died = killed | {"code": 1, "signal": None}
    run.folder.exit_path.write_text(json.dumps(died), encoding="utf-8")
    reason = tab.watch(run.folder.id)["reason"]
    assert reason["key"] == "run.died"
    assert "stopped unexpectedly" in reason["text"]
    assert "studio run" not in reason["text"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_a_run_waits_is_a_card(bench: Workbench, run: ToldRun, language: str) -> None:
    full = Refusal("disk.full", path="runs", needed=2 * 10**9, free=10**6)
    run.say(Waiting(1, full.as_json()))
    seen = TrainTab(bench, words(language)).watch(run.folder.id)
    assert seen["status"] == "waiting"
    assert seen["reason"]["text"] == words(language).explain(full)


def test_a_pause_is_asked_for_and_told_until_it_has_come(tab: TrainTab, run: ToldRun) -> None:
    tab.pause(run.folder.id)
    assert tab.watch(run.folder.id)["asked"] == run.folder.asked() == "pause"
    run.end("paused", 2)
    seen = tab.watch(run.folder.id)
    assert (seen["status"], seen["asked"]) == ("paused", None)
    with pytest.raises(Refusal, match=r"run\.not_running"):
        tab.pause(run.folder.id)


def test_a_stop_is_asked_for(tab: TrainTab, run: ToldRun) -> None:
    tab.stop(run.folder.id)
    assert run.folder.asked() == "stop"


def test_runs_are_renamed_thrown_away_and_brought_back(tab: TrainTab, run: ToldRun) -> None:
    id = run.folder.id
    tab.rename(id, "Cough <b>")
    assert [one["name"] for one in tab.runs()] == ["Cough <b>"]
    with pytest.raises(Refusal):
        tab.trash(id)
    run.end("finished", 40)
    tab.trash(id)
    assert tab.runs() == []
    tab.restore(id)
    assert [(one["run"], one["status"]) for one in tab.runs()] == [(id, "finished")]


def test_the_list_has_the_newest_run_first_and_methods_by_short_names(
    bench: Workbench, tab: TrainTab, run: ToldRun
) -> None:
    run.end("finished", 40)
    second = ToldRun.begin(bench.data.root, run.folder.recipe().rows.dataset, "Second")
    assert [one["run"] for one in tab.runs()] == [second.folder.id, run.folder.id]
    assert tab.runs()[0]["method"] == "LoRA"


def test_curves_of_several_runs_come_by_their_ids(tab: TrainTab, run: ToldRun) -> None:
    run.learn(1, 3)
    curves = tab.curves([run.folder.id])
    assert curves[run.folder.id]["step"] == [1, 2, 3]
    with pytest.raises(UserMistake):
        tab.curves(["nobody"])


def test_what_a_page_sends_is_checked(tab: TrainTab) -> None:
    edge = Edge(words("en"))
    for action in tab.actions:
        assert edge.answering(action)({"else": 1})["card"]["key"] == "page.arguments"
    for wrong in ({"run": 1}, {"run": "x", "seen": "0"}, {"run": ["x"]}):
        assert edge.answering(tab.watch)(wrong)["card"]["key"] == "page.arguments"
    questions = edge.answering(tab.start)
    assert questions({"name": "", "questions": "?", "order": {}})["card"]["key"] == "page.arguments"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_that_the_page_makes_up_stands_in_the_catalogue(language: str) -> None:
    said = words(language).under("page.train.").keys()
    states = ("preparing", "running", "waiting", "paused", "stopped", "finished", "failed")
    states = (*states, "interrupted", "missing", "new")
    reasons = ("draft", "flagged", "exam", "nothing_to_learn", "too_long", "text", "template")
    acts = ("pause", "resume", "stop", "compare", "again")
    assert {f"status_{one}" for one in states} <= said
    assert {f"is_{one}" for one in states if one != "running"} <= said
    lost = {f"is_{one}_{how}" for one in ("interrupted", "failed") for how in ("saved", "unsaved")}
    assert lost <= said
    assert {f"left_{one}" for one in reasons} <= said
    assert {*acts, *(f"{one}_what" for one in acts)} <= said
    assert {f"asked_{one}" for one in ("pause", "resume", "stop")} <= said


def test_scripts_can_do_what_the_page_can(bench: Workbench, client: Client, run: ToldRun) -> None:
    add_model(bench)
    plan = client.predict(api_name="/train_plan")
    assert json.dumps(plan["checklist"]["version"])
    assert client.predict(api_name="/train_runs")[0]["run"] == run.folder.id
    client.predict(run.folder.id, api_name="/train_pause")
    assert run.folder.asked() == "pause"
    assert client.predict(run.folder.id, 0, api_name="/train_watch")["asked"] == "pause"
