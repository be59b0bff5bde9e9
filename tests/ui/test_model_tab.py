"""The Model tab's actions, as the page and as scripts call them, on a bench without torch."""

import time
from typing import Any

import pytest
from gradio_client import Client

from studio.core.errors import Refusal, UserMistake
from studio.core.words import LANGUAGES, words
from studio.ui.edge import Edge
from studio.ui.model_tab import ModelTab
from studio.workbench import Workbench
from tests.ui.benches import CannedEngine, add_model

SOURCE = "someone/model"


@pytest.fixture
def tab(bench: Workbench) -> ModelTab:
    return ModelTab(bench, words("en"))


@pytest.fixture
def engine(bench: Workbench) -> CannedEngine:
    assert isinstance(bench.engine, CannedEngine)
    return bench.engine


def until(tab: ModelTab, status: str) -> dict[str, Any]:
    """The only task, once it is in that state."""
    deadline = time.monotonic() + 10
    while (task := tab.tasks()[0])["status"] != status:
        assert time.monotonic() < deadline, task
        time.sleep(0.01)
    return task


def test_a_model_is_added_by_a_task_that_any_window_can_watch(
    tab: ModelTab, engine: CannedEngine
) -> None:
    engine.go_on.clear()
    task = tab.add(SOURCE)
    assert tab.add(SOURCE) == task
    assert ModelTab(tab.bench, words("zh")).tasks()[0]["id"] == task
    engine.go_on.set()
    done = until(tab, "done")
    assert (done["subject"], done["card"], done["result"]["id"]) == (SOURCE, None, "someone--model")
    tab.dismiss(task)
    assert tab.tasks() == []


def test_the_first_model_is_in_use_at_once_and_no_other_takes_its_place(tab: ModelTab) -> None:
    for source in (SOURCE, "someone/other"):
        task = tab.add(source)
        until(tab, "done")
        tab.dismiss(task)
    shelf = tab.shelf()
    assert [model["id"] for model in shelf["models"]] == ["someone--model", "someone--other"]
    assert shelf["used"] == "someone--model"
    assert tab.use("someone--other")["model"] == tab.shelf()["used"] == "someone--other"


def test_a_task_that_failed_brings_its_card_and_can_be_begun_again(
    tab: ModelTab, engine: CannedEngine
) -> None:
    def broken(**_: Any) -> None:
        raise Refusal("models.hub_broken", file="model.safetensors")

    fetch, engine.replies["add_hub"] = engine.replies["add_hub"], broken
    tab.add(SOURCE)
    card = until(tab, "failed")["card"]
    assert card["title"] == words("en").say("page.card.Refusal")
    assert "model.safetensors" in card["text"]
    engine.replies["add_hub"] = fetch
    tab.add(SOURCE)
    until(tab, "done")


def test_a_task_can_be_stopped(tab: ModelTab, engine: CannedEngine) -> None:
    engine.go_on.clear()
    task = tab.add(SOURCE)
    tab.cancel(task)
    engine.go_on.set()
    until(tab, "cancelled")
    assert tab.shelf() == {"models": [], "used": None, "offline": False}


def test_other_tasks_are_not_shown_here(tab: ModelTab) -> None:
    tab.bench.tasks.start("import", "file.csv", lambda _: None)
    assert tab.tasks() == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_picks_speak_the_language_of_the_page(bench: Workbench, language: str) -> None:
    picks = ModelTab(bench, words(language)).picks()
    assert len(picks) == 3
    assert all(language in one["languages"] for one in picks if one["source"] != "starter")


def test_the_line_is_kept_and_offline_fails_as_a_card(tab: ModelTab) -> None:
    kept = tab.network("https://mirror.example", True)
    assert (kept["mirror"], kept["offline"]) == ("https://mirror.example", True)
    assert tab.shelf()["offline"] is True
    with pytest.raises(UserMistake):
        tab.network("http://mirror.example", False)
    look = Edge(words("en")).answering(tab.bench.shelf.look)
    assert look({"source": SOURCE})["card"]["key"] == "models.offline"
    tab.add(SOURCE)
    assert until(tab, "failed")["card"]["key"] == "models.offline"


def test_what_a_page_sends_is_checked(tab: ModelTab) -> None:
    edge = Edge(words("en"))
    for action in tab.actions:
        assert edge.answering(action)({"else": 1})["card"]["key"] == "page.arguments"
    network = edge.answering(tab.network)
    assert network({"mirror": "", "offline": 1})["card"]["key"] == "page.arguments"


def test_every_sentence_that_a_task_or_a_pick_names_stands_in_the_catalogue() -> None:
    steps = ("begin", "download", "read", "unpack", "write", "hash", "cancelling")
    for language in LANGUAGES:
        said = words(language).under("page.models.")
        assert {f"step_{step}" for step in steps} <= said.keys()
        assert {"format_float32", "format_bfloat16", "language_en", "language_zh"} <= said.keys()


def test_scripts_can_do_what_the_page_can(bench: Workbench, client: Client) -> None:
    known = add_model(bench)
    assert client.predict(api_name="/models_shelf")["used"] == known
    assert len(client.predict(api_name="/models_picks")) == 3
    seen = client.predict("starter", api_name="/models_look")
    assert (seen["kind"], seen["title"]) == ("starter", "SmolLM2 135M Instruct")
    assert client.predict(known, api_name="/models_forget")["deleted"] is False
    assert bench.models.list() == []
