"""What a person does on the page and sees there; every look waits until it is so."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SAVED = "✓ Saved"
PATIENCE = 60.0
"""Seconds that a slow, busy machine may take for anything; a quiet one takes none of them."""

expect.set_options(timeout=1000 * PATIENCE)


def question(page: "Page") -> "Locator":
    return page.get_by_label("Question", exact=True)


def answer(page: "Page") -> "Locator":
    return page.get_by_label("Answer", exact=True)


def state(page: "Page") -> "Locator":
    """How far the open row's saving is."""
    return page.locator("#rows .rows-state")


def heading(page: "Page") -> "Locator":
    return page.locator("#rows .rows-editor .s-heading")


def rows(page: "Page") -> "Locator":
    """The lines of the list."""
    return page.locator("#rows .rows-item")


def sees(page: "Page", text: str) -> None:
    """Wait until the page says ``text`` somewhere."""
    expect(page.locator("body")).to_contain_text(text)


def sees_row(page: "Page", number: int) -> None:
    """Wait until the row of that number is open."""
    expect(heading(page)).to_have_text(f"Row {number}")


def write(page: "Page", text: str) -> None:
    """Put the caret into the answer and type ``text`` over what stands there."""
    page.bring_to_front()  # a page behind another is drawn, and looked at, now and then only
    answer(page).click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def save(page: "Page") -> None:
    """Save by the key, and wait for the tick: nothing is on its way then."""
    page.keyboard.press("Control+S")
    expect(state(page)).to_have_text(SAVED)


def comes(page: "Page", happens: Callable[[], bool]) -> None:
    """Wait until something happens behind the page."""
    deadline = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)  # lets the browser's events through, as a plain sleep would not
