"""Parts of the page that draw themselves, and services offered to scripts."""

import inspect

import gradio as gr

from studio.core.words import words
from studio.ui.widget import Widget, publish


def page(dataset: str, *, limit: int = 50, search: str) -> dict[str, object]:
    """A service whose name an attribute of every component has."""
    return {"dataset": dataset, "limit": limit, "search": search}


def test_an_action_takes_no_attribute_of_the_component() -> None:
    with gr.Blocks(analytics_enabled=False):
        component = Widget("rows", [page], words()).component
    assert [call.__name__ for call in component.server_fns] == ["ask_page"]


def test_a_widget_knows_its_own_sentences_and_those_of_all_parts() -> None:
    with gr.Blocks(analytics_enabled=False):
        component = Widget("start", [], words("zh")).component
    known = component.props["words"]
    assert known["headline"] == words("zh").say("page.start.headline")
    assert known["place_data"] == words("zh").say("page.all.place_data")
    assert "next" not in known  # of the bar
    assert component.props["language"] == "zh"


def test_a_published_service_is_called_by_script_whatever_its_kinds_of_arguments() -> None:
    with gr.Blocks(analytics_enabled=False) as blocks:
        publish("rows", [page])
    told = blocks.get_api_info()["named_endpoints"]["/rows_page"]["parameters"]
    by_name = {"dataset": "D", "search": "fever", "limit": 3}
    (offered,) = blocks.fns.values()
    assert offered.fn(*(by_name[one["parameter_name"]] for one in told)) == by_name
    assert [one["parameter_name"] for one in told if one["parameter_has_default"]] == ["limit"]


def test_publishing_leaves_the_service_as_it_was() -> None:
    with gr.Blocks(analytics_enabled=False):
        publish("rows", [page])
    assert inspect.signature(page).parameters["search"].kind is inspect.Parameter.KEYWORD_ONLY
