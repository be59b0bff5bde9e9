"""How the page looks and what its head holds. Knows no tab."""

from typing import Any

from studio.core.words import Words

STYLES = ("studio", "bar", "start", "models", "rows", "import", "export", "privacy")


def mounting(said: Words) -> dict[str, Any]:
    """What Gradio is given when the page is mounted."""
    links = [f'<link rel="stylesheet" href="/page/{name}.css">' for name in STYLES]
    return {
        "head": "\n".join(links),
        "footer_links": [],
        "run_history": False,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": True,
        "show_error": False,
        "max_file_size": "1gb",
    }
