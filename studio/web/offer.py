"""Which of Gradio's routes are offered: those the page or an owner's script has a use for.

Gradio has more, and more with each version: a proxy, an editor of its own program, a fetcher of any
address. Who is let in has no use for them, and a script that got into the page must not find one.
"""

import re

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_OFFERED = re.compile(
    r"/|/(config|theme\.css|favicon\.ico|manifest\.json|robots\.txt)/?"
    r"|/(assets|static|svelte|pwa_icon)(/.*)?"
    r"|/gradio_api/(app_id|info|login_check|startup-events|theme\.css|upload_progress)/?"
    r"|/gradio_api/(upload|component_server|cancel|reset)/?"
    r"|/gradio_api/(call|run|queue|heartbeat)/.*"
    r"|/gradio_api/file=(?!https?:).*",
    re.DOTALL,
)


class Offer:
    """The offered part of ``pages``."""

    def __init__(self, pages: ASGIApp) -> None:
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is offered; for the rest, there is nothing here."""
        is_offered = _OFFERED.fullmatch(scope["path"]) is not None
        nothing = PlainTextResponse("There is nothing here.", 404)
        await (self.pages if is_offered else nothing)(scope, receive, send)
