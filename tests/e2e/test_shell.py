"""What frames the places: keys, language, light and dark, and the page as an app of its own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from studio.core.rows import Body, NewRow
from tests.__main__ import find_browser
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Shelf
from tests.e2e.steps import sees, sees_row

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def is_dark(page: "Page") -> bool:
    """Whether light writing stands on dark paper."""
    colours = "e => getComputedStyle(e).backgroundColor.match(/[0-9]+/g).slice(0, 3).map(Number)"
    return sum(page.locator("body").evaluate(colours)) < 3 * 128


def test_the_map_of_keys_names_what_works_here(visit: Open) -> None:
    page = visit("start")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Go to Data")
    expect(keys).not_to_contain_text("Undo")
    page.keyboard.press("Escape")
    expect(keys).to_be_hidden()
    page.keyboard.press("2")
    sees(page, "No dataset")
    page.get_by_role("button", name="Keys").click()
    expect(keys).to_contain_text("Undo")
    page.keyboard.press("n")  # a key of the place below, which is out of reach now
    expect(keys).to_be_visible()
    keys.get_by_role("button", name="Close").click()
    expect(keys).to_be_hidden()


def test_a_question_mark_in_a_field_is_text(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", [NewRow(Body.pair("Why", "Because."))])
    page = visit()
    sees_row(page, 1)
    page.get_by_label("Question", exact=True).press("End")
    page.keyboard.type("?n2")
    expect(page.get_by_label("Question", exact=True)).to_have_value("Why?n2")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_language_changes_and_the_place_stays(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", [NewRow(Body.pair("Why?", "Because."))])
    page = visit()
    sees_row(page, 1)
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page.get_by_label("回答", exact=True)).to_have_value("Because.")
    expect(page.locator("#place-data")).to_be_visible()
    expect(page).to_have_title("Finetune Studio 微调工作室")
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    sees_row(page, 1)


def test_light_and_dark_are_chosen_and_kept(visit: Open) -> None:
    page = visit("start")
    page.emulate_media(color_scheme="dark")
    tool = page.locator(".bar-theme")
    expect(tool).to_have_accessible_name("Light or dark: as the system")
    page.wait_for_function("document.body.classList.contains('dark')")
    assert is_dark(page)
    tool.click()
    expect(tool).to_have_accessible_name("Light or dark: light")
    assert not is_dark(page)
    tool.click()
    page.emulate_media(color_scheme="light")
    page.reload()
    expect(tool).to_have_accessible_name("Light or dark: dark")
    assert is_dark(page)


def test_the_page_can_be_installed_as_an_app(
    browser: "Browser", hosted: Hosted, tmp_path: Path
) -> None:
    # Not a private window, such as tests have else: from those nothing can be installed.
    own = browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=find_browser(), args=["--no-sandbox"]
    )
    page = own.pages[0]
    page.goto(hosted.way_in)
    page.locator("#start h1").wait_for()
    asking = own.new_cdp_session(page)
    found = asking.send("Page.getAppManifest")
    assert found["errors"] == []
    manifest = json.loads(found["data"])
    assert (manifest["name"], manifest["display"]) == ("Finetune Studio", "standalone")
    for icon in manifest["icons"]:
        fetched = page.request.get(f"{hosted.origin}/{icon['src'].lstrip('./')}")
        assert fetched.status == 200, icon
        assert fetched.headers["content-type"] == icon["type"]
    assert asking.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    own.close()


def test_strangers_get_neither_manifest_nor_icon(browser: "Browser", hosted: Hosted) -> None:
    page = browser.new_page()
    page.goto(hosted.origin)
    sees(page, "This browser has not been let in")
    for path in ("manifest.json", "pwa_icon", "page/icon.svg"):
        assert page.request.get(f"{hosted.origin}/{path}").status == 401, path
    page.close()
