"""One address, two languages: who gets which."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from studio.web.front import Front
from studio.web.languages import LanguageSwitch, accepted
from tests.web.houses import House, house


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", [""]),
        ("zh-CN,zh;q=0.9,en;q=0.8", ["zh", "zh", "en"]),
        ("en;q=0.3, zh-Hans;q=0.8", ["zh", "en"]),
        ("zh;q=0, en", ["en"]),
        ("zh;q=lots, en;q=0.1", ["en"]),
    ],
)
def test_a_browser_says_which_language_it_likes_best(header: str, languages: list[str]) -> None:
    assert accepted(header) == languages


@pytest.mark.parametrize(
    ("cookie", "usual", "header", "chosen"),
    [
        ("studio_lang=zh", "en", "en", "zh"),
        ("studio_lang=en; studio_lang2=zh", "zh", "zh", "en"),
        ("studio_lang=fr", "zh", "en", "zh"),
        ("", "zh", "en", "zh"),
        ("", None, "fr, zh-TW;q=0.5", "zh"),
        ("", None, "fr", "en"),
        ("", None, "", "en"),
    ],
)
def test_the_choice_comes_before_the_start_and_the_browser(
    cookie: str, usual: str | None, header: str, chosen: str
) -> None:
    switch = LanguageSwitch(dict.fromkeys(("en", "zh"), Response()), usual)
    assert switch.choose(Headers({"cookie": cookie, "accept-language": header})) == chosen


def test_the_page_changes_its_language_at_the_same_address(home: House) -> None:
    changed = home.ask("GET", "/language?to=zh", cookie=home.cookie)
    assert (changed.status_code, changed.headers["location"]) == (303, "/")
    given = changed.headers["set-cookie"].partition(";")[0]
    chinese = home.ask("GET", "/", cookie=f"{home.cookie}; {given}").text
    english = home.ask("GET", "/", cookie=home.cookie, accept_language="en").text
    assert '<html\n\tlang="zh-CN"' in chinese
    assert '<html\n\tlang="en"' in english


@pytest.mark.parametrize("to", ["", "fr", "zh%0d%0aset-cookie:x=y"])
def test_an_unknown_language_changes_nothing(to: str, home: House) -> None:
    changed = home.ask("GET", f"/language?to={to}", cookie=home.cookie)
    assert changed.status_code == 303
    assert "set-cookie" not in changed.headers


def test_gradio_takes_the_pages_language_for_the_browsers(home: House) -> None:
    page = home.ask("GET", "/", cookie=f"{home.cookie}; studio_lang=zh").text
    first = re.search(r"<script[^>]*>(.*?)</script>", page)
    assert first is not None
    assert '"language",{get:()=>"zh-CN"}' in first.group(1)


def test_the_manifest_is_asked_for_with_the_cookie(home: House) -> None:
    page = home.ask("GET", "/", cookie=home.cookie).text
    assert '<link rel="manifest" crossorigin="use-credentials"' in page


def test_parts_have_the_same_numbers_in_every_language_and_after_each_start(
    home: House, tmp_path: Path
) -> None:
    def numbers(where: House, language: str) -> list[tuple[int, str]]:
        cookie = f"{where.cookie}; studio_lang={language}"
        found = where.ask("GET", "/config", cookie=cookie).json()
        return [(one["id"], one["props"].get("elem_id")) for one in found["components"]]

    english = numbers(home, "en")
    assert ("bar" in {place for _, place in english}) is True
    assert numbers(home, "zh") == english
    with house(tmp_path) as again:
        assert numbers(again, "en") == english


def test_only_the_front_pages_html_is_changed() -> None:
    def data(_: object) -> Response:
        return JSONResponse({"page": '<head> lang="en"'})

    def html(_: object) -> Response:
        return Response('<head> lang="en"', media_type="text/html")

    site = Starlette(routes=[Route("/", data), Route("/other", html)])
    client = TestClient(Front(site, "zh"))
    assert client.get("/").json() == {"page": '<head> lang="en"'}
    assert client.get("/other").text == '<head> lang="en"'
