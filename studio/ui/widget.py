"""A part of the page that draws itself: a module of `assets/page`, and the actions it may ask for.

Gradio carries it: component, transport, theme. The module gets an element, the sentences of its
own part and `ask(name, arguments)`; row text reaches the page as JSON and is shown as text.
"""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from studio.core.words import Words
from studio.ui.edge import Action, Edge

_MOUNT = """
const { mount } = await import(`/page/${props.module}.js`);
const { connect } = await import("/page/ask.js");
mount({ element, ...connect(server, upload, props) });
"""
_START = f"(async () => {{{_MOUNT}}})();"


class Widget(gr.HTML):
    """One such part; its sentences are those of ``page.<module>`` and ``page.all``."""

    def __init__(self, module: str, actions: Sequence[Action], words: Words) -> None:
        edge = Edge(words)
        super().__init__(
            html_template="",
            js_on_load=_START,
            apply_default_css=False,
            elem_id=module,
            server_functions=[edge.answering(action) for action in actions],
            module=module,
            language=words.language,
            actions=[action.__name__ for action in actions],
            words=words.under(f"page.{module}.", "page.all."),
        )

    @property
    def skip_api(self) -> bool:
        """It has no value that a script could send or read."""
        return True


def publish(part: str, actions: Sequence[Action]) -> None:
    """Offer ``actions`` to scripts as well, as `/<part>_<action>`, through Gradio's own API."""
    for action in actions:
        gr.api(action, api_name=f"{part}_{action.__name__}")


