"""The Method tab's actions, as the page and as scripts call them, on a bench without torch."""

import json
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from studio.core.errors import UserMistake
from studio.core.knobs import Knob
from studio.core.recipe import TRAINING_KNOBS
from studio.core.words import LANGUAGES, words
from studio.methods import METHODS, cost_of, method_of, read_values
from studio.store.sheets import Sheets
from studio.ui.edge import Edge
from studio.ui.method_tab import MethodTab
from studio.workbench import Workbench
from tests.known_model import SHEET
from tests.ui.benches import CannedEngine, add_model

KNOBS = {knob.name: knob for m in METHODS.values() for knob in (*m.knobs, *TRAINING_KNOBS)}


@pytest.fixture
def tab(bench: Workbench) -> MethodTab:
    return MethodTab(bench, words("en"))


def count(tab: MethodTab, method: str = "lora", **knobs: object) -> dict[str, Any]:
    return tab.count(method, knobs, {})


def test_the_page_is_told_what_lies_on_the_desk(bench: Workbench, tab: MethodTab) -> None:
    assert tab.show()["model"] is None
    model = add_model(bench)
    tab.keep("lora", {"r": 8}, {"epochs": 1})
    shown = tab.show()
    assert (shown["model"]["id"], shown["method"], shown["knobs"]["lora"], shown["training"]) == (
        model,
        "lora",
        {"r": 8},
        {"epochs": 1.0},
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_method_preset_and_choice_has_its_sentences(bench: Workbench, language: str) -> None:
    tab = MethodTab(bench, words(language))
    shown = tab.show()
    said = json.dumps([shown["forms"], shown["training_form"]], ensure_ascii=False)
    assert "methods." not in said
    assert "knobs." not in said
    assert [form["id"] for form in shown["forms"]] == list(METHODS)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("knob", KNOBS.values(), ids=lambda knob: knob.name)
def test_every_knob_says_what_its_default_and_choices_are(knob: Knob, language: str) -> None:
    known = words(language).sentences
    assert knob.default is not None or f"knobs.{knob.name}.auto" in known
    if language == "zh" and knob.name != "quant":  # the kinds of quantisation are names
        assert all(f"knobs.{knob.name}.{choice}" in known for choice in knob.choices)


def test_no_sentence_belongs_to_a_method_or_knob_that_does_not_exist() -> None:
    named = {tuple(key.split(".")[:2]) for key in words().sentences if key.count(".") > 1}
    assert {name for kind, name in named if kind == "knobs"} == set(KNOBS)
    assert {name for kind, name in named if kind == "methods"} == {*METHODS, "note", "preset"}


def test_figures_are_those_of_the_method(bench: Workbench, tab: MethodTab) -> None:
    add_model(bench)
    for r in (1, 4, 32):
        lora = method_of("lora")
        expected = cost_of(SHEET, lora, read_values(lora, {"r": r})).as_json()
        shown = count(tab, r=r)["cost"]
        for figure in ("trainable", "total", "share", "disk_bytes"):
            assert shown[figure] == expected[figure]


def test_what_must_be_said_of_a_method_comes_in_words(bench: Workbench, tab: MethodTab) -> None:
    add_model(bench)
    notes = count(tab, "bitfit")["notes"]
    assert notes == [words("en").say("methods.note.bitfit_all_added")]


def test_problems_stand_at_their_knobs_and_name_them_as_the_form_does(
    bench: Workbench, tab: MethodTab
) -> None:
    add_model(bench)
    answer = tab.count("lora", {"r": 0, "dropout": "much"}, {"batch": 1.5})
    assert answer["cost"] is None
    assert [problem["knob"] for problem in answer["problems"]] == ["r", "dropout", "batch"]
    for problem in answer["problems"]:
        assert problem["text"].startswith(words("en").say(f"knobs.{problem['knob']}.label"))


def test_a_rank_above_a_layer_is_a_problem_of_the_rank_and_start_refuses_it_alike(
    bench: Workbench, tab: MethodTab
) -> None:
    add_model(bench)
    (problem,) = count(tab, r=33)["problems"]
    assert problem["knob"] == "r"
    assert "32" in problem["text"]
    tab.keep("lora", {"r": 33}, {})
    assert tab.show()["knobs"]["lora"] == {"r": 33}
    (again,) = tab.overview()[0]["problems"]
    assert again == problem


def test_without_a_model_settings_are_still_checked(tab: MethodTab) -> None:
    assert count(tab) == {"cost": None, "notes": [], "problems": []}
    assert [problem["knob"] for problem in count(tab, r=0)["problems"]] == ["r"]
    assert tab.overview() == []


def test_a_method_that_cannot_be_used_is_told_with_its_reason(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Barred(type(method_of("full"))):  # type: ignore[misc]
        id = "full"

        def sites(self, *_: object) -> tuple[()]:
            raise UserMistake("methods.no_quantisation", package="something")

    monkeypatch.setitem(METHODS, "full", Barred())
    add_model(bench)
    shown = {one["id"]: one for one in MethodTab(bench, words("en")).overview()}
    assert list(shown) == list(METHODS)
    (problem,) = shown["full"]["problems"]
    assert problem["knob"] is None
    assert "something" in problem["text"]
    assert shown["lora"]["cost"]["trainable"] > 0


def test_a_model_whose_folder_is_gone_is_one_card(bench: Workbench, tab: MethodTab) -> None:
    folder = Path(bench.models.show(add_model(bench))["folder"])
    (folder / "config.json").unlink()
    folder.rmdir()
    edge = Edge(words("en"))
    for ask, given in (
        (tab.overview, {}),
        (tab.count, {"method": "lora", "knobs": {}, "training": {}}),
    ):
        card = edge.answering(ask)(given)["card"]
        assert (card["key"], str(folder) in card["text"]) == ("models.gone", True)


def test_what_cannot_be_kept_changes_nothing_on_the_desk(tab: MethodTab) -> None:
    kept = tab.keep("lora", {"r": 8}, {})
    card = Edge(words("en")).answering(tab.keep)(
        {"method": "lora", "knobs": {"r": 0}, "training": {}}
    )
    assert card["card"]["kind"] == "UserMistake"
    assert tab.bench.desk.get() == kept


def test_what_a_page_sends_is_checked(tab: MethodTab) -> None:
    edge = Edge(words("en"))
    for action in tab.actions:
        assert edge.answering(action)({"else": 1})["card"]["key"] == "page.arguments"
    counted = edge.answering(tab.count)
    wrong = ({"r": [1]}, {"r": {"a": 1}}, {"r": True}, {"../r": 1})
    add_model(tab.bench)
    for knobs in wrong:
        answer = counted({"method": "lora", "knobs": knobs, "training": {}})
        assert answer["result"]["problems"], knobs
    assert (
        counted({"method": "lora", "knobs": [], "training": {}})["card"]["key"] == "page.arguments"
    )
    unknown = counted({"method": "magic", "knobs": {}, "training": {}})["result"]
    assert [problem["knob"] for problem in unknown["problems"]] == [None]


def test_a_count_needs_no_engine_once_the_sheet_is_kept(bench: Workbench, tab: MethodTab) -> None:
    config = Path(bench.models.show(add_model(bench))["folder"]) / "config.json"
    Sheets(bench.data.sheets).keep(config, SHEET)
    assert isinstance(bench.engine, CannedEngine)
    before = len(bench.engine.asked)
    assert count(tab)["cost"]["trainable"] == 1024
    assert len(tab.overview()) == len(METHODS)
    assert len(bench.engine.asked) == before


def test_scripts_can_do_what_the_page_can(bench: Workbench, client: Client) -> None:
    add_model(bench)
    kept = client.predict("lora", {"r": 8}, {"epochs": 2}, api_name="/method_keep")
    assert kept["knobs"]["lora"] == {"r": 8}
    assert client.predict(api_name="/method_show")["training"] == {"epochs": 2.0}
    counted = client.predict("lora", {"r": 8}, {}, api_name="/method_count")
    assert counted["cost"]["trainable"] == 8 * 64
    assert len(client.predict(api_name="/method_overview")) == len(METHODS)
