"""What watchers are told: piece by piece it must add up to what one who looks once sees."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import Refusal
from studio.core.events import (
    Ended,
    Evaluated,
    Event,
    Refused,
    Resumed,
    Sampled,
    Saved,
    Started,
    Stepped,
    Waiting,
    fold,
)
from studio.core.following import POINTS, Followed, News, thinned
from tests.core.test_events import FULL, first_attempt, stepped, updates, written

Json = dict[str, Any]
START = Started("r1", 12, rows=40, check_rows=4)


def followed(lines: list[Json]) -> Followed:
    run = Followed()
    for line in lines:
        run.take(line)
    return run


class Watcher:
    """Keeps what it is told, as a page does."""

    def __init__(self) -> None:
        self.seen = 0
        self.steps: list[float] = []
        self.losses: list[float] = []
        self.checks: list[tuple[float, float]] = []
        self.samples: list[Json] = []

    def look(self, run: Followed) -> News:
        news = run.since(self.seen)
        if news.again:
            self.__init__()  # type: ignore[misc]
        self.steps += news.points["step"]
        self.losses += news.points["loss"]
        self.checks += zip(news.checks["step"], news.checks["loss"], strict=True)
        self.samples += news.samples
        self.seen = run.state.seq
        return news


def attempts(cuts: list[int]) -> list[Json]:
    """A run that died so many lines into each attempt, and was resumed from its last save point."""
    made: list[list[Event]] = []
    rest, saved = list(first_attempt()), 0
    for cut in cuts:
        made.append(rest[: max(1, cut)])
        saved = max([saved, *(event.step for event in made[-1] if isinstance(event, Saved))])
        rest = [Resumed(saved), *updates(saved)]
    return written(*made, rest)


@given(st.lists(st.integers(0, 40), max_size=4), st.sets(st.integers(0, 150)))
def test_whenever_one_looks_the_pieces_add_up(cuts: list[int], looks: set[int]) -> None:
    lines = attempts(cuts)
    run, watcher = Followed(), Watcher()
    for number, line in enumerate(lines):
        run.take(line)
        if number in looks:
            watcher.look(run)
    watcher.look(run)
    state = fold(lines)
    assert watcher.steps == state.curves["step"]
    assert watcher.losses == state.curves["loss"]
    assert watcher.checks == state.checks
    assert watcher.samples == state.samples
    assert run.state == state


def test_only_what_came_after_is_told() -> None:
    run = followed(written([START, stepped(1), Evaluated(1, 2.0), Sampled(1, "q", "a")]))
    everything = run.since(0)
    assert list(everything.points) == list(POINTS)
    assert everything.points["step"] == [1]
    assert everything.checks == {"step": [1], "loss": [2.0]}
    assert [sample["text"] for sample in everything.samples] == ["a"]
    later = run.since(3)
    assert (later.points["step"], later.checks["step"], len(later.samples)) == ([], [], 1)
    assert run.since(4) == News(False, {n: [] for n in POINTS}, {"step": [], "loss": []}, [])


def test_all_is_told_again_only_to_those_who_saw_what_was_taken_back() -> None:
    lines = written([START, stepped(1), stepped(2)], [Resumed(1, lost=1), stepped(2)])
    run = followed(lines)
    assert run.since(3).again
    assert run.since(3).points["step"] == [1, 2]
    assert not run.since(0).again
    assert not run.since(4).again
    assert run.since(99).again, "a number from another log"


def test_a_resume_that_takes_nothing_back_adds_to_what_was_told() -> None:
    run = followed(written([START, stepped(1)], [Resumed(1), stepped(2)]))
    news = run.since(2)
    assert (news.again, news.points["step"]) == (False, [2])


def test_a_refused_resume_is_known_until_something_else_is_said() -> None:
    reason = Refusal("plan.differs").as_json()
    paused = [START, stepped(1), Ended("paused", 1)]
    assert followed(written(paused, [Refused(1, reason)])).refusal == reason
    assert followed(written(paused, [Refused(1, reason)], [Resumed(1)])).refusal is None


def at(lines: list[Json], *moments: float) -> Iterator[Json]:
    for line, moment in zip(lines, moments, strict=True):
        yield line | {"at": datetime.fromtimestamp(moment, UTC).isoformat()}


def update(step: int, seconds: float = 2.0, tokens: int = 100) -> Stepped:
    return replace(stepped(step), seconds=seconds, tokens=tokens)


def paced(*pairs: tuple[Event, float]) -> Followed:
    run = Followed()
    lines = written([event for event, _ in pairs])
    for line in at(lines, *(moment for _, moment in pairs)):
        run.take(line)
    return run


def test_nothing_is_known_of_the_pace_before_the_first_update() -> None:
    run = paced((START, 0))
    assert run.tempo.tokens_per_second is None
    assert run.average is None
    assert run.seconds_left(0) is None


def test_the_first_update_gives_a_first_idea() -> None:
    run = paced((START, 0), (update(1), 2))
    assert run.tempo.tokens_per_second == 50
    assert run.seconds_left(2) == 11 * 2


def test_the_slow_first_update_counts_no_more_once_there_is_another() -> None:
    run = paced((START, 0), (update(1, seconds=8), 8), (update(2), 10), (update(3), 12))
    assert run.tempo.tokens_per_second == 50
    assert run.seconds_left(12) == 9 * 2


def test_checks_and_samples_count_into_the_time_that_is_left() -> None:
    run = paced((START, 0), (update(1), 2), (update(2), 4), (Evaluated(2, 1.0), 6))
    assert run.seconds_left(6) == 10 * (2 + 1)
    assert run.average == pytest.approx(200 / 6)


def test_time_that_was_waited_for_the_disk_does_not_count() -> None:
    run = paced((START, 0), (update(1), 2), (Waiting(1, FULL), 2), (update(2), 104))
    assert run.seconds_left(104) == 10 * 2
    waiting = paced((START, 0), (Waiting(0, FULL), 2), (update(1), 104))
    assert waiting.seconds_left(104) == 11 * 2
    assert paced((START, 0), (update(1), 2), (Waiting(1, FULL), 2)).seconds_left(2) is None


def test_time_runs_down_between_updates_but_not_beyond_the_next() -> None:
    run = paced((START, 0), (update(1), 2), (update(2), 4))
    assert [run.seconds_left(now) for now in (4, 5, 6, 60)] == [20, 19, 18, 18]


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    run = paced((START, 1000), (update(1), 1002), (update(2), 4))
    assert run.seconds_left(4) == 20
    assert run.seconds_left(0) == 20


def test_events_without_a_time_have_a_pace_from_their_updates() -> None:
    run = followed(written([START, update(1), update(2)]))
    assert run.seconds_left(5) == 20
    assert run.average == 50


def test_a_resume_starts_the_pace_anew() -> None:
    lines = written([START, update(1, seconds=50)], [Resumed(1), update(2)])
    assert followed(lines).seconds_left(0) == 10 * 2
    assert followed(lines).average == 50


def test_an_attempt_without_updates_leaves_the_average_as_it_was() -> None:
    assert followed(written([START, update(1)], [Resumed(1), Ended("stopped", 1)])).average == 50


def test_speed_is_that_of_the_last_seconds() -> None:
    slow = [(update(step, seconds=10), 10.0 * step) for step in (1, 2, 3)]
    fast = [(update(step, seconds=5), 30 + 5.0 * (step - 3)) for step in (4, 5, 6, 7)]
    assert paced((START, 0), *slow, *fast).tempo.tokens_per_second == 20


def test_updates_without_tokens_or_time_have_no_speed() -> None:
    assert followed(written([START, update(1, seconds=0)])).tempo.tokens_per_second is None


def test_looking_costs_what_is_new_and_not_what_is_old() -> None:
    lines = written([START, *(event for step in range(1, 5000) for event in told(step))])
    run = followed(lines)
    short = followed(lines[:100])

    def seconds(run: Followed, times: int = 500) -> float:
        begun = perf_counter()
        for _ in range(times):
            run.since(run.state.seq - 4)
            run.seconds_left(0)
        return perf_counter() - begun

    assert min(seconds(run) for _ in range(3)) < 5 * min(seconds(short) for _ in range(3))


def told(step: int) -> list[Event]:
    return [update(step), Evaluated(step, 1.0)]


@given(st.lists(st.floats(-1e6, 1e6), max_size=300), st.integers(4, 60))
def test_a_thinned_curve_keeps_what_stands_out(values: list[float], most: int) -> None:
    steps = [float(step) for step in range(len(values))]
    thin_steps, thin_values = thinned(steps, values, most)
    assert len(thin_steps) == len(thin_values) <= max(most, 1)
    assert thin_steps == sorted(set(thin_steps))
    assert all(
        values[int(step)] == value for step, value in zip(thin_steps, thin_values, strict=True)
    )
    if values:
        assert {values[0], values[-1], min(values), max(values)} <= set(thin_values)


def test_a_short_curve_stays_as_it_is() -> None:
    assert thinned([1, 2, 3], [3.0, 1.0, 2.0], 3) == ([1, 2, 3], [3.0, 1.0, 2.0])
