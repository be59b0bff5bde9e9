"""How the page looks and what its head holds; all of it from this server. Knows no tab."""

import json
import re
from collections.abc import Iterable
from typing import Any

import gradio as gr

from studio.core.words import Words, assets_folder

STYLES = (
    "studio",
    "chrome",
    "bar",
    "start",
    "demo",
    "models",
    "rows",
    "import",
    "method",
    "train",
    "compare",
)
FIRST = ("ask", "bar", "start")
"""The modules of what a newcomer sees first."""

_IMPORT = re.compile(r'from "\./(\w+)\.js"')
_PAPER, _PAPER_DARK = "#faf8f5", "#171614"
_INK, _INK_DARK = "#1d1b19", "#eeebe6"


def mounting() -> dict[str, Any]:
    """What Gradio is given when the page is mounted."""
    return {
        "theme": theme(),
        "favicon_path": str(assets_folder() / "page" / "icon.svg"),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": True,
        "show_error": False,
        "max_file_size": "1gb",
    }


def head(said: Words) -> str:
    """Styles, sentences of the whole page, and what must be right before the first paint.

    For the front page's HTML: a head given to Gradio is added by its script, too late.
    """
    links = [f'<link rel="stylesheet" href="/page/{name}.css">' for name in STYLES]
    return "\n".join(
        [
            '<script src="/page/theme.js"></script>',
            *links,
            *map(_soon, _modules_of(FIRST)),
            '<link rel="icon" href="/page/icon.svg" type="image/svg+xml">',
            _colour("light", _PAPER),
            _colour("dark", _PAPER_DARK),
            '<meta name="referrer" content="no-referrer">',
            _sentences(said),
        ]
    )


def _soon(module: str) -> str:
    """Fetches a module while Gradio's own are on their way, not behind them."""
    return f'<link rel="modulepreload" href="/page/{module}.js">'


def _modules_of(names: Iterable[str]) -> list[str]:
    """The modules ``names`` and all that they import."""
    found, waiting = set[str](), list(names)
    while waiting:
        if (module := waiting.pop()) not in found:
            found.add(module)
            text = (assets_folder() / "page" / f"{module}.js").read_text(encoding="utf-8")
            waiting += _IMPORT.findall(text)
    return sorted(found)


def _colour(scheme: str, colour: str) -> str:
    """The colour of the window's frame."""
    chosen = f"(prefers-color-scheme: {scheme})"
    return f'<meta name="theme-color" content="{colour}" media="{chosen}">'


def theme() -> gr.themes.Base:
    """Gradio's variables in our colours and the system's own faces; nothing is fetched."""
    return gr.themes.Base(
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        text_size="md",
        radius_size="md",
    ).set(
        body_background_fill=_PAPER,
        body_background_fill_dark=_PAPER_DARK,
        body_text_color=_INK,
        body_text_color_dark=_INK_DARK,
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_shadow="none",
    )


def _sentences(said: Words) -> str:
    """The sentences of the whole page, for `assets/page/words.js`; nothing in them can run."""
    spoken = {"language": said.language, "sentences": said.under("page.shell.", "page.all.")}
    inert = json.dumps(spoken, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="studio-words">{inert}</script>'
