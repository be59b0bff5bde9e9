"""What a run says of itself, and the fold that turns it into curves.

A run's events are the truth about it. They are appended with ``seq`` (never falling) and
``attempt`` (1, then one more at each resume). A resume goes back to a save point, so the fold
drops what earlier attempts said about later updates.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """The base of all events; ``name`` stands under ``event`` in JSON."""

    name: ClassVar[str] = ""

    def as_json(self) -> Json:
        """The event as one JSON object."""
        return {"event": self.name} | asdict(self)


@dataclass(frozen=True, slots=True)
class Started(Event):
    """The first event: updates to come, rows that train and check, rows left out with reasons."""

    name: ClassVar[str] = "start"
    run: str
    total: int
    rows: int
    check_rows: int
    left_out: tuple[Json, ...] = ()
    cut_rows: int = 0
    trainable: int = 0


@dataclass(frozen=True, slots=True)
class Stepped(Event):
    """One update. ``loss`` in nats a labelled token; ``tokens`` real ones, ``labelled`` of them
    with a label; ``seconds`` of this update; ``memory_bytes`` the peak so far."""

    name: ClassVar[str] = "step"
    step: int
    epoch: float
    loss: float
    lr: float
    grad_norm: float
    tokens: int
    labelled: int
    seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Evaluated(Event):
    """Loss over the check rows, in nats a labelled token."""

    name: ClassVar[str] = "eval"
    step: int
    loss: float


@dataclass(frozen=True, slots=True)
class Sampled(Event):
    """An answer of the model as it stands after ``step`` updates."""

    name: ClassVar[str] = "sample"
    step: int
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class Saved(Event):
    """A save point that is complete on disk."""

    name: ClassVar[str] = "checkpoint"
    step: int


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A new attempt that continues after ``step``; ``lost`` updates are done again."""

    name: ClassVar[str] = "resume"
    step: int
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """Training stands still until something changes (``reason`` is an error as JSON)."""

    name: ClassVar[str] = "waiting"
    step: int
    reason: Json


@dataclass(frozen=True, slots=True)
class Refused(Event):
    """A resume that could not begin (``reason`` is an error as JSON): the run stays as it was."""

    name: ClassVar[str] = "refused"
    step: int
    reason: Json


@dataclass(frozen=True, slots=True)
class Ended(Event):
    """The end of an attempt: finished, paused, stopped or failed; ``reason`` an error as JSON."""

    name: ClassVar[str] = "end"
    status: str
    step: int
    reason: Json | None = None


SERIES = ("step", "epoch", "loss", "lr", "grad_norm", "tokens", "labelled", "seconds")


@dataclass(slots=True)
class RunState:
    """What the events add up to. ``status`` is the run's own word; whether its process still
    lives is for others to find out."""

    status: str = "preparing"
    step: int = 0
    total: int = 0
    attempt: int = 1
    seq: int = 0
    reason: Json | None = None
    start: Json = field(default_factory=dict)
    curves: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in SERIES})
    checks: list[tuple[int, float]] = field(default_factory=list)
    samples: list[Json] = field(default_factory=list)
    checkpoints: list[int] = field(default_factory=list)
    memory_bytes: int = 0

    def curves_json(self) -> Json:
        """The curves as named lists; check losses stand beside their own steps."""
        checks = {
            "check_step": [step for step, _ in self.checks],
            "check_loss": [loss for _, loss in self.checks],
        }
        return dict(self.curves) | checks

    def take(self, event: Mapping[str, Any]) -> None:
        """Fold one event in; events of unknown kinds are left aside."""
        self.seq = max(self.seq, int(event.get("seq", 0)))
        self.attempt = max(self.attempt, int(event.get("attempt", 1)))
        handler = _HANDLERS.get(str(event.get("event")))
        if handler is not None:
            handler(self, event)

    def _start(self, event: Mapping[str, Any]) -> None:
        self.start = dict(event)
        self.status, self.total = "running", int(event["total"])

    def _step(self, event: Mapping[str, Any]) -> None:
        self.status, self.step, self.reason = "running", int(event["step"]), None
        for name in SERIES:
            self.curves[name].append(event[name])
        self.memory_bytes = max(self.memory_bytes, int(event["memory_bytes"]))

    def _eval(self, event: Mapping[str, Any]) -> None:
        self.checks.append((int(event["step"]), float(event["loss"])))

    def _sample(self, event: Mapping[str, Any]) -> None:
        self.samples.append({name: event[name] for name in ("step", "prompt", "text")})

    def _checkpoint(self, event: Mapping[str, Any]) -> None:
        self.status, self.reason = "running", None
        self.checkpoints.append(int(event["step"]))

    def _resume(self, event: Mapping[str, Any]) -> None:
        self.status, self.reason, self.step = "running", None, int(event["step"])
        kept = sum(1 for step in self.curves["step"] if step <= self.step)
        for values in self.curves.values():
            del values[kept:]
        self.checks = [check for check in self.checks if check[0] <= self.step]
        self.samples = [sample for sample in self.samples if sample["step"] <= self.step]
        self.checkpoints = [step for step in self.checkpoints if step <= self.step]

    def _wait(self, event: Mapping[str, Any]) -> None:
        self.status, self.reason = "waiting", event["reason"]

    def _refuse(self, event: Mapping[str, Any]) -> None:
        if self.status in ("running", "waiting"):  # its process was lost, and is still
            self.status = "interrupted"

    def _end(self, event: Mapping[str, Any]) -> None:
        self.status, self.reason = str(event["status"]), event.get("reason")
        self.step = int(event["step"])


_HANDLERS = {
    "start": RunState._start,
    "step": RunState._step,
    "eval": RunState._eval,
    "sample": RunState._sample,
    "checkpoint": RunState._checkpoint,
    "resume": RunState._resume,
    "waiting": RunState._wait,
    "refused": RunState._refuse,
    "end": RunState._end,
}


def fold(events: Iterable[Mapping[str, Any]]) -> RunState:
    """The state that ``events``, in their order, add up to."""
    state = RunState()
    for event in events:
        state.take(event)
    return state
