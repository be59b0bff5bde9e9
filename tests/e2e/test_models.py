"""The Model tab in the browser, over an engine that knows its answers by heart."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from studio.core.errors import UserMistake
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.steps import sees
from tests.ui.benches import CannedEngine

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def engine_of(hosted: Hosted) -> CannedEngine:
    assert isinstance(hosted.bench.engine, CannedEngine)
    return hosted.bench.engine


def practice(page: "Page") -> "Locator":
    """The pick that is always at hand."""
    return page.locator(".models-pick", has_text="Practice model")


def look_at(page: "Page", folder: Path) -> "Locator":
    """What is told of a folder that the person names."""
    if page.locator(".models-other[open]").count() == 0:
        page.get_by_text("Other: a hub, a folder, a GGUF file").click()
        page.get_by_role("tab", name="Folder").click()
    page.get_by_label("Folder on this computer").fill(str(folder))
    page.get_by_role("button", name="Look at it").click()
    return page.locator(".models-seen")


def test_one_of_three_picks_is_taken(visit: Open, hosted: Hosted) -> None:
    page = visit("model")
    expect(page.locator(".models-picks .models-pick")).to_have_count(3)
    expect(page.locator(".models-picks").get_by_text("Recommended", exact=True)).to_have_count(1)
    expect(practice(page)).to_contain_text("Works without a network")
    expect(practice(page)).to_contain_text("Not for medical content")
    practice(page).get_by_role("button", name="Get it ready").click()
    expect(practice(page)).to_contain_text("In use")
    assert hosted.bench.desk.get()["model"] == "starter"
    expect(page.locator(".models-row")).to_have_count(1)


def test_what_is_on_its_way_can_be_stopped_and_goes_on(visit: Open, hosted: Hosted) -> None:
    engine = engine_of(hosted)
    engine.go_on.clear()
    page = visit("model")
    practice(page).get_by_role("button", name="Get it ready").click()
    expect(practice(page).get_by_role("progressbar")).to_be_visible()
    practice(page).get_by_role("button", name="Stop").click()
    expect(practice(page)).to_contain_text("Stopping")
    engine.go_on.set()
    expect(practice(page)).to_contain_text("What has arrived is kept")
    assert hosted.bench.models.list() == []
    practice(page).get_by_role("button", name="Go on").click()
    expect(practice(page)).to_contain_text("In use")


def test_a_folder_is_looked_at_before_it_is_taken(
    visit: Open, hosted: Hosted, tmp_path: Path
) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    page = visit("model")
    seen = look_at(page, folder)
    expect(seen).to_contain_text("TinyForCausalLM")
    expect(seen).to_contain_text("8,192 word pieces")
    assert hosted.bench.models.list() == []
    seen.get_by_role("button", name="Add this folder").click()
    sees(page, "my model is ready.")
    expect(page.locator(".models-row")).to_contain_text("In use")


def test_a_folder_that_is_no_model_is_refused_in_words(
    visit: Open, hosted: Hosted, tmp_path: Path
) -> None:
    def refuse(folder: str, **_: Any) -> None:
        raise UserMistake("models.no_config", folder=folder)

    engine_of(hosted).replies["inspect_folder"] = refuse
    page = visit("model")
    card = look_at(page, tmp_path).get_by_role("alert")
    expect(card).to_contain_text("Please change something")
    expect(card).to_contain_text(f"{tmp_path} is not a model: it has no config.json.")
    card = look_at(page, tmp_path / "nowhere").get_by_role("alert")
    expect(card).to_contain_text("is not a model: it is no folder, no .gguf file")
    assert hosted.bench.models.list() == []
