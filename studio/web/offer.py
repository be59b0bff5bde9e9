"""Which of Gradio's routes are offered: those the page or an owner's script has a use for.

Gradio has more, and more with each version: a proxy, an editor of its own program, a fetcher of any
address. Who is let in has no use for them, and a script that got into the page must not find one.
"""

import re
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OFFERED = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    r"|/(assets|static|svelte|pwa_icon)(/.*)?"
    r"|/gradio_api/(app_id|info|login_check|startup-events|theme\.css|upload_progress)/?"
    r"|/gradio_api/(upload|component_server|cancel|reset)/?"
    r"|/gradio_api/(call|run|queue|heartbeat)/.*",
    re.DOTALL,
)
_FILE = "/gradio_api/file="


class Offer:
    """The offered part of ``pages``; of files, those in the folder ``files``."""

    def __init__(self, pages: ASGIApp, files: Path) -> None:
        self.pages, self._files = pages, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is offered; for the rest, there is nothing here."""
        nothing = PlainTextResponse("There is nothing here.", 404)
        await (self.pages if self._has(scope["path"]) else nothing)(scope, receive, send)

    def _has(self, path: str) -> bool:
        if not path.startswith(_FILE):
            return _OFFERED.fullmatch(path) is not None
        try:
            return Path(path.removeprefix(_FILE)).resolve().is_relative_to(self._files.resolve())
        except (OSError, ValueError):
            return False
