"""Rows in the browser: written, reviewed, thrown away, and never lost."""

import re
from typing import TYPE_CHECKING

import pytest

from studio.core.rows import Body, NewRow, Status
from tests.e2e.conftest import Open
from tests.e2e.served import Served, Shelf

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SAVED = "✓ Saved"
UNSAVED = "kept in this browser"
SERVER = re.compile("component_server")
ANSWER = "document.querySelectorAll('#rows .rows-turns textarea')[2]"
STATE = "document.querySelector('#rows .rows-state').dataset.state"


def some_rows(count: int = 3) -> list[NewRow]:
    return [NewRow(Body.pair(f"Question {n}?", f"Answer {n}.")) for n in range(1, count + 1)]


def answer(page: "Page") -> "Locator":
    return page.get_by_label("Answer", exact=True)


def question(page: "Page") -> "Locator":
    return page.get_by_label("Question", exact=True)


def state(page: "Page") -> "Locator":
    return page.locator("#rows .rows-state")


def heading(page: "Page") -> "Locator":
    return page.locator("#rows .rows-editor .s-heading")


def until(place: "Locator", text: str) -> None:
    """Wait until ``place`` says ``text``."""
    place.filter(has_text=text).wait_for(timeout=20_000)


def write(page: "Page", text: str) -> None:
    """Put the caret into the answer and type ``text`` over what stands there."""
    page.bring_to_front()  # a page behind another is drawn, and looked at, now and then only
    answer(page).click()
    page.keyboard.press("Control+A")
    page.keyboard.type(text)


def write_and_save(page: "Page", text: str) -> None:
    """The same, and wait for the tick."""
    write(page, text)
    page.wait_for_function(f"{STATE} !== 'saved'")
    until(state(page), SAVED)


def test_what_was_typed_is_there_after_an_immediate_reload(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    write(page, "Rest and drink.")
    page.reload()
    until(heading(page), "Row 1")
    until(state(page), SAVED)
    assert answer(page).input_value() == "Rest and drink."
    assert shelf.responses(home)[0] == "Rest and drink."


def test_a_server_killed_in_mid_edit_has_the_text_once_it_runs_again(
    open_page: Open, shelf: Shelf, served: Served
) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    served.kill()
    write(page, "Typed while nobody listened.")
    until(state(page), UNSAVED)
    assert "Typed while nobody listened." not in shelf.responses(home)
    served.start()
    until(state(page), SAVED)
    assert shelf.responses(home)[0] == "Typed while nobody listened."


def test_a_tab_closed_while_the_server_is_away_leaves_its_text_to_the_next(
    open_page: Open, shelf: Shelf, served: Served
) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    served.kill()
    write(page, "Left behind.")
    until(state(page), UNSAVED)
    page.close()
    served.start()
    other = open_page()
    other.wait_for_function(f"{ANSWER}?.value === 'Left behind.'")
    until(state(other), SAVED)
    assert shelf.responses(home)[0] == "Left behind."


def test_two_tabs_on_one_row_lose_neither_text(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    mine, theirs = open_page(), open_page()
    until(heading(mine), "Row 1")
    until(heading(theirs), "Row 1")
    mine.route(SERVER, lambda asked: asked.abort())
    write(mine, "My answer.")
    until(state(mine), UNSAVED)
    write_and_save(theirs, "Their answer.")
    mine.unroute(SERVER)
    until(state(mine), "please decide")
    sides = mine.locator("#rows .rows-reading").all_inner_texts()
    assert sides == ["My answer.", "Their answer."]
    mine.get_by_label("What is kept").last.fill("My answer. Their answer.")
    mine.get_by_role("button", name="Save this").click()
    until(state(mine), SAVED)
    assert answer(mine).input_value() == "My answer. Their answer."
    assert shelf.responses(home)[0] == "My answer. Their answer."
    assert "Their answer." in shelf.histories(home)


def test_an_undecided_conflict_survives_a_reload(open_page: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, theirs = open_page(), open_page()
    until(heading(mine), "Row 1")
    until(heading(theirs), "Row 1")
    mine.route(SERVER, lambda asked: asked.abort())
    write(mine, "My answer.")
    until(state(mine), UNSAVED)
    write_and_save(theirs, "Their answer.")
    mine.unroute(SERVER)
    mine.reload()
    until(state(mine), "please decide")
    sides = mine.locator("#rows .rows-reading").all_inner_texts()
    assert sides == ["My answer.", "Their answer."]


def test_a_clean_editor_shows_what_another_tab_saved(open_page: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, theirs = open_page(), open_page()
    until(heading(mine), "Row 1")
    until(heading(theirs), "Row 1")
    write_and_save(mine, "New.")
    theirs.bring_to_front()
    theirs.wait_for_function(
        "document.querySelectorAll('#rows .rows-turns textarea')[2].value === 'New.'"
    )


def test_rows_are_reviewed_with_the_keyboard_alone(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    until(heading(page), "Row 2")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.keyboard.press("End")
    page.keyboard.type(" And rest.")
    page.keyboard.press("Control+Shift+Enter")
    until(heading(page), "Row 2")
    page.keyboard.press("Control+Enter")
    until(heading(page), "Row 3")
    page.keyboard.press("Escape")
    page.keyboard.press("f")
    until(page.locator("#rows .rows-item.rows-open"), "Flagged")
    page.keyboard.press("Delete")
    until(page.locator("body"), "The row is in the trash.")
    assert shelf.statuses(home) == ["ready", "draft"]
    assert shelf.responses(home)[0] == "Answer 1. And rest."
    page.keyboard.press("z")
    until(page.locator("body"), "Undone")
    assert shelf.statuses(home) == ["ready", "draft", "flagged"]


def test_half_a_composed_word_is_never_saved(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("发烧", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    write_and_save(page, "多")
    keyboard = page.context.new_cdp_session(page)
    for half in ("h", "he", "he shui"):
        composing = {"text": half, "selectionStart": len(half), "selectionEnd": len(half)}
        keyboard.send("Input.imeSetComposition", composing)
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1500)
    assert shelf.responses(home)[0] == "多"
    keyboard.send("Input.insertText", {"text": "喝水"})
    page.wait_for_function(f"{STATE} !== 'saved'")
    until(state(page), SAVED)
    assert shelf.responses(home)[0] == "多喝水"
    assert not any("he" in text for text in shelf.histories(home))


HOSTILE = [
    '<script>fetch("http://evil.example/s")</script>',
    '<img src="http://evil.example/i.png" onerror="alert(1)">',
    "![picture](http://evil.example/m.png)",
    '=HYPERLINK("http://evil.example","click")',
    "\u202ereversed\u202c ما هي الجرعة؟",
]


def test_hostile_text_is_text_everywhere(open_page: Open, shelf: Shelf) -> None:
    rows = [NewRow(Body.pair(text, text), notes=text, tags=(text,)) for text in HOSTILE]
    shelf.fill(HOSTILE[0], rows)
    page = open_page()
    for number, text in enumerate(HOSTILE, 1):
        line = page.locator("#rows .rows-item").nth(number - 1)
        assert text in (line.text_content() or "")
        line.click()
        until(heading(page), f"Row {number}")
        assert question(page).input_value() == answer(page).input_value() == text
        page.get_by_text("History of this row").click()
        until(page.locator("#rows .rows-past"), "Added")
        page.get_by_text("History of this row").click()
    assert page.locator("#rows").evaluate("box => box.querySelectorAll('script, img').length") == 0


def test_a_cell_of_ten_megabytes_does_not_stop_the_page(open_page: Open, shelf: Shelf) -> None:
    huge = "水" * 3_000_000 + "x" * 1_000_000
    home = shelf.fill("Huge", [NewRow(Body.pair("Short?", huge)), *some_rows(1)])
    page = open_page()
    until(heading(page), "Row 1")
    assert len(answer(page).input_value()) == 20_000
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    until(heading(page), "Row 2")
    page.keyboard.press("ArrowUp")
    until(heading(page), "Row 1")
    question(page).fill("Shorter?")
    page.wait_for_function(f"{STATE} !== 'saved'")
    until(state(page), SAVED)
    assert shelf.responses(home)[0] == huge


def test_rows_that_were_thrown_away_come_back(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")
    page.locator("#rows .rows-item").nth(1).click()
    page.locator("#rows .rows-item").nth(2).click(modifiers=["Shift"])
    page.get_by_role("toolbar").get_by_role("button", name="To the trash").click()
    until(page.locator("body"), "2 rows are in the trash.")
    assert shelf.trashed(home) == 2
    page.locator("#rows .rows-find .rows-chip").click()
    until(page.locator("#rows .rows-acts:visible"), "Restore")
    page.locator("#rows .rows-acts:visible").get_by_role("button", name="Restore").click()
    until(page.locator("body"), "The row is back in its place.")
    assert shelf.trashed(home) == 1


def test_erasing_asks_first(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    until(heading(page), "Row 1")

    def ask() -> None:
        page.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name="Erase for good").click()

    ask()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    assert len(shelf.responses(home)) == 3
    ask()
    page.get_by_role("alertdialog").get_by_role("button", name="Erase for good").click()
    until(page.locator("body"), "Erased for good: 1")
    assert shelf.responses(home) == ["Answer 2.", "Answer 3."]
    assert shelf.trashed(home) == 0


def test_on_a_narrow_screen_list_and_row_are_two_screens(open_page: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    page = open_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.locator("#rows .rows-item").nth(1).click()
    assert answer(page).is_visible()
    assert not page.get_by_role("listbox").is_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    page.get_by_role("button", name="List").click()
    assert page.get_by_role("listbox").is_visible()


@pytest.mark.parametrize("status", [Status.READY, Status.FLAGGED])
def test_a_filter_shows_only_its_rows(open_page: Open, shelf: Shelf, status: Status) -> None:
    rows = [NewRow(Body.pair(f"Question {one}?", "Yes."), one) for one in Status]
    shelf.fill("Mixed", rows)
    page = open_page()
    until(heading(page), "Row 1")
    page.locator(f"#rows .rows-chips .rows-{status.value}").click()
    page.wait_for_function("document.querySelectorAll('#rows .rows-item').length === 1")
    until(page.locator("#rows .rows-item"), f"Question {status.value}?")
