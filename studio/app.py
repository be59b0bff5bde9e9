"""The page, composed: the bar that is always there, the start page, and the places of the loop.

`build` takes any workbench, so tests build the page over one without torch. A page speaks one
language; for another, build another. One place is shown at a time (`assets/page/places.js`); its
parts hear of each other through the browser's own events and through what the store says, never
directly.
"""

import gradio as gr

from studio.core.words import Words, words
from studio.ui import bar, compare_tab, data_tab, demo, method_tab, model_tab, start, train_tab
from studio.workbench import Workbench

PLACES = (start, demo, model_tab, data_tab, method_tab, train_tab, compare_tab)


def build(bench: Workbench, spoken: Words | None = None) -> gr.Blocks:
    """The whole page over ``bench``, in the language of ``spoken`` (English without it)."""
    said = spoken or words()
    title = said.say("page.all.title")
    page = gr.Blocks(title=title, analytics_enabled=False, fill_width=True)
    with page:
        bar.build(bench, said)
        for place in PLACES:
            with gr.Column(elem_id=f"place-{place.ID}", elem_classes="place"):
                place.build(bench, said)
    return page
