"""Gradio's front page, with what has to stand in its HTML itself: language, theme, styles.

What Gradio adds to the head, its script adds: too late for the first paint, and for the language
that this script has looked up by then.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.core.words import words
from studio.ui import look
from studio.web.languages import TAGS, speaking


class Front:
    """``page`` in ``language``; what is not its front page passes as it is."""

    def __init__(self, page: ASGIApp, language: str) -> None:
        self.page = page
        self._changes = {
            'lang="en"': f'lang="{TAGS[language]}"',
            "<head>": f"<head>{speaking(language)}{look.head(words(language))}",
            # else browsers fetch it without the cookie by which we know them
            '<link rel="manifest"': '<link rel="manifest" crossorigin="use-credentials"',
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the page does."""
        if scope["type"] != "http" or scope["path"] != "/":
            return await self.page(scope, receive, send)
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.page({**scope, "headers": plain}, receive, self._changing(send))

    def _changing(self, send: Send) -> Send:
        started: list[Message] = []
        parts: list[bytes] = []

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            if message["type"] != "http.response.body":
                return await send(message)
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            body = self._changed(b"".join(parts), Headers(raw=started[0]["headers"]))
            if "content-length" in (headers := MutableHeaders(scope=started[0])):
                headers["content-length"] = str(len(body))
            await send(started[0])
            await send({"type": "http.response.body", "body": body})

        return sending

    def _changed(self, body: bytes, headers: Headers) -> bytes:
        if not headers.get("content-type", "").startswith("text/html"):
            return body
        text = body.decode("utf-8")
        for old, new in self._changes.items():
            text = text.replace(old, new, 1)
        return text.encode("utf-8")
