"""How people come in: by a code that works once, or by the password; and what others see.

Nothing of the studio is shown here, and no sentence of it comes from a request.
"""

from collections.abc import Mapping
from html import escape
from string import Template
from typing import ClassVar
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from studio.core.words import LANGUAGES, assets_folder, words
from studio.web import cookies
from studio.web.address import Address
from studio.web.keys import Keys, Patience

_SEE_OTHER, _UNKNOWN, _HASTY = 303, 401, 429


class Entrance:
    """The way into the server at ``address`` that has the name ``server``."""

    ENTER: ClassVar[str] = "/enter"
    LOGIN: ClassVar[str] = "/login"
    PATHS: ClassVar[tuple[str, ...]] = (ENTER, LOGIN)

    def __init__(
        self, keys: Keys, address: Address, server: str, patience: Patience | None = None
    ) -> None:
        self.address = address
        self._keys, self._server = keys, server
        self._cookie = cookies.token_name(address.port)
        self._patience = patience or Patience()

    def knows(self, headers: Headers) -> bool:
        """Whether a request shows that its browser was let in."""
        shown = cookies.read(headers, self._cookie)
        return shown is not None and self._keys.fits(shown)

    def closed(self) -> Response:
        """What everyone sees who was not let in."""
        return self._form("") if self._keys.asks_password else _page("closed", _UNKNOWN)

    def routes(self) -> list[BaseRoute]:
        """Where people come in."""
        return [
            Route(self.ENTER, self._enter, methods=["GET"]),
            Route(self.LOGIN, self._log_in, methods=["GET", "POST"]),
        ]

    async def _enter(self, request: Request) -> Response:
        code = request.query_params.get("code", "")
        if self._keys.use_code(code, self._server) or self.knows(request.headers):
            return self._let_in()
        return self.closed()

    async def _log_in(self, request: Request) -> Response:
        if request.method != "POST" or not self._keys.asks_password:
            return self._let_in() if self.knows(request.headers) else self.closed()
        if self._patience.wait:
            return self._form("web.login.wait", _HASTY)
        given = parse_qs((await request.body()).decode("utf-8", "replace"))
        is_right = self._keys.is_password(given.get("password", [""])[0])
        self._patience.tell(right=is_right)
        return self._let_in() if is_right else self._form("web.login.wrong")

    def _let_in(self) -> Response:
        response = RedirectResponse("/", _SEE_OTHER)
        cookies.give(response, self._cookie, self._keys.cookie)
        return response

    def _form(self, problem: str, status: int = _UNKNOWN) -> Response:
        return _page("login", status, problem)


def _page(name: str, status: int, problem: str = "") -> Response:
    """The page ``assets/entrance/<name>.html`` in both languages, with the sentence ``problem``."""
    folder = assets_folder() / "entrance"
    style = (folder / "entrance.css").read_text(encoding="utf-8")
    template = Template((folder / f"{name}.html").read_text(encoding="utf-8"))
    sentences = {
        f"{language}_{key}": escape(sentence)
        for language in LANGUAGES
        for key, sentence in _said(language, name, problem).items()
    }
    return HTMLResponse(template.substitute(sentences, style=style), status)


def _said(language: str, name: str, problem: str) -> Mapping[str, str]:
    spoken = words(language)
    told = spoken.say(problem) if problem else ""
    return spoken.under(f"web.{name}.", "web.entrance.") | {"problem": told}
