"""The two-minute demo in the browser, stage by stage, over one that is told where it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from studio.core.errors import Refusal
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted, host
from tests.e2e.steps import sees

Json = dict[str, Any]

HOSTILE = (
    '<img src="http://evil.example/i.png" onerror="alert(1)"> **bold** [a](http://evil.example)'
)
IDLE: Json = {"stage": "idle", "progress": None, "run": None, "answer": None, "problem": None}
PROGRESS: Json = {"step": "read", "done": 1, "total": 4, "unit": "parts", "seconds_left": 90}
RUN: Json = {"run": "1", "status": "running", "total": 18, "reason": None}


class StagedDemo:
    """A demo that is where a test says; it remembers what was asked of it."""

    def __init__(self) -> None:
        self.state = IDLE
        self.asked: list[str] = []

    def go(self, stage: str, **facts: Any) -> None:
        self.state = IDLE | {"stage": stage} | facts

    def show(self) -> Json:
        return self.state

    def begin(self) -> Json:
        self.go("preparing", progress=PROGRESS)
        return self.state

    def warm(self) -> None:
        self.asked.append("to be warm")

    def ask(self, question: str) -> Json:
        self.asked.append(question)
        self.go("ready", answer=answer(question, "", "", done=False))
        return self.state

    def reset(self) -> Json:
        self.go("idle")
        return self.state


def answer(question: str, base: str, tuned: str, *, done: bool) -> Json:
    return {"question": question, "base": base, "tuned": tuned, "done": done, "problem": None}


def learning(step: int) -> Json:
    losses = [4.0 - n / 8 for n in range(step)]
    return RUN | {"step": step, "loss": losses, "seconds_left": 36.0 - 2 * step}


@pytest.fixture
def demo() -> StagedDemo:
    return StagedDemo()


@pytest.fixture
def hosted(tmp_path: Path, demo: StagedDemo) -> Iterator[Hosted]:
    with host(tmp_path / "data", demo=demo) as made:
        yield made


def test_the_demo_goes_from_one_button_to_two_answers(visit: Open, demo: StagedDemo) -> None:
    page = visit("start")
    page.get_by_role("button", name="Two-minute demo").click()
    page.get_by_role("button", name="Begin").click()
    sees(page, "About 1 min 30 sec left.")
    expect(page.get_by_role("button", name="Begin")).to_have_count(0)
    demo.go("learning", run=learning(0))
    sees(page, "Loading the model.")
    demo.go("learning", run=learning(9))
    sees(page, "Update 9 of 18, about 18 sec left.")
    curve = page.get_by_role("img", name="Distance from the captain's answers: 3.0")
    expect(curve).to_be_visible()
    demo.go("ready")
    page.get_by_label("Your question").fill(HOSTILE)
    page.get_by_role("button", name="Ask both").click()
    sees(page, "Loading both.")
    expect(page.get_by_role("button", name="Ask both")).to_be_disabled()
    demo.go("ready", answer=answer(HOSTILE, HOSTILE, "", done=False))
    sees(page, "Both are writing.")
    demo.go("ready", answer=answer(HOSTILE, HOSTILE, f"Ahoy! {HOSTILE}", done=True))
    expect(page.locator(".demo-tuned .demo-text")).to_have_text(f"Ahoy! {HOSTILE}")
    expect(page.locator(".demo-base .demo-text")).to_have_text(HOSTILE)
    expect(page.locator(".demo-asked")).to_have_text(HOSTILE)
    expect(page.locator("#demo :is(script, .demo-lane img, .demo-lane a, strong)")).to_have_count(0)
    expect(page.get_by_role("button", name="Ask both")).to_be_enabled()
    sees(page, "Not medical advice; never use for a patient.")
    assert demo.asked == ["to be warm", HOSTILE]


def test_starting_over_asks_first(visit: Open, demo: StagedDemo) -> None:
    demo.go("ready", answer=answer("Why?", "So.", "Ahoy!", done=True))
    page = visit("demo")
    expect(page.locator(".demo-tuned .demo-text")).to_have_text("Ahoy!")
    page.get_by_role("button", name="Start over").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".demo-tuned .demo-text")).to_have_text("Ahoy!")
    page.get_by_role("button", name="Start over").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Start over").click()
    expect(page.get_by_role("button", name="Begin")).to_be_enabled()


def test_what_the_demo_is_stuck_on_is_said(visit: Open, demo: StagedDemo) -> None:
    demo.go("stuck", problem=Refusal("lease.busy", owner=HOSTILE, path="").as_json())
    page = visit("demo")
    card = page.get_by_role("alert")
    expect(card).to_contain_text("The demo could not go on")
    expect(card.locator("p")).not_to_be_empty()
    expect(card.locator("img")).to_have_count(0)
    card.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("button", name="Begin")).to_be_enabled()
