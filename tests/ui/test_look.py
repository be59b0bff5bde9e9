"""The head of the page: everything from this server, nothing in it can run that is not ours."""

import json
import re
from pathlib import Path

import pytest

from studio.core.words import LANGUAGES, Words, assets_folder, words
from studio.ui import look

PAGE = assets_folder() / "page"


def head(language: str = "en") -> str:
    return look.head(words(language))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_that_the_head_names_is_a_file_of_ours(language: str) -> None:
    named = re.findall(r'(?:href|src)="([^"]*)"', head(language))
    assert named
    for address in named:
        assert address.startswith("/page/")
        assert (PAGE / Path(address).name).is_file(), address


def test_every_style_sheet_is_linked() -> None:
    assert {path.stem for path in PAGE.glob("*.css")} == set(look.STYLES)


def test_style_sheets_fetch_nothing() -> None:
    for path in PAGE.glob("*.css"):
        text = path.read_text("utf-8")
        assert [word for word in ("url(", "@import") if word in text] == [], path.name


def test_colours_stand_only_among_the_tokens() -> None:
    colour = re.compile(r"#[0-9a-f]{3,8}\b(?=[^{]*;)")
    for path in PAGE.glob("*.css"):
        if path.stem != "studio":
            rules = re.findall(r"\{([^{}]*)\}", path.read_text("utf-8"))
            assert [rule for rule in rules if colour.search(rule)] == [], path.name


def test_no_sentence_can_leave_its_script() -> None:
    hostile = Words("en", {"page.shell.x": "</script><img onerror=alert(1)>"})
    written = look.head(hostile)
    assert "<img" not in written
    kept = re.search(r'id="studio-words">(.*)</script>', written)
    assert kept
    assert json.loads(kept[1])["sentences"] == {"x": "</script><img onerror=alert(1)>"}


def test_gradio_tells_nobody_and_keeps_nothing() -> None:
    given = look.mounting()
    assert given["run_history"] is False
    assert given["enable_monitoring"] is False
    assert given["footer_links"] == []
    assert Path(given["favicon_path"]).is_file()


def test_the_theme_fetches_no_fonts() -> None:
    assert look.theme()._stylesheets == []


def test_all_modules_of_the_first_page_are_fetched_ahead() -> None:
    ahead = set(re.findall(r'rel="modulepreload" href="/page/(\w+)\.js"', head()))
    assert set(look.FIRST) <= ahead
    for module in ahead:
        text = (PAGE / f"{module}.js").read_text("utf-8")
        assert set(re.findall(r'from "\./(\w+)\.js"', text)) <= ahead
    assert "rows" not in ahead
