"""Rows in the browser: written, reviewed, thrown away, and never lost."""

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from studio.core.rows import Body, Message, NewRow, Status
from tests.e2e.conftest import Open
from tests.e2e.served import Served, Shelf
from tests.e2e.steps import (
    SAVED,
    answer,
    question,
    rows,
    save,
    sees,
    sees_row,
    state,
    write,
)

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

UNSAVED = "kept in this browser"
SERVER = re.compile("component_server")
COMPOSING = 1500
"""Milliseconds in which a whole word would have been saved."""


def some_rows(count: int = 3) -> list[NewRow]:
    return [NewRow(Body.pair(f"Question {n}?", f"Answer {n}.")) for n in range(1, count + 1)]


def write_unheard(page: "Page", text: str) -> None:
    """Type ``text`` over the answer where no save comes through."""
    write(page, text)
    expect(state(page)).to_contain_text(UNSAVED)


def test_what_was_typed_is_there_after_an_immediate_reload(open_page: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    sees_row(page, 1)
    write(page, "Rest and drink.")
    page.reload()
    sees_row(page, 1)
    expect(answer(page)).to_have_value("Rest and drink.")
    expect(state(page)).to_have_text(SAVED)
    assert shelf.responses(home)[0] == "Rest and drink."


def test_a_server_killed_in_mid_edit_has_the_text_once_it_runs_again(
    open_page: Open, shelf: Shelf, served: Served
) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    sees_row(page, 1)
    served.kill()
    write_unheard(page, "Typed while nobody listened.")
    assert "Typed while nobody listened." not in shelf.responses(home)
    served.start()
    expect(state(page)).to_have_text(SAVED)
    assert shelf.responses(home)[0] == "Typed while nobody listened."


def test_a_tab_closed_while_the_server_is_away_leaves_its_text_to_the_next(
    open_page: Open, shelf: Shelf, served: Served
) -> None:
    home = shelf.fill("Fever", some_rows())
    page = open_page()
    sees_row(page, 1)
    served.kill()
    write_unheard(page, "Left behind.")
    page.close()
    served.start()
    other = open_page()
    expect(answer(other)).to_have_value("Left behind.")
    expect(state(other)).to_have_text(SAVED)
    assert shelf.responses(home)[0] == "Left behind."


def test_rows_are_reviewed_with_the_keyboard_alone(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = visit()
    sees_row(page, 1)
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    sees_row(page, 2)
    page.keyboard.press("Home")
    sees_row(page, 1)
    page.keyboard.press("Enter")
    expect(answer(page)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type(" And rest.")
    page.keyboard.press("Control+Shift+Enter")
    sees_row(page, 2)
    page.keyboard.press("Control+Enter")
    sees_row(page, 3)
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_focused()
    page.keyboard.press("f")
    expect(page.locator("#rows .rows-item.rows-open")).to_contain_text("Flagged")
    page.keyboard.press("Delete")
    sees(page, "The row is in the trash.")
    expect(rows(page)).to_have_count(2)
    assert shelf.statuses(home) == ["ready", "draft"]
    assert shelf.responses(home)[0] == "Answer 1. And rest."
    page.keyboard.press("z")
    sees(page, "Undone")
    assert shelf.statuses(home) == ["ready", "draft", "flagged"]


def test_half_a_composed_word_is_never_saved(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("发烧", some_rows())
    page = visit()
    sees_row(page, 1)
    write(page, "多")
    save(page)
    keyboard = page.context.new_cdp_session(page)
    for half in ("h", "he", "he shui"):
        compose(keyboard, half)
    page.keyboard.press("Control+S")
    page.wait_for_timeout(COMPOSING)
    assert shelf.responses(home)[0] == "多"
    keyboard.send("Input.insertText", {"text": "喝水"})
    save(page)
    assert shelf.responses(home)[0] == "多喝水"
    assert not any("he" in text for text in shelf.histories(home))


def compose(keyboard: "CDPSession", letters: str) -> None:
    """Let an input method stand at ``letters`` of a word that is not chosen yet."""
    caret = {"selectionStart": len(letters), "selectionEnd": len(letters)}
    keyboard.send("Input.imeSetComposition", {"text": letters, **caret})


def test_words_that_are_composed_without_a_pause_are_kept(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("发烧", some_rows())
    page = visit()
    sees_row(page, 1)
    write(page, "多")
    save(page)
    keyboard = page.context.new_cdp_session(page)
    for word in ("休息", "喝水", "发烧", "三天", "就医"):
        compose(keyboard, "w")
        keyboard.send("Input.insertText", {"text": word})
        page.wait_for_timeout(60)
    compose(keyboard, "h")
    expect(state(page)).to_have_text("Not saved yet…")
    page.reload()
    sees_row(page, 1)
    expect(answer(page)).to_have_value("多休息喝水发烧三天就医")
    expect(state(page)).to_have_text(SAVED)
    assert shelf.responses(home)[0] == "多休息喝水发烧三天就医"


def test_rows_that_are_only_looked_at_stay_as_they_are(visit: Open, shelf: Shelf) -> None:
    windows = Body.pair("From\r\nWindows?", "Old\rMac.")
    silent = Body((Message("system", ""), *windows.messages))
    kept = [
        NewRow(windows, notes="a\r\nb"),
        NewRow(Body.pair("Q?", "A."), tags=("fever, high", "x")),
        NewRow(silent),
    ]
    home = shelf.fill("As they came", kept)
    before = shelf.revisions(home)
    page = visit()
    for number in (1, 2, 3, 1, 2, 3):
        rows(page).nth(number - 1).click()
        sees_row(page, number)
    write(page, "New.")
    save(page)
    assert shelf.revisions(home) == [*before[:2], before[2] + 1]
    assert shelf.bodies(home)[2].messages == (*silent.messages[:2], Message("assistant", "New."))


HOSTILE = [
    '<script>fetch("http://evil.example/s")</script>',
    '<img src="http://evil.example/i.png" onerror="alert(1)">',
    "![picture](http://evil.example/m.png)",
    '=HYPERLINK("http://evil.example","click")',
    "\u202ereversed\u202c ما هي الجرعة؟",
]


def test_hostile_text_is_text_everywhere(visit: Open, shelf: Shelf) -> None:
    kept = [NewRow(Body.pair(text, text), notes=text, tags=(text,)) for text in HOSTILE]
    shelf.fill(HOSTILE[0], kept)
    page = visit()
    for number, text in enumerate(HOSTILE, 1):
        line = rows(page).nth(number - 1)
        expect(line).to_contain_text(text)
        line.click()
        sees_row(page, number)
        expect(question(page)).to_have_value(text)
        expect(answer(page)).to_have_value(text)
        page.get_by_text("History of this row").click()
        expect(page.locator("#rows .rows-past")).to_contain_text("Added")
        page.get_by_text("History of this row").click()
    expect(page.locator("#rows :is(script, img)")).to_have_count(0)


def test_a_cell_of_ten_megabytes_does_not_stop_the_page(visit: Open, shelf: Shelf) -> None:
    huge = "水" * 3_000_000 + "x" * 1_000_000
    home = shelf.fill("Huge", [NewRow(Body.pair("Short?", huge)), *some_rows(1)])
    page = visit()
    sees_row(page, 1)
    expect(answer(page)).to_have_js_property("textLength", 20_000)
    page.get_by_role("listbox").focus()
    page.keyboard.press("ArrowDown")
    sees_row(page, 2)
    page.keyboard.press("ArrowUp")
    sees_row(page, 1)
    question(page).fill("Shorter?")
    save(page)
    assert shelf.responses(home)[0] == huge


def test_rows_that_were_thrown_away_come_back(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = visit()
    sees_row(page, 1)
    rows(page).nth(1).click()
    rows(page).nth(2).click(modifiers=["Shift"])
    page.get_by_role("toolbar").get_by_role("button", name="To the trash").click()
    sees(page, "2 rows are in the trash.")
    assert shelf.trashed(home) == 2
    page.locator("#rows .rows-find .rows-chip").click()
    expect(rows(page)).to_have_count(2)
    rows(page).first.click()
    page.get_by_role("button", name="Restore").click()
    sees(page, "The row is back in its place.")
    assert shelf.trashed(home) == 1


def test_erasing_asks_first(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    page = visit()
    sees_row(page, 1)

    def ask() -> None:
        page.get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name="Erase for good").click()

    ask()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    assert len(shelf.responses(home)) == 3
    ask()
    page.get_by_role("alertdialog").get_by_role("button", name="Erase for good").click()
    sees(page, "Erased for good: 1")
    assert shelf.responses(home) == ["Answer 2.", "Answer 3."]
    assert shelf.trashed(home) == 0


def test_on_a_narrow_screen_list_and_row_are_two_screens(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    page = visit()
    page.set_viewport_size({"width": 390, "height": 844})
    rows(page).nth(1).click()
    expect(answer(page)).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    page.get_by_role("button", name="List").click()
    expect(page.get_by_role("listbox")).to_be_visible()


@pytest.mark.parametrize("status", [Status.READY, Status.FLAGGED])
def test_a_filter_shows_only_its_rows(visit: Open, shelf: Shelf, status: Status) -> None:
    kept = [NewRow(Body.pair(f"Question {one}?", "Yes."), one) for one in Status]
    shelf.fill("Mixed", kept)
    page = visit()
    sees_row(page, 1)
    page.locator(f"#rows .rows-chips .rows-{status.value}").click()
    expect(rows(page)).to_have_count(1)
    expect(rows(page)).to_contain_text(f"Question {status.value}?")
