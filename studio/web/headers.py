"""What goes out with every answer: what a page may load, who may show it, what may be kept.

Gradio's own permission for other origins never goes out.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Scope, Send

# Gradio needs inline scripts and eval: it compiles the functions of its components in the browser.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "frame-src 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_OURS, _GRADIOS = "/page/", ("/assets/", "/static/", "/svelte/")


def dressed(scope: Scope, send: Send) -> Send:
    """``send``, with our headers on every answer to ``scope``."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            _dress(MutableHeaders(scope=message), scope["path"])
        await send(message)

    return sending


def _dress(headers: MutableHeaders, path: str) -> None:
    for name in {name for name in headers if name.startswith("access-control-")}:
        del headers[name]
    headers.update(_ALWAYS)
    if path.startswith(_OURS):
        headers["Cache-Control"] = "no-cache"
    elif not path.startswith(_GRADIOS):
        headers["Cache-Control"] = "no-store"
