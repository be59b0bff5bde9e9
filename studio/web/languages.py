"""One page a language, all at the same address: which one a browser gets, and how it asks for one.

Every page has the same parts under the same numbers, so that what a page in one language asks for
is still answered after another tab has changed the language.
"""

import json
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.core.words import LANGUAGES
from studio.web import cookies

TAGS = {"en": "en", "zh": "zh-CN"}
"""Languages as browsers name them."""

_SEE_OTHER = 303


class LanguageSwitch:
    """The page of the language that was chosen, else ``usual``, else the browser's own."""

    def __init__(self, pages: Mapping[str, ASGIApp], usual: str | None = None) -> None:
        self.pages, self._usual = pages, usual

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the page of the request's language answer."""
        await self.pages[self.choose(Headers(scope=scope))](scope, receive, send)

    def choose(self, headers: Headers) -> str:
        """The language of a request."""
        chosen = cookies.read(headers, cookies.LANGUAGE)
        wanted = [chosen, self._usual, *accepted(headers.get("accept-language", ""))]
        known = (one for one in wanted if one is not None and one in self.pages)
        return next(known, LANGUAGES[0])


async def change(request: Request) -> Response:
    """Remember the language ``to``, and go back to the page (the place in it is kept)."""
    response = RedirectResponse("/", _SEE_OTHER)
    wanted = request.query_params.get("to")
    if wanted in LANGUAGES:
        cookies.give(response, cookies.LANGUAGE, wanted)
    return response


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header without their regions, the dearest first."""
    weighed = []
    for item in header.split(","):
        tag, _, quality = item.strip().partition(";q=")
        try:
            weighed.append((float(quality or 1), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    return [language for weight, language in sorted(weighed, key=lambda one: -one[0]) if weight]


def speaking(language: str) -> str:
    """A script that makes the browser's own language this one, for Gradio's built-in sentences."""
    tag = json.dumps(TAGS[language])
    facts = {"language": tag, "languages": f"[{tag}]"}
    definitions = "".join(
        f'Object.defineProperty(Navigator.prototype,"{name}",{{get:()=>{value}}});'
        for name, value in facts.items()
    )
    return f"<script>{definitions}</script>"
