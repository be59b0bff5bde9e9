"""The Data tab's actions, asked as the page asks them and as scripts do."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio_client import Client
from gradio_client.exceptions import AppError

from studio.core.words import words
from studio.ui import data_tab
from studio.workbench import Workbench
from tests.ui.benches import CannedEngine, add_model, add_rows, sample_rows

Json = dict[str, Any]
Ask = Callable[..., Json]
"""Asks for an action; the answer holds ``result`` or ``card``."""


@pytest.fixture
def blocks(bench: Workbench) -> gr.Blocks:
    """A page that holds the Data tab alone."""
    with gr.Blocks(analytics_enabled=False) as page:
        data_tab.build(bench, words())
    return page


@pytest.fixture
def ask(blocks: gr.Blocks) -> Ask:
    """As the page asks: by the component's server functions."""
    browser = TestClient(gr.mount_gradio_app(FastAPI(), blocks, path="/", ssr_mode=False))
    (part,) = [id for id, one in blocks.blocks.items() if getattr(one, "elem_id", "") == "rows"]

    def ask(action: str, /, **given: Any) -> Json:
        asked = {"component_id": part, "fn_name": f"ask_{action}", "session_hash": "s"}
        answer = browser.post("/gradio_api/component_server", json=asked | {"data": given})
        told: Json = answer.json()
        return told

    return ask


@pytest.fixture
def rows(bench: Workbench) -> list[str]:
    """The ids of three rows in the dataset "Fever"."""
    home = add_rows(bench, "Fever", sample_rows(3))
    return [row["id"] for row in bench.rows.page(home)["rows"]]


def test_a_row_is_saved_and_shown_in_its_page(ask: Ask, rows: list[str]) -> None:
    row = ask("row", id=rows[0])["result"]
    change = {"body": {"messages": [{"role": "user", "content": "新问题"}]}, "tags": ["<b>"]}
    saved = ask("save", id=rows[0], change=change, revision=row["revision"], key="k")["result"]
    assert saved["body"] == change["body"]
    assert saved["problem"] == "rows.no_answer"
    page = ask("page", dataset="Fever", search="新问题")["result"]
    assert [(one["prompt"], one["tags"]) for one in page["rows"]] == [("新问题", ["<b>"])]


def test_a_save_that_is_sent_twice_is_done_once(ask: Ask, rows: list[str]) -> None:
    sent = {"id": rows[0], "change": {"notes": "once"}, "revision": 1, "key": "same"}
    first, second = ask("save", **sent), ask("save", **sent)
    assert first == second
    assert [one["kind"] for one in ask("history", id=rows[0])["result"]] == ["add", "edit"]


def test_a_save_on_an_old_revision_is_a_card_with_both_texts(ask: Ask, rows: list[str]) -> None:
    ask("save", id=rows[0], change={"notes": "theirs"}, revision=1, key="a")
    card = ask("save", id=rows[0], change={"notes": "yours"}, revision=1, key="b")["card"]
    assert card["key"] == "rows.changed_elsewhere"
    assert card["facts"]["yours"] == {"notes": "yours"}
    assert card["facts"]["theirs"] == {"notes": "theirs"}
    assert ask("row", id=rows[0])["result"]["notes"] == "theirs"


def test_what_was_done_to_many_rows_is_taken_back_at_once(ask: Ask, rows: list[str]) -> None:
    ask("set_status", ids=rows, status="flagged")
    ask("trash", ids=rows[:2])
    assert ask("page", dataset="Fever", trashed=True)["result"]["total"] == 2
    assert ask("undo", dataset="Fever", key="1")["result"]["kind"] == "trash"
    page = ask("page", dataset="Fever")["result"]
    assert [row["status"] for row in page["rows"]] == ["flagged"] * 3
    assert page["can_undo"]
    assert page["can_redo"]


def test_a_new_row_is_an_empty_draft_at_the_end(ask: Ask, rows: list[str]) -> None:
    row = ask("add", dataset="Fever", key="new")["result"]
    assert (row["number"], row["status"]) == (4, "draft")
    assert ask("add", dataset="Fever", key="new")["result"]["id"] == row["id"]
    copy = ask("duplicate", id=rows[0], key="copy")["result"]
    assert copy["body"] == ask("row", id=rows[0])["result"]["body"]


def test_an_erased_row_is_nowhere(ask: Ask, rows: list[str]) -> None:
    assert ask("learned_by", ids=rows)["result"] == []
    assert ask("erase", ids=[rows[1]])["result"]["rows"] == 1
    assert ask("row", id=rows[1])["card"]["key"] == "rows.unknown"
    assert ask("page", dataset="Fever", trashed=True)["result"]["total"] == 0


def test_word_pieces_are_those_of_the_chosen_model(
    ask: Ask, bench: Workbench, rows: list[str]
) -> None:
    model = add_model(bench)
    assert ask("count", model=model, texts=["two words", "发烧"])["result"] == [2, 2]
    learned = ask("learned", model=model, body=ask("row", id=rows[0])["result"]["body"])["result"]
    assert learned["trained"] > 0
    bench.desk.choose(training={"max_length": 512})
    ask("learned", model=model, body=ask("row", id=rows[0])["result"]["body"])
    assert isinstance(bench.engine, CannedEngine)
    assert [args["max_length"] for op, args in bench.engine.asked if op == "tokens"] == [None, 512]
    assert ask("count", model="forgotten", texts=[""])["card"]["key"] == "models.unknown"


def test_datasets_are_made_named_and_put_away(ask: Ask) -> None:
    made = ask("create", name="Asthma")["result"]
    assert ask("choose", dataset=made["id"])["result"]["dataset"] == made["id"]
    assert ask("rename", dataset=made["id"], name="哮喘")["result"]["dataset"] == "哮喘"
    ask("discard", dataset=made["id"])
    assert ask("get")["result"]["dataset"] is None
    assert ask("all")["result"] == []


WRONG: list[tuple[str, Json]] = [
    ("page", {}),
    ("page", {"dataset": 1}),
    ("page", {"dataset": "Fever", "limit": "all"}),
    ("page", {"dataset": "Fever", "more": True}),
    ("row", {"id": None}),
    ("save", {"id": "x", "change": [], "revision": 1, "key": "k"}),
    ("save", {"id": "x", "change": {}, "revision": True, "key": "k"}),
    ("trash", {"ids": "x"}),
    ("erase", {"ids": [1]}),
    ("count", {"model": "m", "texts": [None]}),
]


@pytest.mark.parametrize(("action", "given"), WRONG)
def test_arguments_that_do_not_fit_are_told_and_change_nothing(
    ask: Ask, rows: list[str], action: str, given: Json
) -> None:
    assert ask(action, **given)["card"]["key"] == "page.arguments"
    assert ask("page", dataset="Fever")["result"]["total"] == len(rows)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"status": "perfect"}, "rows.change_word"),
        ({"body": {"messages": [{"role": "doctor", "content": ""}]}}, "rows.role"),
        ({"tags": "one"}, "rows.change_type"),
        ({"position": 3}, "rows.change_field"),
    ],
)
def test_a_change_that_is_none_is_refused(
    ask: Ask, rows: list[str], change: Json, key: str
) -> None:
    card = ask("save", id=rows[0], change=change, revision=1, key="k")["card"]
    assert card["key"] == key
    assert ask("row", id=rows[0])["result"]["revision"] == 1


@pytest.fixture
def script(blocks: gr.Blocks) -> Iterator[Client]:
    """As a program asks, through Gradio's own API."""
    _, address, _ = blocks.launch(prevent_thread_lock=True, quiet=True, share=False)
    yield Client(address, verbose=False, analytics_enabled=False)
    blocks.close()


def test_scripts_ask_the_same_by_name(script: Client, rows: list[str]) -> None:
    page = script.predict(dataset="Fever", search="about fever", api_name="/rows_page")
    assert page["total"] == 2
    saved = script.predict(
        id=rows[0], change={"notes": "by script"}, revision=1, key="k", api_name="/rows_save"
    )
    assert saved["notes"] == "by script"
    with pytest.raises(AppError):
        script.predict(id="nobody", api_name="/rows_row")
