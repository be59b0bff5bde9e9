"""Plans: written, read back, and compared."""

import json
from dataclasses import replace

from studio.core.plan import Plan

PLAN = Plan(
    device="cpu",
    dtype="bfloat16",
    threads=2,
    path="segments",
    lr=2e-4,
    max_length=2048,
    total=40,
    eval_every=5,
    instructions="AVX512",
    versions={"torch": "2.13.0", "transformers": "5.23.0"},
    template_hash="ab",
    rows_hash="cd",
)


def test_a_plan_is_the_same_after_a_round_trip() -> None:
    assert Plan.from_json(json.loads(json.dumps(PLAN.as_json()))) == PLAN


def test_unknown_parts_of_a_plan_are_left_aside() -> None:
    assert Plan.from_json(PLAN.as_json() | {"later": 1}) == PLAN


def test_equal_plans_do_not_differ() -> None:
    assert PLAN.differences(replace(PLAN)) == {}


def test_plans_differ_where_they_decide_differently() -> None:
    other = replace(PLAN, threads=4, versions={"torch": "2.14.0"})
    assert PLAN.differences(other) == {
        "threads": (2, 4),
        "versions": (dict(PLAN.versions), {"torch": "2.14.0"}),
    }
