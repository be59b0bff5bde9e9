"""A part of the page that draws itself: a module of `assets/page`, and the actions it may ask for.

Gradio carries it: component, transport, theme. The module gets an element, the sentences of its
own part and `ask(name, arguments)`; row text reaches the page as JSON and is shown as text.
"""

import inspect
from collections.abc import Sequence
from functools import wraps
from typing import Any

import gradio as gr
from gradio.events import api

from studio.core.words import Words
from studio.ui.edge import Action, Answering, Edge

# What is not seen yet waits until what is seen has been drawn.
_MOUNT = """
const idle = window.requestIdleCallback ?? setTimeout;
if (!element.checkVisibility()) await new Promise((resolve) => idle(resolve, { timeout: 1000 }));
const modules = [`/page/${props.module}.js`, "/page/ask.js"];
const [{ mount }, { connect }] = await Promise.all(modules.map((name) => import(name)));
mount({ element, ...connect(server, upload, props) });
"""
_START = f"(async () => {{{_MOUNT}}})();"
_PREFIX = "ask_"


class Widget:
    """One such part; its sentences are those of ``page.<module>`` and ``page.all``.

    No subclass of Gradio's component: for each of those it writes a file beside its source.
    """

    def __init__(self, module: str, actions: Sequence[Action], words: Words) -> None:
        edge = Edge(words)
        self.component = gr.HTML(
            html_template="",
            js_on_load=_START,
            apply_default_css=False,
            elem_id=module,
            server_functions=[_prefixed(edge.answering(action)) for action in actions],
            module=module,
            language=words.language,
            words=words.under(f"page.{module}.", "page.all."),
        )


def publish(part: str, actions: Sequence[Action]) -> None:
    """Offer ``actions`` to scripts as well, as `/<part>_<action>`, through Gradio's own API."""
    for action in actions:
        api(_positional(action), api_name=f"{part}_{action.__name__}")


def _prefixed(answer: Answering) -> Answering:
    """``answer`` under a name that no attribute of a component has: Gradio makes it one."""
    answer.__name__ = f"{_PREFIX}{answer.__name__}"
    return answer


def _positional(action: Action) -> Action:
    """``action`` with all its arguments in one row, as Gradio calls it; those needed come first."""
    shape = inspect.signature(action)
    asked = sorted(shape.parameters.values(), key=lambda p: p.default is not p.empty)
    names = [parameter.name for parameter in asked]

    @wraps(action)
    def call(*given: Any) -> Any:
        return action(**dict(zip(names, given, strict=False)))

    del call.__wrapped__
    row = [parameter.replace(kind=parameter.POSITIONAL_OR_KEYWORD) for parameter in asked]
    call.__signature__ = shape.replace(parameters=row)  # type: ignore[attr-defined]
    return call
