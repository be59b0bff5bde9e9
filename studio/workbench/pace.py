"""How fast something goes and how long it will take, from where it stood in the last seconds."""

from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 10.0
"""Seconds over which speed is taken: long enough to be calm, short enough to notice a stall."""

_APART = 0.2
_FIRST = 1.0
"""Seconds before anything is said: the first moments are never typical."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How much was done at a moment (seconds of a monotonic clock)."""

    at: float
    done: int


@dataclass(frozen=True, slots=True)
class Pace:
    """Units a second and seconds to go; None where it is too early, or nothing moves."""

    per_second: float | None = None
    seconds_left: float | None = None


def extended(marks: tuple[Mark, ...], new: Mark) -> tuple[Mark, ...]:
    """``marks`` with one more, without those that no speed needs any longer.

    One is kept from before the window, so that speed is always taken over the whole of it. Work
    that starts anew, with less done than before, starts its marks anew.
    """
    if marks and new.done < marks[-1].done:
        return (new,)
    kept = marks[:-1] if len(marks) > 1 and new.at - marks[-2].at < _APART else marks
    old = sum(mark.at <= new.at - WINDOW for mark in kept)
    return (*kept[max(0, old - 1) :], new)


def pace(marks: Sequence[Mark], total: int, now: float) -> Pace:
    """Speed over the window that ends ``now``, so that a stall shows, and the time that is left."""
    if not marks or now - marks[0].at < _FIRST:
        return Pace()
    first = next((mark for mark in reversed(marks) if mark.at <= now - WINDOW), marks[0])
    per_second = (marks[-1].done - first.done) / (now - first.at)
    left = total - marks[-1].done
    if per_second <= 0 or left < 0:
        return Pace(per_second)
    return Pace(per_second, left / per_second)
