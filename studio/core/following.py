"""A run as somebody watches it: what it adds up to, what of that is new to them, and its pace.

Each event is folded in once; what came after any moment is then found without reading again.
Times are those that stand in the events; a clock that was set back makes a pace unknown, not wrong.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from studio.core.events import RunState

Json = dict[str, Any]

POINTS = ("step", "epoch", "loss", "lr", "grad_norm", "tokens", "seconds")
"""What is told of each update."""

_RECENT = 100
_WINDOW = 20.0
"""Seconds of updates, or so many of them, over which speed is taken."""


@dataclass(frozen=True, slots=True)
class News:
    """What came after a moment. ``again``: what was told before no longer holds, this is all."""

    again: bool
    points: dict[str, list[float]]
    checks: dict[str, list[float]]
    samples: list[Json]


@dataclass(slots=True)
class Tempo:
    """How fast the latest attempt goes; updates alone, and with all that comes between them."""

    updates: int = 0
    tokens: int = 0
    busy: float = 0.0
    begun: float | None = None
    heard: float | None = None
    waiting_since: float | None = None
    recent: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def take(self, event: Mapping[str, Any]) -> None:
        """Hear one event of the attempt."""
        at = _moment(event)
        if self.waiting_since is not None and at is not None and self.begun is not None:
            self.begun += max(0.0, at - self.waiting_since)
        self.waiting_since = at if event["event"] == "waiting" else None
        self.heard = self.heard if at is None else at
        if event["event"] == "step":
            self._step(int(event["tokens"]), float(event["seconds"]), at)

    def _step(self, tokens: int, seconds: float, at: float | None) -> None:
        if not self.updates and at is not None:
            self.begun = at - seconds
        self.updates += 1
        self.tokens += tokens
        self.busy += seconds
        self.recent.append((tokens, seconds))

    @property
    def tokens_per_second(self) -> float | None:
        """Word pieces a second of the last updates, or None before there are any."""
        latest = self._latest()
        seconds = sum(seconds for _, seconds in latest)
        return sum(tokens for tokens, _ in latest) / seconds if seconds > 0 else None

    @property
    def average(self) -> float | None:
        """Word pieces a second of the whole attempt, with all that came between the updates."""
        elapsed = self.busy + self.updates * self._between
        return self.tokens / elapsed if elapsed > 0 else None

    def seconds_left(self, updates: int, now: float) -> float | None:
        """Seconds that ``updates`` more take, checks, samples and save points among them."""
        latest = self._latest()
        if not latest:
            return None
        each = sum(seconds for _, seconds in latest) / len(latest) + self._between
        since = 0.0 if self.heard is None else min(max(0.0, now - self.heard), each)
        return max(0.0, updates * each - since)

    def _latest(self) -> list[tuple[int, float]]:
        """The last updates; the first, which warms everything up, only while there is no other."""
        latest: list[tuple[int, float]] = []
        total = 0.0
        for update in islice(reversed(self.recent), max(1, self.updates - 1)):
            latest.append(update)
            total += update[1]
            if total >= _WINDOW:
                break
        return latest

    @property
    def _between(self) -> float:
        """Seconds an update that went to other things than updates."""
        if self.begun is None or self.heard is None:
            return 0.0
        return max(0.0, self.heard - self.begun - self.busy) / self.updates


@dataclass(slots=True)
class Followed:
    """What a run has told so far. ``refusal`` is why its last resume could not begin, if so;
    ``earlier`` the average pace of its attempts before this one."""

    state: RunState = field(default_factory=RunState)
    tempo: Tempo = field(default_factory=Tempo)
    refusal: Json | None = None
    taken_back: int = 0
    earlier: float | None = None
    _marks: dict[str, list[int]] = field(
        default_factory=lambda: {"step": [], "eval": [], "sample": []}
    )

    def take(self, event: Mapping[str, Any]) -> None:
        """Fold one event in."""
        kind = event["event"]
        if kind in ("start", "resume"):
            self.earlier, self.tempo = self.average, Tempo()
        self.state.take(event)
        self.tempo.take(event)
        self.refusal = event["reason"] if kind == "refused" else None
        for marks, points in zip(self._marks.values(), self._told, strict=True):
            if len(marks) > len(points):
                self.taken_back = self.state.seq
                del marks[len(points) :]
            marks.extend([self.state.seq] * (len(points) - len(marks)))

    @property
    def average(self) -> float | None:
        """Word pieces a second of the latest attempt that made any updates."""
        return self.tempo.average or self.earlier

    @property
    def _told(self) -> tuple[Sequence[Any], ...]:
        return self.state.curves["step"], self.state.checks, self.state.samples

    def since(self, seen: int) -> News:
        """What came after the event number ``seen``: all of it where part of it was taken back."""
        again = 0 < seen < self.taken_back or seen > self.state.seq
        after = 0 if again else seen
        step, check, sample = (bisect_right(marks, after) for marks in self._marks.values())
        checks = self.state.checks[check:]
        return News(
            again,
            {name: self.state.curves[name][step:] for name in POINTS},
            {"step": [at for at, _ in checks], "loss": [loss for _, loss in checks]},
            self.state.samples[sample:],
        )

    def seconds_left(self, now: float) -> float | None:
        """Seconds until the last update; None where nothing is known yet or nothing goes on."""
        if self.state.status != "running":
            return None
        return self.tempo.seconds_left(self.state.total - self.state.step, now)


def thinned(
    steps: Sequence[float], values: Sequence[float], most: int
) -> tuple[list[float], list[float]]:
    """At most ``most`` points of a curve: of each stretch its lowest and its highest, in order.

    Nothing that stands out is lost, which a plain stride or an average would do. A curve that is
    short enough stays as it is; first and last point always stay.
    """
    if len(steps) <= most:
        return list(steps), list(values)
    stretches = (most - 2) // 2
    inner = len(steps) - 2
    kept = [0]
    for number in range(stretches):
        there = range(1 + number * inner // stretches, 1 + (number + 1) * inner // stretches)
        kept += sorted({min(there, key=values.__getitem__), max(there, key=values.__getitem__)})
    kept.append(len(steps) - 1)
    return [steps[place] for place in kept], [values[place] for place in kept]


def _moment(event: Mapping[str, Any]) -> float | None:
    at = event.get("at")
    return datetime.fromisoformat(at).timestamp() if isinstance(at, str) else None
