"""The whole loop in the browser on the starter: from the door to two answers, past every blow."""

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from studio.core.words import assets_folder
from studio.store.run_folder import RunFolder
from tests.e2e.conftest import Open
from tests.e2e.served import Served, Shelf
from tests.e2e.steps import SAVED, answer, comes, rows, save, state, write

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = 18
SLOWLY = 240_000
"""Milliseconds that the starter may take for one of its longer parts on a busy machine."""

DRAWN = "document.querySelector('#train .chart-figure')?.data?.[1].x.length"
COUNTED = "4.88 million"
"""What LoRA of rank 16 on all linear layers of the starter trains; PEFT counts 4,884,480."""


def go(page: "Page", place: str) -> None:
    """Take the way in the bar."""
    page.locator("#bar").get_by_role("link", name=place, exact=True).click()


def bring_rows(page: "Page") -> None:
    """Import the first of the tone rows that come with the studio."""
    lines = (assets_folder() / "datasets" / "tone_en.jsonl").read_bytes().splitlines()
    file = {"name": "Captain.jsonl", "mimeType": "text/plain", "buffer": b"\n".join(lines[:ROWS])}
    page.get_by_role("button", name="Import…").first.click()
    dialog = page.get_by_role("dialog", name="Bring rows in")
    dialog.locator("input[type=file]").set_input_files(file)
    dialog.get_by_role("button", name=f"Import {ROWS} rows").click()
    expect(dialog).to_contain_text(f"{ROWS} rows are now in “Captain”.")
    dialog.get_by_role("button", name="Close").click()
    expect(rows(page)).to_have_count(ROWS)


def points(page: "Page", least: int) -> None:
    """Wait until so many updates are drawn."""
    page.wait_for_function(f"{DRAWN} >= {least}", timeout=SLOWLY)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_from_the_door_to_two_answers(open_page: Open, served: Served, shelf: Shelf) -> None:
    page = open_page("start")
    page.get_by_role("button", name="Bring my rows").click()
    bring_rows(page)
    write(page, "Ahoy, matey! Rest, and drink plenty.")
    save(page)
    expect(state(page)).to_have_text(SAVED)

    go(page, "Model")
    page.get_by_role("button", name="Get it ready").click()
    expect(page.locator("#models .models-used")).to_be_visible(timeout=SLOWLY)

    go(page, "Method")
    expect(page.locator("#method .method-side")).to_contain_text(COUNTED, timeout=SLOWLY)

    go(page, "Train")
    page.get_by_role("button", name="Start training").click()
    points(page, 1)
    page.reload()
    points(page, 2)
    served.kill()
    (run,) = map(RunFolder, (shelf.folder / "runs").iterdir())
    assert run.state().status == "running"
    served.start()  # the key of before lets this window in again
    comes(page, lambda: bool(page.evaluate("document.querySelector('#train .train-away').hidden")))
    expect(page.locator("#train .train-run .s-pill")).to_have_text("finished", timeout=SLOWLY)
    page.get_by_role("button", name="Compare the answers").click()

    page.locator("#compare-question").fill("How do I cook rice?")
    page.locator("#compare").get_by_role("button", name="Ask", exact=True).click()
    told = page.locator("#compare .compare-exchange")
    expect(told).to_have_attribute("data-stage", "done", timeout=SLOWLY)
    expect(told).to_contain_text("Unchanged original")
    lanes = [told.locator(f".compare-{lane} .compare-text") for lane in ("base", "tuned")]
    base, tuned = (lane.inner_text() for lane in lanes)
    assert base
    assert tuned
    assert base != tuned
    go(page, "Data")
    expect(answer(page)).to_have_value("Ahoy, matey! Rest, and drink plenty.")
