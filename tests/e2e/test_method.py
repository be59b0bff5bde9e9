"""The Method tab in the browser: figures that follow hand and keyboard, and what is kept."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from studio.core.words import words
from studio.methods import METHODS, cost_of, method_of, read_values
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.steps import comes, sees
from tests.known_model import SHEET
from tests.ui.benches import CannedEngine, add_model

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SAID = words("en")


def trained(method: str = "lora", **knobs: object) -> int:
    """What the page must show, counted past it."""
    chosen = method_of(method)
    return cost_of(SHEET, chosen, read_values(chosen, knobs)).trainable


def slider(page: "Page", knob: str = "r") -> "Locator":
    return page.locator(f"#method [data-knob={knob}]").get_by_role("slider")


def number(page: "Page", knob: str = "r") -> "Locator":
    return page.locator(f"#method #knob-{knob}")


def shows(page: "Page", values: int) -> None:
    """Wait until the figures are those of so many values that learn."""
    figure = page.locator("#method .method-trainable")
    expect(figure).to_have_attribute("data-exact", str(values))
    expect(page.locator("#method .method-disk")).to_have_attribute("data-exact", str(4 * values))


def keeps(hosted: Hosted, page: "Page", knobs: dict[str, object], method: str = "lora") -> None:
    """Wait until these settings lie on the desk."""
    comes(page, lambda: hosted.bench.desk.get()["method"] == method)
    comes(page, lambda: hosted.bench.desk.get()["knobs"][method] == knobs)


def test_figures_follow_a_slider_while_it_is_dragged(visit: Open, hosted: Hosted) -> None:
    add_model(hosted.bench)
    page = visit("method")
    shows(page, trained(r=16))
    slider(page).hover()
    box = slider(page).bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2, steps=8)
    expect(number(page)).to_have_value("1")
    shows(page, trained(r=1))
    page.mouse.move(box["x"] + box["width"] * 3 / 8, box["y"] + box["height"] / 2, steps=8)
    shows(page, trained(r=8))
    page.mouse.up()
    keeps(hosted, page, {"r": 8})
    expect(page.locator("#method [role=status]")).to_contain_text(f"{trained(r=8)} of")


def test_everything_can_be_done_by_keyboard(visit: Open, hosted: Hosted) -> None:
    add_model(hosted.bench)
    page = visit("method")
    shows(page, trained(r=16))
    slider(page).focus()
    page.keyboard.press("ArrowRight")
    shows(page, trained(r=32))
    expect(slider(page)).to_have_attribute("aria-valuetext", "32")
    page.keyboard.press("Shift+Tab")  # the way back to the usual value
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    shows(page, trained(r=16))
    expect(number(page)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("３")  # as an input method writes it
    shows(page, trained(r=3))
    page.locator("#method .method-presets button").first.focus()
    page.keyboard.press("Space")
    shows(page, trained(r=8))
    expect(page.locator("#method .method-presets button").first).to_be_focused()
    keeps(hosted, page, {"r": 8})


def test_another_method_is_one_click_away_and_each_keeps_its_settings(
    visit: Open, hosted: Hosted
) -> None:
    add_model(hosted.bench)
    page = visit("method")
    number(page).fill("4")
    shows(page, trained(r=4))
    page.locator("#method .method-row", has_text="BitFit").locator("summary").click()
    sees(page, SAID.say("methods.bitfit.when"))
    page.locator("#method [data-act='use bitfit']").click()
    shows(page, trained("bitfit"))
    expect(page.get_by_role("heading", name=SAID.say("methods.bitfit.name"))).to_be_focused()
    sees(page, SAID.say("methods.note.bitfit_all_added"))
    page.locator("#method [data-act='use lora']").click()
    shows(page, trained(r=4))
    keeps(hosted, page, {"r": 4})
    page.reload()
    shows(page, trained(r=4))
    expect(number(page)).to_have_value("4")


def test_what_is_wrong_stands_at_its_setting_and_nothing_is_lost(
    visit: Open, hosted: Hosted
) -> None:
    add_model(hosted.bench)
    page = visit("method")
    number(page, "dropout").fill("0.2")
    number(page).fill("33")
    wrong = page.locator("#method [data-knob=r] .method-problem")
    expect(wrong).to_contain_text("32")
    expect(number(page)).to_have_attribute("aria-invalid", "true")
    sees(page, SAID.say("page.method.none"))
    keeps(hosted, page, {"r": 33, "dropout": 0.2})  # Start refuses it, with the same words
    sees(page, SAID.say("page.method.kept_useless"))
    number(page).fill("many")
    sees(page, SAID.say("page.method.not_kept"))
    expect(number(page, "dropout")).to_have_value("0.2")
    number(page).fill("2")
    shows(page, trained(r=2))
    expect(wrong).to_be_hidden()
    keeps(hosted, page, {"r": 2, "dropout": 0.2})


def test_a_problem_behind_a_fold_is_seen(visit: Open, hosted: Hosted) -> None:
    add_model(hosted.bench)
    page = visit("method")
    page.get_by_text(SAID.say("page.method.more_length")).click()
    number(page, "lr").fill("11")
    expect(page.locator("#method [data-knob=lr] .method-problem")).to_be_visible()
    number(page, "lr").fill("")
    rate = method_of("lora").learning_rate(SHEET)
    expect(number(page, "lr")).to_have_attribute("placeholder", str(rate))


def test_without_a_model_the_page_leads_to_one(visit: Open, hosted: Hosted) -> None:
    page = visit("method")
    sees(page, SAID.say("page.method.no_model"))
    page.locator("#method").get_by_role("button", name=SAID.say("page.method.to_model")).click()
    expect(page.locator("#place-model")).to_be_visible()
    add_model(hosted.bench)
    page.get_by_role("link", name=SAID.say("page.all.place_method")).click()
    shows(page, trained(r=16))


def test_the_first_count_of_a_model_says_that_it_takes_a_while(visit: Open, hosted: Hosted) -> None:
    go_on = threading.Event()
    engine = hosted.bench.engine
    assert isinstance(engine, CannedEngine)

    def slow(**_: object) -> object:
        go_on.wait(60)
        return SHEET.as_json()

    engine.replies["sheet"] = slow
    add_model(hosted.bench)
    page = visit("method")
    sees(page, SAID.say("page.method.counting"))
    number(page).fill("8")
    go_on.set()
    shows(page, trained(r=8))


def test_a_model_whose_folder_is_gone_is_a_card_with_a_way_out(visit: Open, hosted: Hosted) -> None:
    folder = Path(hosted.bench.models.show(add_model(hosted.bench))["folder"])
    (folder / "config.json").unlink()
    folder.rmdir()
    page = visit("method")
    card = page.locator("#method .method-stuck")
    expect(card).to_contain_text(str(folder))
    expect(card.get_by_role("button")).to_have_text(SAID.say("page.method.to_model"))


def test_the_page_speaks_chinese(visit: Open, hosted: Hosted) -> None:
    add_model(hosted.bench)
    page = visit("method")
    page.goto(f"{hosted.origin}/language?to=zh")
    page.goto(f"{hosted.origin}/#method")
    said = words("zh")
    shows(page, trained(r=16))
    for method in METHODS:
        sees(page, said.say(f"methods.{method}.name"))
    number(page).fill("0")
    expect(page.locator("#method [data-knob=r] .method-problem")).to_contain_text("超出可用范围")
    sees(page, said.say("page.method.none"))
