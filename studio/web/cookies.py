"""The two cookies of the page: who was let in, and the language. Scripts can read neither."""

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import Response

LANGUAGE = "studio_lang"
_YEAR = 365 * 24 * 3600


def token_name(port: int) -> str:
    """The cookie that holds the token: browsers send a host's cookies to all of its ports."""
    return f"studio_{port}"


def read(headers: Headers, name: str) -> str | None:
    """The cookie ``name`` of a request."""
    return cookie_parser("; ".join(headers.getlist("cookie"))).get(name)


def give(response: Response, name: str, value: str) -> None:
    """Let the browser keep a cookie for a year, and show it to no other site."""
    response.set_cookie(name, value, max_age=_YEAR, path="/", httponly=True, samesite="strict")
