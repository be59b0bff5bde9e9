"""What bar, start page and demo are told."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from studio.core.errors import UserMistake
from studio.core.words import words
from studio.ui import bar, demo, start
from studio.workbench import Workbench
from tests.tiny_studio import until
from tests.ui.benches import add_model, add_rows

Ask = Callable[..., Any]


def asking(part: Callable[..., None], bench: Workbench, name: str) -> Ask:
    """The part's action of that name, as its module in the browser calls it."""
    with gr.Blocks(analytics_enabled=False) as page:
        part(bench, words())
    (component,) = (block for block in page.blocks.values() if hasattr(block, f"ask_{name}"))
    call = getattr(component, f"ask_{name}")
    return lambda **given: call(given)


def told(ask: Ask, **given: Any) -> Any:
    answer = ask(**given)
    assert "result" in answer, answer
    return answer["result"]


def test_the_bar_tells_a_newcomer_what_comes_first(bench: Workbench) -> None:
    status = told(asking(bar.build, bench, "status"))
    assert (status["model"], status["dataset"], status["run"]) == (None, None, None)
    assert status["next"]["key"] == "next_choose_model"
    assert 0 < status["memory"]["used_bytes"] <= status["memory"]["total_bytes"]


def test_the_bar_names_what_is_in_hand(bench: Workbench) -> None:
    model, dataset = add_model(bench), add_rows(bench)
    status = told(asking(bar.build, bench, "status"))
    assert (status["model"]["id"], status["dataset"]["id"]) == (model, dataset)
    assert status["next"]["facts"] == {"drafts": status["dataset"]["status"]["draft"]}


def test_a_task_that_failed_is_told_in_words_and_can_be_put_away(bench: Workbench) -> None:
    def fail(_: object) -> None:
        raise UserMistake("names.empty")

    bench.tasks.start("import", "Questions", fail)
    status, dismiss = (asking(bar.build, bench, name) for name in ("status", "dismiss"))
    until(lambda: told(status)["tasks"][0]["status"] == "failed")
    (task,) = told(status)["tasks"]
    assert task["card"]["text"] == words().say("errors.names.empty")
    told(dismiss, task=task["id"])
    assert told(status)["tasks"] == []


def test_a_task_can_be_cancelled_from_the_bar(bench: Workbench) -> None:
    def work(hear: Callable[[Any], None]) -> None:
        while True:
            hear({"step": "read", "done": 1, "total": 2, "unit": "parts"})

    task = bench.tasks.start("import", "Questions", work)
    told(asking(bar.build, bench, "cancel"), task=task)
    until(lambda: bench.tasks.list()[0]["status"] == "cancelled")


def test_the_start_page_has_nothing_to_go_on_with_at_first(bench: Workbench) -> None:
    unfinished = told(asking(start.build, bench, "unfinished"))
    assert (unfinished["dataset"], unfinished["run"]) == (None, None)


def test_the_start_page_leads_back_to_the_rows(bench: Workbench) -> None:
    add_model(bench)
    add_rows(bench, "Fever")
    unfinished = told(asking(start.build, bench, "unfinished"))
    assert unfinished["dataset"]["dataset"] == "Fever"
    assert unfinished["next"]["place"] == "data"


def test_the_demo_shows_its_stage_and_its_rows(bench: Workbench) -> None:
    assert told(asking(demo.build, bench, "show"))["stage"] == "idle"
    assert {"prompt", "response"} <= told(asking(demo.build, bench, "lessons"))[0].keys()


def test_what_the_demo_is_stuck_on_is_told_in_words(bench: Workbench) -> None:
    with bench.engine.device("train"):
        told(asking(demo.build, bench, "begin"))
        until(lambda: bench.demo.show()["stage"] == "stuck")
    problem = told(asking(demo.build, bench, "show"))["problem"]
    assert (problem["key"], problem["title"]) == ("lease.busy", "Not possible right now")
    assert told(asking(demo.build, bench, "reset"))["stage"] == "idle"


def test_asking_too_early_is_a_card(bench: Workbench) -> None:
    answer = asking(demo.build, bench, "ask")(question="Why?")
    assert answer["card"]["key"] == "demo.not_ready"
