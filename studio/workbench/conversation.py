"""One question at a time to a run's base and its result: answered by a thread, watched by pages.

What was asked in this sitting stays in memory, so that a reload and a second window show the same.
"""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from studio.core.errors import Fault, StudioError, tell_place
from studio.jobs.engine_client import Answer
from studio.workbench.engine_room import EngineRoom

Json = dict[str, Any]
Stage = Literal["waiting", "loading", "answering", "proving", "done", "stopped"]

LANES = ("base", "tuned")
PURPOSE = "compare"
MOST_EARLIER = 50

IDLE = 600.0
"""Seconds after the last answer until the engine gives its memory back."""

TICK = 2.0
"""Seconds until it is seen that something else, such as a training, has the device."""

_OVER = ("done", "stopped")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of whom: ``run`` as a page shows it, ``order`` as the engine wants it."""

    run: Json
    order: Json

    def as_json(self) -> Json:
        """All of it for a page, flat, without any path."""
        order = self.order
        return {
            "question": order["prompt"],
            "system": order["system"],
            **order["sampling"],
            "step": order["step"],
            "run": self.run,
        }


@dataclass(slots=True)
class _Lane:
    """One answer as far as it is; ``cut`` says that only the limit has ended it."""

    text: str = ""
    tokens: int = 0
    seconds: float = 0.0
    cut: bool = False


@dataclass(slots=True)
class Exchange:
    """A question with both its answers, under the lock of :class:`Conversation`."""

    question: Question
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    lanes: dict[str, _Lane] = field(default_factory=lambda: {lane: _Lane() for lane in LANES})
    stage: Stage = "waiting"
    base_proved: bool | None = None
    problem: Json | None = None
    engine: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing comes any more."""
        return self.stage in _OVER

    def hear(self, event: Json) -> None:
        """Take in what the engine says."""
        if "stage" in event:
            self.stage = event["stage"]
            return
        lane = self.lanes[event["lane"]]
        lane.text += event["text"]
        lane.tokens, lane.seconds = event["tokens"], event["seconds"]

    def conclude(self, comparison: Json) -> None:
        """Take in the whole; its counts are the last word."""
        self.base_proved = comparison["base_proved"]
        for name, lane in self.lanes.items():
            told = comparison[name]
            lane.tokens, lane.seconds, lane.cut = told["tokens"], told["seconds"], told["cut"]
        self.stage = "done"

    def has_ended(self, name: str) -> bool:
        """Whether a lane has said all; while both write, neither is two word pieces ahead."""
        ahead = max(lane.tokens for lane in self.lanes.values())
        return self.stage == "proving" or self.is_over or self.lanes[name].tokens < ahead - 1

    def as_json(self, seen: Mapping[str, int]) -> Json:
        """The exchange, of each answer what comes after the first ``seen`` characters."""
        return {
            "id": self.id,
            **self.question.as_json(),
            **{name: self._lane(name, seen.get(name, 0)) for name in LANES},
            "stage": self.stage,
            "done": self.is_over,
            "base_proved": self.base_proved,
            "problem": self.problem,
        }

    def _lane(self, name: str, seen: int) -> Json:
        lane = self.lanes[name]
        new = {"text": lane.text[seen:], "seen": len(lane.text), "ended": self.has_ended(name)}
        return asdict(lane) | new


class Conversation:
    """The questions of one sitting. Any thread may ask, look and stop."""

    def __init__(self, engine: EngineRoom, *, idle: float = IDLE, tick: float = TICK) -> None:
        self._engine, self._idle, self._tick = engine, idle, tick
        self._exchanges: list[Exchange] = []
        self._holder: Exchange | None = None
        self._answer: Answer | None = None
        self._thread: threading.Thread | None = None
        self._awake = threading.Event()
        self._is_closed = False
        self._lock = threading.RLock()

    def ask(self, question: Question) -> str:
        """Put a question; one that is being answered is stopped first. Returns its id."""
        with self._lock:
            self._break_off()
            exchange = Exchange(question)
            self._exchanges = [*self._exchanges[-MOST_EARLIER:], exchange]
            work = (exchange, self._thread)
            self._thread = threading.Thread(target=self._run, args=work, daemon=True)
            self._thread.start()
        return exchange.id

    def look(self, id: str, seen: Mapping[str, int]) -> Json | None:
        """The newest exchange; ``seen`` counts for the one of that ``id`` only. None before any."""
        with self._lock:
            now = self._now
            return None if now is None else now.as_json(seen if now.id == id else {})

    def earlier(self) -> list[Json]:
        """What was asked before the newest question, the last first."""
        with self._lock:
            return [exchange.as_json({}) for exchange in self._exchanges[-2::-1]]

    def stop(self) -> None:
        """Want no more of the answers. A model that is still being loaded is given up."""
        with self._lock:
            is_loading = self._now is not None and self._now.stage == "loading"
            self._break_off()
        if is_loading:
            self._engine.close()

    def close(self) -> None:
        """Stop for good."""
        with self._lock:
            self._is_closed = True
            self._break_off()
            self._awake.set()

    @property
    def is_answering(self) -> bool:
        """Whether the device is ours, or soon will be."""
        return self._now is not None and not self._now.is_over

    @property
    def held(self) -> Json | None:
        """The run whose model is in memory, if the engine still has it."""
        holder, engine = self._holder, self._engine.pid
        is_there = holder is not None and engine is not None and holder.engine == engine
        return holder.question.run if holder is not None and is_there else None

    @property
    def _now(self) -> Exchange | None:
        return self._exchanges[-1] if self._exchanges else None

    def _break_off(self) -> None:
        now = self._now
        if now is not None and not now.is_over:
            now.stage = "stopped"
            if self._answer is not None:
                self._answer.close()

    def _run(self, exchange: Exchange, before: threading.Thread | None) -> None:
        """Answer ``exchange`` once the thread of the one ``before`` has let go of the device."""
        if before is not None:
            before.join()
        self._awake.set()
        problem: StudioError | None = None
        try:
            if not exchange.is_over:
                self._follow(exchange)
        except StudioError as error:
            problem = error
        except Exception as error:
            tell_place(error)
            problem = Fault("page.broke", cause=type(error).__name__)
        self._end(exchange, problem)

    def _follow(self, exchange: Exchange) -> None:
        with (
            self._engine.device(PURPOSE),
            self._engine.stream("compare", **exchange.question.order) as answer,
        ):
            with self._lock:
                self._answer = answer
                if exchange.is_over:
                    return
            for event in answer:
                self._hear(exchange, event)
            with self._lock:
                if not exchange.is_over:
                    exchange.conclude(answer.result)

    def _hear(self, exchange: Exchange, event: Json) -> None:
        with self._lock:
            if exchange.is_over:
                return
            exchange.hear(event)
            if exchange.stage == "answering" and exchange.engine is None:
                exchange.engine = self._engine.pid
                self._holder = exchange

    def _end(self, exchange: Exchange, problem: StudioError | None) -> None:
        with self._lock:
            self._answer = None
            if not exchange.is_over:  # how a stopped one ends is the way in which it was stopped
                exchange.stage = "done"
                exchange.problem = None if problem is None else problem.as_json()
            if not self._is_closed:
                self._awake = threading.Event()
                threading.Thread(target=self._doze, args=(self._awake,), daemon=True).start()

    def _doze(self, awake: threading.Event) -> None:
        """Give the memory back after a while, or once something else has the device."""
        late = time.monotonic() + self._idle
        while not awake.wait(self._tick) and self._engine.pid is not None:
            if time.monotonic() >= late or self._engine.device_owner() is not None:
                self._engine.rest()
