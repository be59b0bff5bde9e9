"""Two windows on the same rows: neither loses a text, and none keeps one that was erased."""

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from studio.core.rows import Body, NewRow
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Shelf
from tests.e2e.steps import (
    SAVED,
    answer,
    rows,
    save,
    sees,
    sees_row,
    state,
    write,
)
from tests.e2e.test_rows import SERVER, UNSAVED, some_rows, write_unheard

if TYPE_CHECKING:
    from playwright.sync_api import Page


def two_answers(visit: Open) -> "tuple[Page, Page]":
    """Two windows on row 1: the second has saved its answer, the first could not yet."""
    mine, theirs = visit(), visit()
    sees_row(mine, 1)
    sees_row(theirs, 1)
    mine.route(SERVER, lambda asked: asked.abort())
    write_unheard(mine, "My answer.")
    write(theirs, "Their answer.")
    save(theirs)
    mine.unroute(SERVER)
    return mine, theirs


def test_two_tabs_on_one_row_lose_neither_text(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    mine, _ = two_answers(visit)
    expect(state(mine)).to_contain_text("please decide")
    expect(mine.locator("#rows .rows-reading")).to_have_text(["My answer.", "Their answer."])
    mine.get_by_label("What is kept").last.fill("My answer. Their answer.")
    mine.get_by_role("button", name="Save this").click()
    expect(state(mine)).to_have_text(SAVED)
    expect(answer(mine)).to_have_value("My answer. Their answer.")
    assert shelf.responses(home)[0] == "My answer. Their answer."
    assert "Their answer." in shelf.histories(home)


def test_an_undecided_conflict_survives_a_reload(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, _ = two_answers(visit)
    mine.reload()
    expect(state(mine)).to_contain_text("please decide")
    expect(mine.locator("#rows .rows-reading")).to_have_text(["My answer.", "Their answer."])


def clash(visit: Open) -> "tuple[Page, Page]":
    """Two windows of which the first has to decide between two answers of row 1."""
    mine, theirs = two_answers(visit)
    expect(state(mine)).to_contain_text("please decide")
    mine.bring_to_front()
    return mine, theirs


def test_a_decision_that_is_half_made_is_kept(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, _ = clash(visit)
    kept = mine.get_by_label("What is kept").last
    kept.fill("Put together")
    rows(mine).nth(0).click()
    expect(kept).to_have_value("Put together")
    rows(mine).nth(1).click()
    sees_row(mine, 2)
    rows(mine).nth(0).click()
    expect(state(mine)).to_contain_text("please decide")
    expect(kept).to_have_value("Put together")


def test_a_file_or_a_copy_waits_for_the_row_that_is_not_saved(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, _ = clash(visit)
    rows(mine).nth(1).click()
    sees_row(mine, 2)
    mine.get_by_role("button", name="Export").click()
    sees(mine, "Row 1 is not saved yet, so nothing was done.")
    expect(mine.get_by_role("dialog")).to_have_count(0)
    mine.get_by_role("button", name="Duplicate").click()
    sees_row(mine, 4)
    rows(mine).nth(0).click()
    expect(state(mine)).to_contain_text("please decide")
    mine.get_by_role("button", name="More").click()
    mine.get_by_role("menuitem", name="Duplicate").click()
    expect(mine.locator(".s-toast", has_text="Row 1 is not saved yet")).to_have_count(2)
    expect(rows(mine)).to_have_count(4)


def test_two_windows_can_each_change_the_tags(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", [NewRow(Body.pair("Q?", "A."), tags=("old", "kept"))])
    mine, theirs = visit(), visit()
    sees_row(mine, 1)
    sees_row(theirs, 1)
    mine.route(SERVER, lambda asked: asked.abort())
    mine.bring_to_front()
    mine.get_by_label("Tags", exact=True).fill("old, kept, mine")
    expect(state(mine)).to_contain_text(UNSAVED)
    theirs.bring_to_front()
    theirs.get_by_label("Tags", exact=True).fill("kept, theirs")
    answer(theirs).fill("Theirs.")
    save(theirs)
    mine.unroute(SERVER)
    mine.bring_to_front()
    expect(mine.get_by_label("Tags", exact=True)).to_have_value("kept, theirs, mine")
    expect(answer(mine)).to_have_value("Theirs.")
    save(mine)
    assert shelf.tags(home) == [("kept", "theirs", "mine")]
    assert shelf.responses(home) == ["Theirs."]


def drafts(page: "Page") -> int:
    """How many texts the browser keeps that the server does not have."""
    count = "Object.keys(localStorage).filter((name) => name.startsWith('studio.draft.')).length"
    return int(page.evaluate(count))


def test_an_erased_row_leaves_no_text_in_any_window(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, theirs = clash(visit)
    assert drafts(mine) == 1
    theirs.bring_to_front()
    theirs.get_by_role("button", name="More").click()
    theirs.get_by_role("menuitem", name="Erase for good").click()
    theirs.get_by_role("alertdialog").get_by_role("button", name="Erase for good").click()
    sees(theirs, "Erased for good: 1")
    mine.bring_to_front()
    expect(answer(mine)).to_have_value("Answer 2.")
    assert drafts(mine) == 0
    mine.reload()
    sees_row(mine, 1)
    expect(mine.locator("#rows .rows-waiting")).to_be_hidden()


def test_a_text_whose_row_was_erased_elsewhere_is_offered_once(
    visit: Open, shelf: Shelf, hosted: Hosted
) -> None:
    home = shelf.fill("Fever", some_rows())
    page = visit()
    sees_row(page, 1)
    page.route(SERVER, lambda asked: asked.abort())
    write_unheard(page, "Nowhere to go.")
    hosted.bench.erase(shelf.ids(home)[:1])
    page.unroute(SERVER)
    sees(page, "A row was erased for good before your text in it was saved.")
    page.reload()
    page.get_by_role("button", name="Copy my text").click()
    sees(page, "Your text is copied.")
    page.get_by_role("button", name="Throw it away").click()
    expect(page.locator("#rows .rows-waiting")).to_be_hidden()
    sees_row(page, 1)
    expect(answer(page)).to_have_value("Answer 2.")
    assert drafts(page) == 0


def test_without_locks_a_draft_stays_with_the_window_that_lives(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows())
    mine = visit()
    mine.context.add_init_script("Object.defineProperty(navigator, 'locks', {value: undefined})")
    mine.reload()
    sees_row(mine, 1)
    mine.route(SERVER, lambda asked: asked.abort())
    write_unheard(mine, "Mine.")
    other = visit()
    sees_row(other, 1)
    write(other, "Theirs.")
    save(other)
    assert shelf.histories(home).count("Mine.") == 0
    mine.unroute(SERVER)
    expect(state(mine)).to_contain_text("please decide")
    mine.reload()
    expect(state(mine)).to_contain_text("please decide")
    expect(mine.locator("#rows .rows-reading")).to_have_text(["Mine.", "Theirs."])


def test_a_clean_editor_shows_what_another_tab_saved(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", some_rows())
    mine, theirs = visit(), visit()
    sees_row(mine, 1)
    sees_row(theirs, 1)
    write(mine, "New.")
    save(mine)
    theirs.bring_to_front()
    expect(answer(theirs)).to_have_value("New.")
