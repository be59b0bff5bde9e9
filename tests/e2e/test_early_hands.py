"""Hands that are quicker than the machine: no click is lost, and no key meets another row."""

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from studio.core.rows import Body, NewRow, Status
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Shelf
from tests.e2e.steps import answer, comes, rows, sees, sees_row, state
from tests.e2e.told_runs import ToldRun

if TYPE_CHECKING:
    from playwright.sync_api import Page

SERVER = re.compile("component_server")
NEWS = 2500
"""Milliseconds after which an idle page has heard of what was done elsewhere."""
SLOW = """([action, milliseconds]) => {
  const quick = window.fetch;
  window.fetch = async (address, asked) => {
    if (String(asked?.body).includes(`"${action}"`)) {
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
    }
    return quick(address, asked);
  };
}"""


def slow_down(page: "Page", action: str) -> None:
    """Let the server take its time with an action from now on."""
    page.evaluate(SLOW, [f"ask_{action}", 700])


def some_rows(count: int) -> list[NewRow]:
    kinds = list(Status)
    return [NewRow(Body.pair(f"Question {n}?", "Yes."), kinds[n % 3]) for n in range(count)]


def test_a_click_on_a_row_is_not_lost_to_news_of_the_rows(
    visit: Open, shelf: Shelf, hosted: Hosted
) -> None:
    home = shelf.fill("Fever", some_rows(3))
    page = visit()
    sees_row(page, 1)
    rows(page).nth(1).hover()
    page.mouse.down()
    hosted.bench.rows.set_status(shelf.ids(home), "flagged")
    page.wait_for_timeout(NEWS)
    page.mouse.up()
    sees_row(page, 2)
    expect(rows(page).nth(1)).to_contain_text("Flagged")


def test_a_click_on_a_door_is_not_lost_to_news_of_the_rows(visit: Open, shelf: Shelf) -> None:
    page = visit("start")
    page.get_by_role("button", name="Bring my rows").hover()
    page.mouse.down()
    shelf.fill("Fever", some_rows(3))
    page.wait_for_timeout(NEWS)
    page.mouse.up()
    sees_row(page, 1)


def test_a_click_on_the_next_step_is_not_lost_to_news_of_the_rows(
    visit: Open, shelf: Shelf, hosted: Hosted
) -> None:
    home = shelf.fill("Fever", some_rows(3))
    page = visit("start")
    page.get_by_role("link", name="Choose a model").hover()
    page.mouse.down()
    hosted.bench.desk.choose(dataset=home)
    page.wait_for_timeout(NEWS)
    page.mouse.up()
    expect(page.get_by_role("heading", name="Choose a model to teach")).to_be_visible()


def test_a_filter_that_is_clicked_while_rows_are_on_their_way_counts(
    visit: Open, shelf: Shelf
) -> None:
    shelf.fill("Fever", some_rows(9))
    page = visit("start")
    slow_down(page, "page")
    page.get_by_role("button", name="Bring my rows").click()
    page.locator("#rows .rows-chips .rows-flagged").click()
    page.locator("#rows .rows-chips .rows-ready").click()
    expect(rows(page)).to_have_count(3)
    expect(rows(page)).to_contain_text(["Reviewed"] * 3)


def test_a_row_that_is_clicked_while_another_is_on_its_way_stays_open(
    visit: Open, shelf: Shelf
) -> None:
    home = shelf.fill("Fever", some_rows(9))
    ids = shelf.ids(home)
    page = visit()
    sees_row(page, 1)
    slow_down(page, "row")
    rows(page).nth(7).click()
    page.evaluate(
        "row => window.dispatchEvent(new CustomEvent('studio:open-row', {detail: {row}}))", ids[8]
    )
    rows(page).nth(6).click()
    sees_row(page, 7)
    page.wait_for_timeout(NEWS)
    sees_row(page, 7)


def test_keys_act_on_the_row_that_is_on_its_way(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows(60))
    page = visit()
    sees_row(page, 1)
    slow_down(page, "row")
    page.get_by_role("listbox").focus()
    page.keyboard.press("End")
    page.keyboard.press("f")
    page.keyboard.press("Enter")
    page.keyboard.type("So ")
    sees_row(page, 50)
    expect(answer(page)).to_be_focused()
    comes(page, lambda: shelf.statuses(home)[49] == "flagged")
    expect(state(page)).to_have_text("✓ Saved")
    assert shelf.statuses(home)[0] == "draft"
    assert shelf.responses(home)[0] == "Yes."


def test_points_that_are_asked_for_twice_are_drawn_once(visit: Open, shelf: Shelf) -> None:
    run = ToldRun.begin(shelf.folder, shelf.fill("Fever", []), "Fever · lora")
    run.learn(1, 3)
    page = visit("train")
    drawn = "document.querySelector('#train .chart-figure')?.data?.[1].x"
    page.wait_for_function(f"{drawn}.join() === '1,2,3'")
    slow_down(page, "watch")
    run.learn(4, 6)
    for _ in range(4):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(100)
    page.wait_for_function(f"{drawn}.length >= 6")
    page.wait_for_timeout(NEWS)
    assert page.evaluate(f"{drawn}.join()") == "1,2,3,4,5,6"


def test_keys_leave_another_row_alone_while_the_server_is_away(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", some_rows(60))
    before = shelf.statuses(home)
    page = visit()
    sees_row(page, 1)
    page.route(SERVER, lambda asked: asked.abort())
    page.get_by_role("listbox").focus()
    page.keyboard.press("End")
    sees(page, "The studio has stopped.")
    page.keyboard.press("f")
    page.keyboard.press("r")
    page.unroute(SERVER)
    sees_row(page, 50)
    assert shelf.statuses(home) == before
