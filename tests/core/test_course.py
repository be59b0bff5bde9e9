"""Courses against plain enumeration, and rates against transformers' own schedules."""

import math
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TypeVar

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TrainingArguments, get_scheduler

from studio.core.course import Course, Update, rate
from studio.core.recipe import SCHEDULES, Training

SHAPES = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 60),
        "batch": st.integers(1, 9),
        "accumulate": st.integers(1, 4),
        "passes": st.integers(1, 3),
        "shuffle": st.booleans(),
        "seed": st.integers(0, 2**31 - 1),
    }
)
Shape = dict[str, int]
T = TypeVar("T")


def course_of(shape: Shape) -> Course:
    rest = {name: shape[name] for name in ("batch", "accumulate", "shuffle", "seed")}
    return Course.of(Training.read({"epochs": shape["passes"], **rest}), shape["rows"])


def updates(course: Course) -> list[Update]:
    return [course.update(step) for step in range(1, course.total + 1)]


def parts(items: Sequence[T], size: int) -> list[list[T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def flat(update: Update) -> list[int]:
    return [row for micro_batch in update.micro_batches for row in micro_batch]


@given(SHAPES)
def test_each_pass_sees_each_row_exactly_once(shape: Shape) -> None:
    course = course_of(shape)
    assert course.total == shape["passes"] * course.per_pass
    for some in parts(updates(course), course.per_pass):
        seen = [row for update in some for row in flat(update)]
        assert sorted(seen) == list(range(shape["rows"]))


@given(SHAPES)
def test_updates_are_cut_as_plain_enumeration_cuts_them(shape: Shape) -> None:
    size = shape["batch"] * shape["accumulate"]
    course = course_of(shape | {"shuffle": False})
    expected = [
        tuple(tuple(micro) for micro in parts(rows, shape["batch"]))
        for _ in range(shape["passes"])
        for rows in parts(range(shape["rows"]), size)
    ]
    assert [update.micro_batches for update in updates(course)] == expected
    lengths = [[len(m) for m in u.micro_batches] for u in updates(course_of(shape))]
    assert lengths == [[len(m) for m in micro_batches] for micro_batches in expected]


@given(SHAPES)
def test_passes_done_are_rows_seen_over_rows(shape: Shape) -> None:
    course, seen = course_of(shape), 0
    for number, update in enumerate(updates(course), start=1):
        seen += len(flat(update))
        assert update.step == number
        assert update.epoch == pytest.approx(seen / shape["rows"], abs=1e-6)
    assert update.epoch == shape["passes"]


@given(SHAPES, st.integers(0, 99))
def test_an_update_is_the_same_whatever_was_asked_before(shape: Shape, seed: int) -> None:
    course = course_of(shape)
    steps = list(range(1, course.total + 1))
    random.Random(seed).shuffle(steps)
    jumbled = {step: course.update(step) for step in steps}
    assert [jumbled[step] for step in sorted(steps)] == updates(course_of(shape))


def test_an_update_is_the_same_in_another_process(repository: Path) -> None:
    program = (
        "from studio.core.course import Course;"
        "print([Course(50, 4, 2, 20, 7, True).update(n).micro_batches for n in range(1, 21)])"
    )
    here = [update.micro_batches for update in updates(Course(50, 4, 2, 20, 7, True))]
    for hash_seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=repository,
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == str(here)


def test_every_pass_and_every_seed_has_an_order_of_its_own() -> None:
    orders = {
        tuple(row for step in (2 * number + 1, 2 * number + 2) for row in flat(course.update(step)))
        for course in (Course(40, 20, 1, 10, seed, True) for seed in range(10))
        for number in range(5)
    }
    assert len(orders) == 50


def test_a_shuffled_row_stands_anywhere_in_a_pass() -> None:
    course = Course(10, 1, 1, 10_000, 3, True)
    firsts = [flat(course.update(10 * number + 1))[0] for number in range(1000)]
    expected = len(firsts) / 10
    chi_square = sum((firsts.count(row) - expected) ** 2 / expected for row in range(10))
    assert chi_square < 27.9  # exceeded once in a thousand, with 9 degrees of freedom


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 40, 2000])
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("epochs", ["0.01", "0.5", "1", "1.1", "2.5", "3"])
def test_passes_make_as_many_updates_as_in_transformers(
    rows: int, accumulate: int, epochs: str
) -> None:
    training = Training(epochs=float(epochs), batch=8, accumulate=accumulate)
    # transformers.Trainer.set_initial_training_values, in exact arithmetic
    batches = math.ceil(Fraction(rows, 8))
    per_pass = max(batches // accumulate + int(batches % accumulate > 0), 1)
    course = Course.of(training, rows)
    assert course.per_pass == per_pass
    assert course.total == math.ceil(Fraction(epochs) * per_pass)


def test_steps_win_over_epochs() -> None:
    assert Course.of(Training(steps=7, epochs=100.0), 40).total == 7


def test_there_is_always_an_update() -> None:
    assert Course.of(Training(epochs=1e-9), 40).total == 1


def theirs(schedule: str, warmup: int, total: int) -> list[float]:
    """The rates of transformers' schedule with a peak of 1, by LambdaLR's index from 0."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    name = "constant_with_warmup" if schedule == "constant" else schedule
    scheduler = get_scheduler(name, optimizer, num_warmup_steps=warmup, num_training_steps=total)
    found = []
    for _ in range(total + 1):
        found.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return found


def ours(schedule: str, warmup: float, total: int) -> list[float]:
    """The rates of all updates with a peak of 1; the first is that of update 1."""
    training = Training(schedule=schedule, warmup=warmup)
    return [rate(training, step, total=total, lr=1.0) for step in range(1, total + 1)]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("warmup", "total"), [(0, 1), (0, 20), (1, 20), (5, 20), (19, 20)])
def test_after_the_warm_up_rates_are_those_of_transformers(
    schedule: str, warmup: int, total: int
) -> None:
    # Trainer makes update n, from 1, at index n - 1.
    expected = theirs(schedule, warmup, total)[warmup:total]
    assert ours(schedule, warmup, total)[warmup:] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("warmup", "total"), [(1, 20), (5, 20), (19, 20), (20, 20), (50, 20)])
def test_the_warm_up_is_transformers_without_its_update_at_zero(
    schedule: str, warmup: int, total: int
) -> None:
    expected = theirs(schedule, warmup + 1, total)[1 : min(warmup, total) + 1]
    assert ours(schedule, warmup, total)[:warmup] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 1, 7])
def test_no_update_is_at_zero_and_the_first_after_the_warm_up_is_at_the_peak(
    schedule: str, warmup: int
) -> None:
    rates = ours(schedule, warmup, 20)
    assert min(rates) > 0
    assert rates.index(max(rates)) == warmup
    assert rates[warmup] == 1
    assert all(before < after for before, after in pairwise(rates[: warmup + 1]))
    if schedule != "constant":
        assert all(before > after for before, after in pairwise(rates[warmup:]))


@pytest.mark.parametrize("share", ["0", "0.001", "0.03", "0.05", "0.07", "0.1", "0.5", "0.99"])
@pytest.mark.parametrize("total", [1, 15, 20, 100, 375])
def test_a_share_of_warm_up_is_rounded_up_to_whole_updates(share: str, total: int) -> None:
    warmup = math.ceil(Fraction(share) * total)
    assert ours("cosine", float(share), total) == ours("cosine", float(warmup), total)
    trainer = TrainingArguments.get_warmup_steps(
        SimpleNamespace(warmup_steps=float(share)),  # type: ignore[arg-type]
        total,
    )
    # Theirs is one more where floats make a product like 0.07 * 100 a little too large.
    assert trainer - warmup in (0, int(Fraction(share) * total == warmup))


def test_a_warm_up_of_one_is_an_update_and_no_share() -> None:
    assert ours("constant", 1, 4) == [0.5, 1, 1, 1]


def test_the_peak_is_the_one_asked_for() -> None:
    training = Training(schedule="linear", warmup=2)
    rates = [rate(training, step, total=6, lr=3e-4) for step in range(1, 7)]
    assert rates == pytest.approx([1e-4, 2e-4, 3e-4, 2.25e-4, 1.5e-4, 0.75e-4])
