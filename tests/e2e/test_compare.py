"""The Compare tab in the browser: two answers as they are written; the test is the engine."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from studio.core.rows import Body, Split
from studio.store.run_folder import RunFolder, RunRow
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Served, Shelf
from tests.e2e.steps import comes
from tests.e2e.told_runs import ToldRun
from tests.ui.benches import CannedEngine
from tests.workbench.answering_runs import ROWS, answering_run
from tests.workbench.slow_answer import SlowAnswer, piece

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>[a](javascript:alert(3)) **b**"
SAFETY = "Not medical advice; never use for a patient."
WORDS = ("Keep ", "calm,\n", "sailor.")
PIECES = [piece(lane, word, at + 1) for at, word in enumerate(WORDS) for lane in ("base", "tuned")]


class Speaker:
    """The engine of the journey: it says what it is given, whenever it is let."""

    def __init__(self, engine: CannedEngine) -> None:
        self.events: list[dict[str, Any]] = [{"stage": "answering"}, *PIECES, {"stage": "proving"}]
        self.proved: bool = True
        self.given: list[SlowAnswer] = []
        self.orders: list[dict[str, Any]] = []
        engine.speeches["compare"] = self._speak

    def _speak(self, **order: Any) -> SlowAnswer:
        lane = {"text": "", "tokens": 3, "seconds": 0.3, "cut": False}
        result = {"base": lane, "tuned": lane | {"cut": True}, "base_proved": self.proved}
        self.orders.append(order)
        self.given.append(SlowAnswer(self.events, result))
        return self.given[-1]

    def finish(self, page: "Page") -> None:
        """Say all that is left."""
        self.given[-1].go_on(len(self.events) + 1)
        expect(exchange(page)).to_have_attribute("data-stage", "done")


@pytest.fixture
def run(hosted: Hosted) -> RunFolder:
    return answering_run(hosted.bench.data.root, "Captain")


@pytest.fixture
def speaker(hosted: Hosted, run: RunFolder) -> Iterator[Speaker]:
    assert isinstance(hosted.bench.engine, CannedEngine)
    speaker = Speaker(hosted.bench.engine)
    yield speaker
    for answer in speaker.given:
        answer.close()


def exchange(page: "Page") -> "Locator":
    return page.locator("#compare .compare-exchange")


def lane(page: "Page", name: str) -> "Locator":
    return exchange(page).locator(f".compare-{name} .compare-text")


def field(page: "Page") -> "Locator":
    return page.locator("#compare-question")


def press(page: "Page", name: str) -> None:
    page.locator("#compare").get_by_role("button", name=name, exact=True).click()


def ask(page: "Page", speaker: Speaker, text: str, *, steps: int = 0) -> None:
    """Type a question, ask it by Enter, and let the engine say so much."""
    asked = len(speaker.given)
    field(page).fill(text)
    field(page).press("Enter")
    comes(page, lambda: len(speaker.given) > asked)
    speaker.given[-1].go_on(steps)


def test_both_answers_are_written_side_by_side(visit: Open, speaker: Speaker) -> None:
    page = visit("compare")
    expect(page.locator("#compare .compare-strip")).to_contain_text(SAFETY)
    ask(page, speaker, "How do I calm down?", steps=5)
    expect(lane(page, "base")).to_have_text("Keep calm,")
    expect(lane(page, "tuned")).to_have_text("Keep calm,")
    expect(exchange(page).locator(".compare-writing")).to_have_count(2)
    expect(exchange(page)).to_contain_text("Both are writing")
    speaker.finish(page)
    assert lane(page, "base").inner_text() == "Keep calm,\nsailor."
    expect(exchange(page).locator(".compare-writing")).to_have_count(0)
    expect(exchange(page).locator(".compare-base")).to_contain_text("Unchanged original")
    expect(exchange(page).locator(".compare-tuned")).to_contain_text("Cut off")
    expect(exchange(page).locator(".compare-base")).not_to_contain_text("Cut off")
    expect(exchange(page).locator(".compare-base")).to_contain_text("word pieces: 3 · 0.3 s")


def test_a_line_break_and_a_word_in_the_making_ask_nothing(visit: Open, speaker: Speaker) -> None:
    page = visit("compare")
    field(page).fill("First")
    field(page).press("Shift+Enter")
    field(page).press_sequentially("second")
    field(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    assert field(page).input_value() == "First\nsecond"
    field(page).press("Enter")
    comes(page, lambda: bool(speaker.orders))
    assert [order["prompt"] for order in speaker.orders] == ["First\nsecond"]


def test_a_reload_in_mid_answer_and_a_second_window_show_the_same(
    visit: Open, speaker: Speaker
) -> None:
    page = visit("compare")
    ask(page, speaker, "How do I calm down?", steps=3)
    expect(lane(page, "tuned")).to_have_text("Keep")
    page.reload()
    expect(lane(page, "tuned")).to_have_text("Keep")
    expect(field(page)).to_have_value("How do I calm down?")
    other = visit("compare")
    expect(lane(other, "base")).to_have_text("Keep")
    speaker.given[-1].go_on(9)
    expect(lane(other, "base")).to_have_text("Keep calm, sailor.")
    page.bring_to_front()
    expect(lane(page, "base")).to_have_text("Keep calm, sailor.")


def test_stop_is_at_once_and_again_asks_the_same(visit: Open, speaker: Speaker) -> None:
    page = visit("compare")
    ask(page, speaker, "Why?", steps=3)
    expect(lane(page, "tuned")).to_have_text("Keep")
    press(page, "Stop")
    expect(exchange(page)).to_have_attribute("data-stage", "stopped")
    expect(exchange(page).locator(".compare-base")).to_contain_text("Original not checked")
    expect(exchange(page).locator(".compare-tuned")).to_contain_text("Stopped here.")
    press(page, "Again")
    comes(page, lambda: len(speaker.given) == 2)
    speaker.finish(page)
    assert [order["prompt"] for order in speaker.orders] == ["Why?", "Why?"]
    expect(lane(page, "tuned")).to_have_text("Keep calm, sailor.")
    past = page.locator("#compare .compare-past")
    expect(past).to_have_count(1)
    past.locator("summary").click()
    expect(past).to_contain_text("Keep")
    expect(past).to_contain_text(SAFETY)


def test_again_with_variety_takes_the_next_seed(visit: Open, speaker: Speaker) -> None:
    page = visit("compare")
    press(page, "Settings")
    page.locator("#compare-system").fill("Be brief.")
    page.locator("#compare-variety").fill("0.8")
    page.locator("#compare-length").fill("12")
    page.locator("#compare-seed").fill("5")
    ask(page, speaker, "Why?")
    speaker.finish(page)
    press(page, "Again")
    comes(page, lambda: len(speaker.given) == 2)
    speaker.finish(page)
    first, second = (order["sampling"] for order in speaker.orders)
    assert first == {"temperature": 0.8, "max_new_tokens": 12, "seed": 5}
    assert second == first | {"seed": 6}
    assert {order["system"] for order in speaker.orders} == {"Be brief."}
    page.reload()
    expect(page.locator("#compare-seed")).to_have_value("6")
    expect(page.locator("#compare .compare-opener")).to_contain_text("variety 0.8")


def test_a_new_question_takes_the_place_of_one_that_is_answered(
    visit: Open, speaker: Speaker
) -> None:
    page = visit("compare")
    ask(page, speaker, "First?", steps=3)
    expect(lane(page, "tuned")).to_have_text("Keep")
    ask(page, speaker, "Second?")
    expect(exchange(page).locator(".compare-asked")).to_have_text("Second?")
    expect(lane(page, "tuned")).to_have_text("")
    speaker.finish(page)
    assert speaker.given[0].is_closed


def test_hostile_output_is_text_and_nothing_else(visit: Open, speaker: Speaker) -> None:
    pieces = [piece(lane, HOSTILE, 1) for lane in ("base", "tuned")]
    speaker.events = [{"stage": "answering"}, *pieces]
    page = visit("compare")
    ask(page, speaker, HOSTILE)
    speaker.finish(page)
    for name in ("base", "tuned"):
        expect(lane(page, name)).to_have_text(HOSTILE)
    expect(exchange(page).locator(".compare-asked")).to_have_text(HOSTILE)
    ask(page, speaker, "Next?")
    speaker.finish(page)
    expect(page.locator("#compare .compare-past-question")).to_have_text(HOSTILE)
    assert page.locator("#compare :is(img, script, a)").count() == 0


def test_a_copy_carries_the_warning_and_where_it_comes_from(
    visit: Open, speaker: Speaker, run: RunFolder
) -> None:
    page = visit("compare")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ask(page, speaker, "How do I calm down?")
    speaker.finish(page)
    press(page, "Copy both")
    expect(page.locator(".s-toast")).to_contain_text("copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    for part in ("How do I calm down?", "Original", "Tuned", "Keep calm,\nsailor.", SAFETY):
        assert part in copied
    for part in ("Captain", run.id, "update 40", "Seed: 0"):
        assert part in copied


def test_only_what_was_not_learned_is_suggested_with_a_person_s_answer_on_demand(
    visit: Open, speaker: Speaker
) -> None:
    page = visit("compare")
    chips = page.locator("#compare .compare-chip")
    expect(chips).to_have_text(["How do I run?"])
    chips.click()
    comes(page, lambda: bool(speaker.given))
    speaker.finish(page)
    own = page.locator("#compare .compare-own")
    expect(own.locator(".compare-own-text")).not_to_be_visible()
    own.locator("summary").click()
    expect(own.locator(".compare-own-text")).to_have_text("Ahoy, runner.")
    ask(page, speaker, "Another?")
    speaker.finish(page)
    expect(own).not_to_be_visible()


def test_a_run_is_chosen_by_the_address_and_a_save_point_by_hand(
    visit: Open, speaker: Speaker, hosted: Hosted, run: RunFolder
) -> None:
    answering_run(hosted.bench.data.root, "Newer", tuned=None, points=(10, 30))
    page = visit("compare")
    expect(page.locator("#compare-run option")).to_have_text(["Newer", "Captain"])
    expect(page.locator("#compare-step option")).to_have_count(2)
    page.evaluate("hash => { location.hash = hash; }", f"compare/{run.id}")
    expect(page.locator("#compare-run")).to_have_value(run.id)
    expect(page.locator("#compare-step option")).to_have_count(2)
    page.locator("#compare-step").select_option("20")
    ask(page, speaker, "Why?")
    speaker.finish(page)
    assert speaker.orders[-1]["step"] == 20
    page.evaluate("location.hash = 'compare/gone'")
    expect(page.locator(".s-toast")).to_contain_text("nothing that could answer")
    expect(page.locator("#compare-run")).to_have_value(run.id)
    page.locator("#compare-run").select_option(label="Newer")
    page.reload()
    expect(page.locator("#compare-run option:checked")).to_have_text("Newer")


def test_a_lane_that_is_not_the_original_is_said_loudly(visit: Open, speaker: Speaker) -> None:
    speaker.proved = False
    page = visit("compare")
    ask(page, speaker, "Why?")
    speaker.finish(page)
    expect(exchange(page).get_by_role("alert")).to_contain_text("not the unchanged original")


def test_a_model_that_is_loaded_is_waited_for_and_can_be_cancelled(
    visit: Open, speaker: Speaker
) -> None:
    speaker.events = [{"stage": "loading"}, *speaker.events]
    page = visit("compare")
    ask(page, speaker, "Why?", steps=1)
    expect(exchange(page)).to_contain_text("Loading tiny into memory")
    press(page, "Cancel")
    expect(exchange(page)).to_contain_text("Stopped.")
    expect(exchange(page).locator(".compare-tuned")).to_contain_text("Nothing was written.")


def test_while_something_else_has_the_machine_the_page_says_so(
    visit: Open, speaker: Speaker, hosted: Hosted
) -> None:
    with hosted.bench.engine.device("export"):
        page = visit("compare")
        expect(page.locator("#compare .compare-busy")).to_contain_text("Something else")
        button = page.locator("#compare .compare-ask")
        expect(button).to_be_disabled()
        expect(page.locator("#compare .compare-why")).to_have_text(button.get_attribute("title"))
        field(page).fill("Why?")
        field(page).press("Enter")
    expect(page.locator("#compare .compare-ask")).to_be_enabled()
    assert speaker.orders == []
    expect(field(page)).to_have_value("Why?")


def test_a_training_that_has_the_machine_can_be_paused_from_here(
    visit: Open, speaker: Speaker, hosted: Hosted
) -> None:
    home = hosted.bench.data.root
    training = ToldRun.begin(home, hosted.bench.rows.all()[0]["id"], "Fever")
    with hosted.bench.engine.device(training.folder.id):
        page = visit("compare")
        expect(page.locator("#compare .compare-busy")).to_contain_text("“Fever” is training")
        press(page, "Pause the training")
        comes(page, lambda: training.folder.asked() == "pause")
        expect(page.locator("#compare .compare-busy")).to_contain_text("is being saved")
    training.die()
    expect(page.locator("#compare .compare-busy")).to_have_count(0)
    ask(page, speaker, "Why?")
    speaker.finish(page)


def test_a_question_that_fails_brings_its_card_and_the_next_works(
    visit: Open, speaker: Speaker, hosted: Hosted, run: RunFolder
) -> None:
    page = visit("compare")
    expect(field(page)).to_be_visible()
    with hosted.bench.engine.device("export"):
        hosted.bench.compare.ask(run.id, "Why?")
        expect(exchange(page).locator(".compare-failed")).to_be_visible()
    expect(page.locator("#compare .compare-ask")).to_be_enabled()
    ask(page, speaker, "And now?")
    speaker.finish(page)
    expect(exchange(page).locator(".compare-failed")).to_have_count(0)


def test_a_run_without_rows_held_back_suggests_nothing(
    visit: Open, speaker: Speaker, hosted: Hosted
) -> None:
    rows = [RunRow("learned", Body.pair("How?", "So."), Split.TRAIN)]
    answering_run(hosted.bench.data.root, "All learned", rows=rows)
    page = visit("compare")
    expect(page.locator("#compare .compare-chips")).to_contain_text("no questions held back")
    assert rows[0].body != ROWS[0].body


def test_before_any_training_the_page_leads_to_it(visit: Open, hosted: Hosted) -> None:
    page = visit("compare")
    expect(page.locator("#compare")).to_contain_text("Nothing to compare yet")
    press(page, "Go to Train")
    expect(page.locator("#train h1")).to_be_visible()


def test_a_question_to_a_stopped_server_is_kept(
    open_page: Open, served: Served, shelf: Shelf
) -> None:
    answering_run(shelf.folder, "Captain")
    page = open_page("compare")
    expect(page.locator("#compare .compare-ask")).to_be_enabled()
    served.kill()
    field(page).fill("Why?")
    field(page).press("Enter")
    expect(exchange(page)).to_contain_text("Your question is kept here")
    expect(field(page)).to_have_value("Why?")
