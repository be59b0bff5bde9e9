"""A server and a browser for each journey; skipped where there is no Chromium."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.__main__ import find_browser
from tests.e2e.served import Served, Shelf

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE = {"width": 1280, "height": 720}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="package")
def browser() -> "Iterator[Browser]":
    """A Chromium without a window.

    It ends with this package: its driver keeps a loop running in the thread of the tests.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        except playwright.Error as missing:
            pytest.skip(f"no Chromium: {str(missing).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """The rows of the journey, to be filled before `served` and looked at afterwards."""
    return Shelf(tmp_path / "data")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The server over the shelf's folder, not yet started."""
    server = Served(tmp_path / "data")
    yield server
    server.stop()


Open = Callable[[], "Page"]


@pytest.fixture
def open_page(browser: "Browser", served: Served) -> "Iterator[Open]":
    """Opens windows of one browser at the Data tab; the first call starts the server.

    A journey fails on an error in the page and on a request to any other origin.
    """
    context = browser.new_context(viewport=SIZE, locale="en-GB")
    strangers: list[str] = []
    errors: list[str] = []
    origin = f"http://127.0.0.1:{served.port}"

    def watch(url: str) -> None:
        if not url.startswith((origin, "data:", "blob:")):
            strangers.append(url)

    def open_one() -> "Page":
        page = context.new_page()
        page.on("request", lambda request: watch(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(f"a dialog said {dialog.message}"))
        if not served.has_started:
            page.goto(served.start())
        page.goto(f"{origin}/#data")
        page.wait_for_selector("#rows .rows-head")
        return page

    yield open_one
    context.close()
    assert not strangers
    assert not errors
