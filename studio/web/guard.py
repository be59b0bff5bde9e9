"""Decides of each request whether it comes in, before any other code sees it.

Four questions: is it called by a name of ours (421)? was it sent by our own page, and not by one
of another site in the same browser (403)? does it show the token (401)? is it small enough (413)?
Knows no route but those by which people come in and files are sent; so no new one is forgotten.
"""

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.web.entrance import Entrance
from studio.web.headers import dressed

UPLOAD = "/gradio_api/upload"
LARGEST = 32 * 1024 * 1024
"""Bytes of a request that is not an upload; a cell of 10 MB still fits, in any writing."""

_REFUSED = 1008


class Guard:
    """Stands before ``site``, the whole of it."""

    def __init__(self, site: ASGIApp, entrance: Entrance) -> None:
        self._site, self._entrance = site, entrance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the site answer."""
        if scope["type"] == "lifespan":
            return await self._site(scope, receive, send)
        if scope["type"] != "http":  # the page uses no websocket
            return await send({"type": "websocket.close", "code": _REFUSED})
        send = dressed(scope, send)
        refusal = self._refusal(scope)
        if refusal is None and scope["path"] != UPLOAD:
            body = await _whole_body(receive)
            refusal = PlainTextResponse("That is too large.", 413) if body is None else None
            receive = _replayed(body or b"", receive)
        await (refusal or self._site)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._entrance.address.admits(hosts[0]):
            return PlainTextResponse("This server is not called by that name.", 421)
        own_origin = f"{scope['scheme']}://{hosts[0]}"
        if headers.getlist("origin") not in ([], [own_origin]) or not _is_ours(scope, headers):
            return PlainTextResponse("Another site asked for this, so it was not done.", 403)
        if scope["path"] in Entrance.PATHS or self._entrance.knows(headers):
            return None
        return self._entrance.closed()


def _is_ours(scope: Scope, headers: Headers) -> bool:
    """Whether the browser says that our page, or the person, made the request.

    Links of other pages may lead to the front page and the entrance, in a window of its own.
    """
    sites = headers.getlist("sec-fetch-site")
    if set(sites) <= {"same-origin", "none"}:
        return True
    led_here = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest"))
    is_link = scope["method"] == "GET" and led_here == ("navigate", "document")
    return is_link and scope["path"] in ("/", Entrance.ENTER)


async def _whole_body(receive: Receive) -> bytes | None:
    """A request's body; None where it is too large, or broke off."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] == "http.disconnect" or len(body) > LARGEST:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """``receive`` for an application that has not seen the ``body`` yet."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receiving() -> Message:
        return waiting.pop() if waiting else await receive()

    return receiving
