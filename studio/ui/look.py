"""How the page looks and what its head holds. Knows no tab."""

import json
from typing import Any

from studio.core.words import Words

STYLES = ("studio", "bar", "start", "demo", "models", "rows", "import", "export", "privacy")


def mounting(said: Words) -> dict[str, Any]:
    """What Gradio is given when the page is mounted."""
    links = [f'<link rel="stylesheet" href="/page/{name}.css">' for name in STYLES]
    return {
        "head": "\n".join([*links, _sentences(said)]),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": True,
        "show_error": False,
        "max_file_size": "1gb",
    }


def _sentences(said: Words) -> str:
    """The sentences of the whole page, for `assets/page/words.js`; nothing in them can run."""
    spoken = {"language": said.language, "sentences": said.under("page.shell.", "page.all.")}
    inert = json.dumps(spoken, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="studio-words">{inert}</script>'
