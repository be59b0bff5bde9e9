"""What a run decides at its start, and what a resume must find unchanged."""

from dataclasses import replace
from typing import Any

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.core.plan import Plan
from studio.core.recipe import Base, Recipe, Training
from studio.core.recipe import Lessons as Rows
from studio.engine import machine, plans
from studio.engine.batches import Lesson
from studio.engine.lessons import Lessons
from studio.engine.sheet_reader import sheet_of
from studio.methods import METHODS
from tests.engine import tiny_models

LESSON = Lesson("a", tuple(range(3, 20)), (False, *[True] * 16))
LONG = Lesson("b", tuple(range(3, 80)), (False, *[True] * 76))


def recipe(method: str = "lora", **training: Any) -> Recipe:
    base, rows = Base("tiny", "somewhere", "h"), Rows("d", "rows", "v")
    return Recipe("r", base, rows, method, {}, Training.read(training))


def decided(
    name: str = "llama",
    method: str = "lora",
    check: tuple[Lesson, ...] = (),
    path: str | None = None,
    **training: Any,
) -> Plan:
    model = tiny_models.build(name)
    lessons = Lessons((LESSON,) * 5, check, (), 0)
    asked = recipe(method, **training)
    sheet = sheet_of(model)
    return plans.decide(asked, sheet, lessons, model=model, template_hash="t", path=path)


def test_updates_and_evaluations_follow_from_rows_and_knobs() -> None:
    assert decided(batch=2, epochs=3).total == 9
    assert decided(batch=2, epochs=3).eval_every == 3
    assert decided(steps=7, eval_every=0).total == 7
    assert decided(steps=7, eval_every=0).eval_every == 0
    assert decided(steps=7, eval_every=4).eval_every == 4


@pytest.mark.parametrize("method", METHODS)
def test_the_rate_is_the_persons_or_the_methods(method: str) -> None:
    sheet = sheet_of(tiny_models.build("llama"))
    assert decided(method=method).lr == METHODS[method].learning_rate(sheet) > 0
    assert decided(method=method, lr=3e-4).lr == 3e-4


def test_a_prompt_takes_its_length_from_the_rows() -> None:
    sheet = sheet_of(tiny_models.build("llama"))
    assert plans.row_length(recipe(max_length=64), sheet, virtual=0) == 64
    assert plans.row_length(recipe(), sheet, virtual=20) == tiny_models.CONTEXT - 20
    assert plans.row_length(recipe(max_length=22), sheet, virtual=20) == 2
    with pytest.raises(UserMistake) as refused:
        plans.row_length(recipe(max_length=21), sheet, virtual=20)
    assert refused.value.key == "methods.prompt_fills_length"
    assert refused.value.facts == {"tokens": 20, "limit": 21}


def test_rows_are_never_longer_than_the_model_can_read() -> None:
    sheet = sheet_of(tiny_models.build("llama"))
    assert plans.max_length(recipe(), sheet) == tiny_models.CONTEXT
    assert plans.max_length(recipe(max_length=64), sheet) == 64
    assert plans.max_length(recipe(max_length=10_000), sheet) == tiny_models.CONTEXT
    boundless = replace(sheet, context=0)
    assert plans.max_length(recipe(), boundless) == plans.LONGEST
    assert plans.max_length(recipe(max_length=10_000), boundless) == 10_000


def test_the_format_is_the_persons_or_what_is_faster_here() -> None:
    assert plans.number_format(recipe(precision="bfloat16"), "cpu") == "bfloat16"
    assert plans.number_format(recipe(precision="float32"), "cpu") == "float32"
    assert plans.number_format(recipe(), "cpu") == machine.number_format("cpu")


@pytest.mark.parametrize(("name", "path"), [("llama", "segments"), ("lfm2", "rows")])
def test_the_path_is_measured(name: str, path: str) -> None:
    assert decided(name).path == path


def test_check_rows_are_measured_too() -> None:
    """Theirs may be the only rows that outgrow a window."""
    assert decided("phimoe").path == "segments"
    assert decided("phimoe", check=(LONG,)).path == "rows"


def test_what_the_bytes_of_a_result_depend_on_is_written_down() -> None:
    plan = decided()
    assert (plan.device, plan.dtype, plan.template_hash) == ("cpu", "float32", "t")
    assert plan.rows_hash == Lessons((LESSON,) * 5, (), (), 0).hash
    assert plan.threads == machine.use_threads()
    assert plan.versions == machine.versions()
    assert plan.instructions == machine.instructions()
    assert Plan.from_json(plan.as_json()) == plan


def test_the_same_plan_again_is_fine() -> None:
    plan = decided()
    plans.require_same(plan, decided())


def test_a_path_that_was_measured_at_the_start_is_not_measured_again() -> None:
    assert decided("phimoe", check=(LONG,), path="segments").path == "segments"


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"threads": 64}, "threads: 3 → 64"),
        ({"dtype": "bfloat16"}, "dtype: float32 → bfloat16"),
        ({"lr": 0.5, "rows_hash": "other"}, "lr: 0.1 → 0.5; rows_hash: hash → other"),
        ({"versions": {"torch": "2", "python": "3"}}, "torch: 1 → 2"),
        ({"versions": {"python": "3"}}, "torch: 1 → None"),
    ],
)
def test_what_has_changed_is_named(change: dict[str, Any], shown: str) -> None:
    versions = {"torch": "1", "python": "3"}
    plan = replace(decided(), threads=3, lr=0.1, rows_hash="hash", versions=versions)
    with pytest.raises(Refusal) as refused:
        plans.require_same(plan, replace(plan, **change))
    assert refused.value.key == "plan.differs"
    assert refused.value.facts["differences"] == shown
