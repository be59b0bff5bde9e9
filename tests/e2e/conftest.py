"""A server and a browser for each journey; skipped where there is no Chromium."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.__main__ import find_browser
from tests.e2e.hosted import Hosted, host
from tests.e2e.served import Served, Shelf
from tests.e2e.steps import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE = {"width": 1280, "height": 720}
Open = Callable[..., "Page"]
"""Opens a new window of one browser at a place of the page ("data" if none is named)."""


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
    """The rows of the journey, to be filled before a page is opened and looked at afterwards."""
    return Shelf(tmp_path / "data")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """The real server over the shelf's folder, not yet started."""
    server = Served(tmp_path / "data")
    yield server
    server.stop()


@pytest.fixture
def open_page(browser: "Browser", served: Served) -> Iterator[Open]:
    """Windows at the real server, for journeys in which it ends; the first one starts it."""

    def way_in() -> str | None:
        return None if served.has_started else served.start()

    with windows(browser, f"http://127.0.0.1:{served.port}", way_in) as opened:
        yield opened


@pytest.fixture
def hosted(tmp_path: Path) -> Iterator[Hosted]:
    """The page over the shelf's folder and a workbench without torch."""
    with host(tmp_path / "data") as made:
        yield made


@pytest.fixture
def visit(browser: "Browser", hosted: Hosted) -> Iterator[Open]:
    """Windows at the hosted page."""
    ways_in = [hosted.way_in]
    with windows(browser, hosted.origin, lambda: ways_in.pop() if ways_in else None) as opened:
        yield opened


@contextmanager
def windows(
    browser: "Browser", origin: str, way_in: Callable[[], str | None], **wishes: Any
) -> Iterator[Open]:
    """Windows of one browser; ``way_in`` is asked before each for what lets the browser in.

    Fails on an error in the page and on a request to any other origin.
    """
    context = browser.new_context(**{"viewport": SIZE, "locale": "en-GB"} | wishes)
    context.set_default_timeout(1000 * PATIENCE)
    wrong: list[str] = []

    def watch(url: str) -> None:
        if not url.startswith((origin, "data:", "blob:")):
            wrong.append(url)

    def open_one(place: str = "data") -> "Page":
        page = context.new_page()
        page.on("request", lambda request: watch(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog said {dialog.message}"))
        if (once := way_in()) is not None:
            page.goto(once)
        page.goto(f"{origin}/#{place}")
        page.locator(f"#place-{place} :is(h1, h2)").first.wait_for()
        return page

    yield open_one
    context.close()
    assert not wrong
