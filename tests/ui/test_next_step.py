"""The one next step, at every point of the loop."""

from typing import Any

import pytest

from studio.ui.next_step import BROKEN_OFF, MANY, next_step

Json = dict[str, Any]


def status(
    *,
    model: bool = True,
    ready: int = 0,
    drafts: int = 0,
    run: Json | None = None,
    latest: Json | None = None,
) -> Json:
    dataset = {"rows": ready + drafts, "status": {"ready": ready, "draft": drafts, "flagged": 0}}
    return {
        "model": {"id": "starter"} if model else None,
        "dataset": dataset,
        "run": run,
        "latest": latest,
    }


def test_a_newcomer_chooses_a_model_first() -> None:
    assert next_step(status(model=False))["key"] == "next_choose_model"


@pytest.mark.parametrize("dataset", [None, {"rows": 0, "status": {}}])
def test_rows_come_after_the_model(dataset: Json | None) -> None:
    step = next_step(status() | {"dataset": dataset})
    assert (step["key"], step["place"]) == ("next_bring_rows", "data")


def test_drafts_are_reviewed_before_anything_is_trained() -> None:
    step = next_step(status(ready=100, drafts=12))
    assert (step["key"], step["facts"]) == ("next_review", {"drafts": 12})


def test_a_few_rows_ask_for_more() -> None:
    assert next_step(status(ready=MANY - 1))["key"] == "next_more_rows"


def test_enough_rows_lead_to_the_method_and_from_there_to_training() -> None:
    step = next_step(status(ready=MANY))
    assert (step["key"], step["place"]) == ("next_method", "method")
    then = step["then"]
    assert (then["key"], then["place"], then["facts"]) == ("next_train", "train", {"ready": MANY})


def test_after_a_run_the_answers_are_compared() -> None:
    done = {"status": "finished", "tuned": True}
    assert next_step(status(ready=MANY, latest=done))["place"] == "compare"


@pytest.mark.parametrize("kind", BROKEN_OFF)
def test_a_run_that_was_broken_off_is_gone_on_with(kind: str) -> None:
    latest = {"status": kind, "tuned": False}
    step = next_step(status(ready=MANY, latest=latest))
    assert (step["key"], step["place"]) == ("next_resume", "train")


def test_a_run_that_failed_leads_to_another() -> None:
    failed = {"status": "failed", "tuned": False}
    assert next_step(status(ready=MANY, latest=failed))["key"] == "next_method"


def test_a_living_run_comes_before_all_else() -> None:
    step = next_step(status(model=False, run={"step": 3, "total": 18}))
    assert (step["key"], step["facts"]) == ("next_watch", {"step": 3, "total": 18})


def test_a_run_that_still_gets_ready_has_no_numbers_yet() -> None:
    step = next_step(status(run={"step": 0, "total": 0}))
    assert (step["key"], step["place"], step["facts"]) == ("next_watch_begin", "train", {})
