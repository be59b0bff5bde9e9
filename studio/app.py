"""The page, composed: the bar that is always there, the start page, and the tabs of the loop.

`build` takes any workbench, so tests build the page over one without torch. A page speaks one
language; for another, build another. Parts of it hear of each other through the browser's own
events (`assets/page/places.js`) and through what the store says, never directly.
"""

import gradio as gr

from studio.core.words import Words, words
from studio.ui import bar, data_tab, model_tab, start
from studio.workbench import Workbench


def build(bench: Workbench, spoken: Words | None = None) -> gr.Blocks:
    """The whole page over ``bench``, in the language of ``spoken`` (English without it)."""
    said = spoken or words()
    with gr.Blocks(title=said.say("page.all.title"), analytics_enabled=False) as page:
        bar.build(bench, said)
        start.build(bench, said)
        with gr.Tabs(elem_id="places"):
            for place in (model_tab, data_tab):
                with gr.Tab(said.say(f"page.all.place_{place.ID}"), id=place.ID):
                    place.build(bench, said)
    return page
