from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from studio.workbench.pace import WINDOW, Mark, Pace, extended, pace


def marks_of(*moments: tuple[float, int]) -> tuple[Mark, ...]:
    marks: tuple[Mark, ...] = ()
    for at, done in moments:
        marks = extended(marks, Mark(at, done))
    return marks


def test_the_first_moments_say_nothing() -> None:
    assert pace((), 100, now=5.0) == Pace()
    assert pace(marks_of((0.0, 0), (0.5, 50)), 100, now=0.5) == Pace()


def test_steady_work_has_its_speed_and_its_rest() -> None:
    marks = marks_of(*((float(second), 10 * second) for second in range(31)))
    assert pace(marks, 1000, now=30.0) == Pace(per_second=10.0, seconds_left=70.0)


def test_what_was_long_ago_does_not_count() -> None:
    slow = [(float(second), second) for second in range(60)]
    fast = [(60.0 + second, 60 + 100 * second) for second in range(21)]
    assert pace(marks_of(*slow, *fast), 3000, now=80.0).per_second == 100.0


def test_a_stall_shows_while_nothing_is_told() -> None:
    marks = marks_of(*((float(second), 10 * second) for second in range(11)))
    speeds = [pace(marks, 1000, now=now).per_second for now in (10.0, 15.0, 19.0, 60.0)]
    assert speeds[0] == 10.0
    assert all(later is not None and later < earlier for earlier, later in pairwise(speeds))
    assert speeds[-1] == 0.0
    assert pace(marks, 1000, now=60.0).seconds_left is None


def test_work_that_starts_anew_forgets_its_speed() -> None:
    assert marks_of((0.0, 500), (5.0, 900), (6.0, 3)) == (Mark(6.0, 3),)


def test_more_done_than_there_was_has_no_time_left_to_say() -> None:
    assert pace(marks_of((0.0, 0), (5.0, 50)), 0, now=5.0) == Pace(10.0, None)


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 9)), max_size=400))
def test_few_marks_are_kept_and_the_last_is_always_there(steps: list[tuple[float, int]]) -> None:
    marks: tuple[Mark, ...] = ()
    at, done = 0.0, 0
    for seconds, more in steps:
        at, done = at + seconds, done + more
        marks = extended(marks, Mark(at, done))
        assert marks[-1] == Mark(at, done)
        assert sum(mark.at <= at - WINDOW for mark in marks) <= 1
    assert len(marks) <= 2 * WINDOW / 0.2
