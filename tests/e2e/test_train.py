"""The Train tab in the browser: a run as it fares, whatever becomes of server, window and trainer.

The trainer is the test itself (`told_runs`), but for the last journey.
"""

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from studio.core.errors import Refusal
from studio.core.events import Ended, Waiting
from studio.workbench import Workbench
from tests.e2e.conftest import Open
from tests.e2e.served import Served, Shelf
from tests.e2e.steps import comes
from tests.e2e.told_runs import ToldRun, answer, check, saved
from tests.tiny_studio import TinyStudio

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

COLD = 180_000
"""Milliseconds that a first start may take on a busy machine, which imports torch meanwhile."""

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3))"
SHOWN = "document.querySelector('#train .chart-figure').layout.xaxis.range"
DRAWN = "document.querySelector('#train .chart-figure')?.data?.[1].x.length"


@pytest.fixture
def run(shelf: Shelf) -> ToldRun:
    return ToldRun.begin(shelf.folder, shelf.fill("Fever", []), "Fever · lora")


def far(page: "Page") -> "Locator":
    return page.locator("#train .train-far")


def status(page: "Page") -> "Locator":
    return page.locator("#train .train-run .s-pill")


def act(page: "Page", name: str) -> "Locator":
    return page.locator("#train .train-acts").get_by_role("button", name=name, exact=True)


def points(page: "Page", count: int) -> None:
    """Wait until so many updates are drawn."""
    page.wait_for_function(f"{DRAWN} === {count}", timeout=60_000)


def test_a_living_run_is_shown_as_it_goes_and_again_after_a_reload(
    visit: Open, run: ToldRun
) -> None:
    run.learn(1, 3)
    page = visit("train")
    expect(far(page)).to_contain_text("update 3 of 40")
    expect(page.locator("#train .train-foot")).to_contain_text("keep the computer awake")
    points(page, 3)
    run.learn(4, 9)
    run.say(check(9, 2.25))
    expect(far(page)).to_contain_text("update 9 of 40")
    points(page, 9)
    page.reload()
    expect(far(page)).to_contain_text("update 9 of 40")
    points(page, 9)
    expect(page.locator("#train .train-figures")).to_contain_text("2.25")


def test_two_windows_see_a_pause_that_one_of_them_asked_for(visit: Open, run: ToldRun) -> None:
    run.learn(1, 3)
    mine, theirs = visit("train"), visit("train")
    mine.bring_to_front()
    act(mine, "Pause").click()
    expect(mine.locator("#train .train-state")).to_contain_text("Pausing")
    theirs.bring_to_front()
    expect(theirs.locator("#train .train-state")).to_contain_text("Pausing")
    expect(act(theirs, "Pause")).to_be_disabled()
    assert run.folder.asked() == "pause"
    run.end("paused", 3)
    for page in (theirs, mine):
        page.bring_to_front()
        expect(status(page)).to_have_text("paused")
        expect(act(page, "Resume")).to_be_enabled()


def test_stopping_asks_once(visit: Open, run: ToldRun) -> None:
    run.learn(1, 3)
    page = visit("train")
    act(page, "Stop and keep").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("3 of 40")
    dialog.get_by_role("button", name="Cancel").click()
    assert run.folder.asked() is None
    act(page, "Stop and keep").click()
    dialog.get_by_role("button", name="Stop and keep").click()
    expect(page.locator("#train .train-state")).to_contain_text("Stopping")
    comes(page, lambda: run.folder.asked() == "stop")


def test_a_killed_trainer_is_told_with_what_is_kept(visit: Open, run: ToldRun) -> None:
    run.learn(1, 6)
    page = visit("train")
    expect(status(page)).to_have_text("learning")
    run.die()
    expect(status(page)).to_have_text("interrupted")
    expect(page.locator("#train .train-state")).to_contain_text("ended from outside after update 6")
    expect(act(page, "Resume")).to_be_enabled()


def test_what_a_resume_does_again_is_drawn_anew(visit: Open, run: ToldRun) -> None:
    run.learn(1, 6)
    run.say(saved(4))
    page = visit("train")
    points(page, 6)
    run.die()
    run.resume(4)
    points(page, 4)
    run.learn(5, 5)
    points(page, 5)
    expect(status(page)).to_have_text("learning")


def test_a_server_that_was_killed_is_missed_quietly_and_found_again(
    open_page: Open, run: ToldRun, served: Served
) -> None:
    run.learn(1, 3)
    page = open_page("train")
    expect(far(page)).to_contain_text("update 3 of 40")
    served.kill()
    expect(page.locator("#train .train-away")).to_be_visible()
    run.learn(4, 8)
    served.start()
    expect(far(page)).to_contain_text("update 8 of 40")
    expect(page.locator("#train .train-away")).to_be_hidden()


def test_what_a_model_says_is_text_and_nothing_else(visit: Open, run: ToldRun) -> None:
    run.say(answer(2, HOSTILE, HOSTILE), answer(4, HOSTILE, "**" + HOSTILE))
    run.learn(1, 4)
    page = visit("train")
    expect(page.locator("#train .train-asked")).to_have_text(HOSTILE)
    expect(page.locator("#train .train-said").last).to_have_text("**" + HOSTILE)
    expect(page.locator("#train .train-safety")).to_contain_text("Not medical advice")
    assert page.locator("#train :is(img, script, a)").count() == 0


def test_names_of_runs_are_text_in_the_list_the_legend_and_the_figure(
    visit: Open, shelf: Shelf
) -> None:
    run = ToldRun.begin(shelf.folder, shelf.fill("Fever", []), HOSTILE[:90])
    run.learn(1, 5)
    page = visit("train")
    expect(page.locator("#train .train-run-name")).to_have_text(HOSTILE[:90])
    page.locator("#train .train-tick input").check()
    expect(page.locator("#train .train-overlay .train-legend")).to_contain_text(HOSTILE[:90])
    template = (
        "document.querySelector('#train .train-overlay .chart-figure')?.data?.[0].hovertemplate"
    )
    page.wait_for_function(f"{template} !== undefined")
    assert "<img" not in page.evaluate(template)
    assert page.locator("#train :is(img, script)").count() == 0


def test_zoom_outlives_what_comes_after_it(visit: Open, run: ToldRun) -> None:
    run.learn(1, 30)
    page = visit("train")
    points(page, 30)
    box = page.locator("#train .nsewdrag").first.bounding_box()
    assert box is not None
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.2, height)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, height + 2, steps=5)
    page.mouse.up()
    whole = page.get_by_role("button", name="Show the whole curve")
    expect(whole).to_be_visible()
    zoomed: Any = page.evaluate(SHOWN)
    assert 5 < zoomed[0] < 12 < zoomed[1] < 30
    run.learn(31, 35)
    points(page, 35)
    assert page.evaluate(SHOWN) == zoomed
    whole.click()
    page.wait_for_function(f"{SHOWN}[0] === 0 && {SHOWN}[1] > 40")
    expect(whole).to_be_hidden()


def test_waiting_and_failing_say_why(visit: Open, run: ToldRun) -> None:
    full = Refusal("disk.full", path="runs", needed=2 * 10**9, free=10**6)
    run.learn(1, 2)
    run.say(Waiting(2, full.as_json()))
    page = visit("train")
    expect(status(page)).to_have_text("waiting")
    expect(page.locator("#train .train-reason")).to_be_visible()
    broke = Refusal("run.not_finite", step=3, rows="1, 2", lr=0.1)
    run.say(Ended("failed", 3, broke.as_json()))
    run.die()
    expect(status(page)).to_have_text("failed")
    expect(page.locator("#train .train-reason")).to_contain_text("lower the learning rate")


def test_a_run_is_renamed_in_its_place_and_thrown_away_with_a_way_back(
    visit: Open, run: ToldRun
) -> None:
    run.learn(1, 40)
    run.end("finished", 40)
    page = visit("train")
    page.get_by_role("button", name="Fever · lora", exact=True).click()
    expect(status(page)).to_have_text("finished")
    page.get_by_role("button", name="Rename Fever · lora").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("Cough")
    page.keyboard.press("Enter")
    expect(page.locator("#train .train-open-run")).to_have_text("Cough")
    page.get_by_role("button", name="Discard Cough").click()
    expect(page.locator("#train .train-open-run")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#train .train-open-run")).to_have_text("Cough")


def test_a_desk_without_model_and_rows_says_what_start_waits_for(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", [])
    page = visit("train")
    start = page.get_by_role("button", name="Start training")
    expect(start).to_be_disabled()
    expect(page.locator("#train .train-why")).to_contain_text("Choose a model first")
    page.locator("#train .train-why").get_by_role("button", name="Choose a model").click()
    expect(page.locator("#models h1")).to_be_visible()


@pytest.mark.slow
def test_a_start_trains_and_goes_on_after_reload_and_pause(
    open_page: Open, studio: TinyStudio
) -> None:
    model, dataset = studio.add(), studio.fill("rows")
    with Workbench.open(studio.folder) as bench:
        training = {"steps": 20_000, "batch": 1, "lr": 0.01, "precision": "float32"}
        bench.desk.choose(model=model, dataset=dataset, training=training)
    page = open_page("train")
    page.get_by_role("button", name="Start training").click()
    expect(far(page)).to_contain_text("of 20,000", timeout=COLD)
    page.wait_for_function(f"{DRAWN} > 0")
    page.reload()
    page.wait_for_function(f"{DRAWN} > 0")
    act(page, "Pause").click()
    expect(status(page)).to_have_text("paused")
    act(page, "Resume").click()
    expect(status(page)).to_have_text("learning")
    act(page, "Stop and keep").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Stop and keep").click()
    expect(status(page)).to_have_text("stopped, kept")
    act(page, "Compare the answers").click()
    expect(page.locator("#place-compare h1")).to_be_visible()
    (run,) = studio.runs()
    assert page.url.endswith(f"#compare/{run}")
