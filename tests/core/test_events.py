"""Events and their fold: whatever happens to a run, its curves are those of a run undisturbed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import Refusal
from studio.core.events import (
    SERIES,
    Ended,
    Evaluated,
    Event,
    Refused,
    Resumed,
    RunState,
    Sampled,
    Saved,
    Started,
    Stepped,
    Waiting,
    fold,
)

TOTAL = 12
Json = dict[str, Any]
FULL = Refusal("disk.full", free=3).as_json()


def stepped(step: int) -> Stepped:
    return Stepped(
        step=step,
        epoch=step / 4,
        loss=3 / step,
        lr=1e-4 * step,
        grad_norm=0.5 + step,
        tokens=100 + step,
        labelled=40 + step,
        seconds=0.25,
        memory_bytes=1000 + step % 5,
    )


def updates(after: int) -> Iterator[Event]:
    """What the updates after ``after`` say: save points at even ones, and one at the end."""
    for step in range(after + 1, TOTAL + 1):
        yield stepped(step)
        if step % 3 == 0:
            yield Evaluated(step, 2 / step)
        if step % 4 == 0:
            yield Sampled(step, "q", f"answer {step}")
            yield Sampled(step, "r", f"other {step}")
        if step % 2 == 0 and step != TOTAL:
            yield Saved(step)
    if after < TOTAL:
        yield Saved(TOTAL)
    yield Ended("finished", TOTAL)


def first_attempt() -> Iterator[Event]:
    yield Started("r1", TOTAL, rows=40, check_rows=4)
    yield from updates(0)


def written(*attempts: list[Event]) -> list[Json]:
    """The lines of an event log: numbered, and through JSON."""
    lines: list[Json] = []
    for attempt, events in enumerate(attempts, start=1):
        for event in events:
            numbers = {"seq": len(lines) + 1, "attempt": attempt}
            lines.append(json.loads(json.dumps(event.as_json() | numbers)))
    return lines


UNDISTURBED = fold(written(list(first_attempt())))


def last_saved(events: list[Event]) -> int:
    return max((event.step for event in events if isinstance(event, Saved)), default=0)


def test_a_run_undisturbed_adds_up() -> None:
    state, steps = UNDISTURBED, range(1, TOTAL + 1)
    assert (state.status, state.step, state.total, state.attempt) == ("finished", TOTAL, TOTAL, 1)
    assert state.seq == len(list(first_attempt()))
    assert state.reason is None
    assert state.start["rows"] == 40
    for name in SERIES:
        assert state.curves[name] == [getattr(stepped(step), name) for step in steps]
    assert state.checks == [(step, 2 / step) for step in (3, 6, 9, 12)]
    assert [sample["step"] for sample in state.samples] == [4, 4, 8, 8, 12, 12]
    assert state.samples[1] == {"step": 4, "prompt": "r", "text": "other 4"}
    assert state.checkpoints == [2, 4, 6, 8, 10, 12]
    assert state.memory_bytes == 1004


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_run_cut_off_anywhere_and_resumed_adds_up_to_one_undisturbed(cuts: list[int]) -> None:
    attempts: list[list[Event]] = []
    saved = 0
    rest = list(first_attempt())
    for cut in cuts:
        # Before its first line is written a run begins anew and does not resume.
        attempts.append(rest[: max(1, cut)])
        saved = max(saved, last_saved(attempts[-1]))
        lost = fold(written(*attempts)).step - saved
        rest = [Resumed(saved, lost=lost), *updates(saved)]
    state = fold(written(*attempts, rest))
    kept = replace(state, seq=UNDISTURBED.seq, attempt=1)
    assert kept == UNDISTURBED
    assert state.attempt == len(cuts) + 1
    assert state.seq == sum(map(len, attempts)) + len(rest)


def test_a_resume_drops_what_earlier_attempts_said_of_later_updates() -> None:
    lines = written([*first_attempt()][:-2], [Resumed(5, lost=7)])
    state = fold(lines)
    assert state.curves["step"] == [1, 2, 3, 4, 5]
    assert {len(values) for values in state.curves.values()} == {5}
    assert state.checks == [(3, 2 / 3)]
    assert [sample["step"] for sample in state.samples] == [4, 4]
    assert state.checkpoints == [2, 4]
    assert (state.status, state.step, state.attempt) == ("running", 5, 2)


def test_a_run_that_has_said_nothing_is_preparing() -> None:
    assert fold([]) == RunState()
    assert (RunState().status, RunState().step, RunState().attempt) == ("preparing", 0, 1)


def test_a_run_that_has_started_is_running() -> None:
    state = fold(written([Started("r1", TOTAL, rows=40, check_rows=4)]))
    assert (state.status, state.total, state.step) == ("running", TOTAL, 0)


@pytest.mark.parametrize("after", [[stepped(1)], [Saved(1)], [Resumed(1)]])
def test_a_run_that_waits_says_why_until_it_goes_on(after: list[Event]) -> None:
    waiting = [Started("r1", TOTAL, rows=40, check_rows=4), Waiting(0, FULL)]
    state = fold(written(waiting))
    assert (state.status, state.reason) == ("waiting", FULL)
    state = fold(written([*waiting, *after]))
    assert (state.status, state.reason) == ("running", None)


@pytest.mark.parametrize("status", ["paused", "stopped", "failed"])
def test_a_run_ends_with_its_status_and_reason(status: str) -> None:
    reason = FULL if status == "failed" else None
    events = [Started("r1", TOTAL, rows=40, check_rows=4), stepped(1), Ended(status, 1, reason)]
    state = fold(written(events))
    assert (state.status, state.step, state.reason) == (status, 1, reason)


@pytest.mark.parametrize("status", ["paused", "stopped", "failed"])
def test_a_resume_that_is_refused_leaves_an_ended_run_as_it_was(status: str) -> None:
    ended = [Started("r1", TOTAL, rows=40, check_rows=4), stepped(1), Ended(status, 1)]
    before, after = fold(written(ended)), fold(written(ended, [Refused(1, FULL)]))
    assert after == replace(before, seq=4, attempt=2)


@pytest.mark.parametrize("last", [stepped(1), Waiting(0, FULL)])
def test_a_resume_that_is_refused_leaves_a_lost_run_lost(last: Event) -> None:
    lost = [Started("r1", TOTAL, rows=40, check_rows=4), last]
    before, after = fold(written(lost)), fold(written(lost, [Refused(1, FULL)]))
    assert after == replace(before, status="interrupted", seq=3, attempt=2)
    assert fold(written(lost, [Refused(1, FULL)], [Resumed(0)])).status == "running"


def test_a_pause_that_could_not_be_saved_counts_back_to_the_last_save_point() -> None:
    events = [Started("r1", TOTAL, rows=40, check_rows=4), *map(stepped, (1, 2, 3))]
    assert fold(written([*events, Ended("paused", 2)])).step == 2


def test_events_of_unknown_kinds_are_left_aside_but_counted() -> None:
    lines = [*written(list(first_attempt())), {"event": "later", "seq": 99, "attempt": 1}]
    assert replace(fold(lines), seq=UNDISTURBED.seq) == UNDISTURBED
    assert fold(lines).seq == 99


def test_the_peak_of_memory_is_that_of_all_attempts() -> None:
    high = replace(stepped(2), memory_bytes=5000)
    started = Started("r1", TOTAL, rows=40, check_rows=4)
    state = fold(written([started, stepped(1), high], [Resumed(1), stepped(2)]))
    assert state.memory_bytes == 5000


def test_curves_come_with_check_losses_beside_steps_of_their_own() -> None:
    curves = UNDISTURBED.curves_json()
    assert curves["step"] == list(range(1, TOTAL + 1))
    assert curves["check_step"] == [3, 6, 9, 12]
    assert curves["check_loss"] == [2 / step for step in (3, 6, 9, 12)]


@pytest.mark.parametrize(
    ("event", "shape"),
    [
        (Evaluated(3, 0.5), {"event": "eval", "step": 3, "loss": 0.5}),
        (
            Sampled(3, "q", "a"),
            {"event": "sample", "step": 3, "prompt": "q", "text": "a"},
        ),
        (Saved(3), {"event": "checkpoint", "step": 3}),
        (Resumed(3, lost=2), {"event": "resume", "step": 3, "lost": 2}),
        (Ended("paused", 3), {"event": "end", "status": "paused", "step": 3, "reason": None}),
        (Waiting(3, FULL), {"event": "waiting", "step": 3, "reason": FULL}),
        (Refused(3, FULL), {"event": "refused", "step": 3, "reason": FULL}),
    ],
)
def test_an_event_is_written_in_its_documented_shape(event: Event, shape: Json) -> None:
    assert event.as_json() == shape


def test_the_events_of_training_have_the_keys_that_others_rely_on() -> None:
    assert Started("r1", 1, rows=2, check_rows=0).as_json().keys() >= {"event", "run"}
    documented = (
        "event step epoch loss lr grad_norm tokens labelled seconds memory_bytes"  # DESIGN, §7
    )
    assert list(stepped(1).as_json()) == documented.split()
