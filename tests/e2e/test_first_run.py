"""A newcomer's first minutes: from the door to a row that is kept."""

from playwright.sync_api import expect

from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Shelf
from tests.e2e.steps import SAVED, answer, comes, question, rows, sees, sees_row, state


def test_from_the_start_page_to_the_first_reviewed_row(
    visit: Open, hosted: Hosted, shelf: Shelf
) -> None:
    page = visit("start")
    page.get_by_role("button", name="Bring my rows").click()
    page.get_by_role("button", name="New dataset…").click()
    asking = page.get_by_role("alertdialog")
    asking.get_by_label("Name").fill("发烧 fever")
    asking.get_by_role("button", name="Save the name").click()
    page.locator("#rows .rows-nothing").get_by_role("button", name="Add a row").click()
    sees_row(page, 1)
    expect(question(page)).to_be_focused()
    page.keyboard.type("孩子发烧怎么办？")
    page.keyboard.press("Tab")
    expect(answer(page)).to_be_focused()
    page.keyboard.type("Rest and drink.")
    (home,) = [one["id"] for one in hosted.bench.rows.all()]
    comes(page, lambda: shelf.responses(home) == ["Rest and drink."])  # by the pause alone
    expect(state(page)).to_have_text(SAVED)
    assert shelf.statuses(home) == ["draft"]
    page.get_by_role("button", name="Reviewed, next").click()
    sees(page, "1 of 1 reviewed")
    expect(rows(page)).to_have_text(["1Reviewed孩子发烧怎么办？Rest and drink."])
    assert shelf.statuses(home) == ["ready"]


def test_the_last_door_leads_back_to_the_rows(visit: Open, hosted: Hosted, shelf: Shelf) -> None:
    page = visit("start")
    expect(page.locator("#start .start-door")).to_have_count(2)
    hosted.bench.desk.choose(dataset=shelf.fill("Fever", []))
    door = page.get_by_role("button", name="Continue")
    expect(door).to_have_accessible_description("Fever: 0 of 0 rows reviewed.")
    door.click()
    sees(page, "No rows yet")
