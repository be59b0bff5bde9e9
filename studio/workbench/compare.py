"""Base against tuned, side by side: what can answer, questions to it, and its answers."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.core.knobs import Knob, read_knobs
from studio.core.rows import Message
from studio.store.data_folder import DataFolder
from studio.store.run_folder import RunFolder
from studio.store.runs import RunEntry, Runs
from studio.workbench.conversation import Conversation, Question
from studio.workbench.engine_room import EngineRoom
from studio.workbench.run_book import require_folder
from studio.workbench.suggestions import suggest

Json = dict[str, Any]

SAMPLING_KNOBS = (
    Knob("max_new_tokens", "int", 256, low=1, high=8192),
    Knob("temperature", "float", 0.0, low=0, high=5),
    Knob("seed", "int", 0, low=0, high=2**31 - 1),
)


@dataclass(frozen=True, slots=True)
class CompareService:
    """Questions to a run's base and its result."""

    data: DataFolder
    index: Runs
    engine: EngineRoom
    talk: Conversation = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "talk", Conversation(self.engine))

    def runs(self) -> list[Json]:
        """The runs that can answer, the newest first.

        ``{"run", "name", "model", "method", "dataset", "created", "step", "save_points",
        "tuned_step", "quantisation", "erased_rows"}``; ``step`` is the last update of which there
        is anything, ``quantisation`` how the base is held, empty where it is as on disk.
        """
        return [shown for entry in self.index.list()[::-1] if (shown := self._shown(entry))]

    def suggestions(self, run: str, *, seed: int = 0) -> list[Json]:
        """Questions of the run's check rows and their answers; never one that it has learned."""
        return suggest(self._folder(run).rows(), seed)

    def ask(
        self,
        run: str,
        question: str,
        *,
        system: str = "",
        temperature: float = 0.0,
        max_new_tokens: int = 256,
        seed: int = 0,
        step: int | None = None,
    ) -> Json:
        """Put a question to the result of ``run``, or to its save point ``step``: ``{"id"}``.

        The answers grow in :meth:`look`; those to an earlier question are stopped. Raises
        UserMistake for a question that is none, Refusal where there is nothing that could answer.
        """
        sampling = {"temperature": temperature, "max_new_tokens": max_new_tokens, "seed": seed}
        order = self._order(run, question, system=system, sampling=sampling, step=step)
        shown = self._shown(self.index.get(run))
        if shown is None or (step is None and shown["tuned_step"] is None):
            raise Refusal("run.no_result", run=run)
        if step is not None and step not in shown["save_points"]:
            raise Refusal("run.no_save_point", run=run, step=step)
        return {"id": self.talk.ask(Question(shown, order))}

    def look(self, *, seen: Mapping[str, int] | None = None, id: str = "") -> Json:
        """The newest question and its answers, beyond what is ``seen`` of the one of that ``id``.

        ``{"now": {"id", "question", "run", "step", …, "base": {"text", "seen", "tokens", "seconds",
        "cut", "ended"}, "tuned": {…}, "stage": "waiting|loading|answering|proving|done|stopped",
        "done", "base_proved", "problem"} or None, "busy", "held"}``; ``busy`` says what else has
        the device, ``held`` whose model is in memory.
        """
        now = self.talk.look(id, seen or {})
        return {"now": now, "busy": self._busy(), "held": self.talk.held}

    def earlier(self) -> list[Json]:
        """The questions of this sitting before the newest one, with their answers."""
        return self.talk.earlier()

    def stop(self) -> None:
        """Want no more of the answers."""
        self.talk.stop()

    def rest(self) -> None:
        """Give the engine's memory back, unless somebody waits for it."""
        self.engine.rest()

    def close(self) -> None:
        """End what goes on."""
        self.talk.close()

    def stream(
        self,
        run: str,
        prompt: str,
        *,
        system: str = "",
        sampling: Json | None = None,
        step: int | None = None,
    ) -> Iterator[Json]:
        """``{"lane", "text", …}`` as the answers grow; then the whole as ``{"comparison": …}``.

        It bears the run's ``step``, that of what has answered, ``tuned_step``, and the base's
        ``quantisation``, empty where it answers as it lies on disk.

        The device is held until the proof is done too. Raises UserMistake for an empty question,
        Refusal while the device is in use.
        """
        order = self._order(run, prompt, system=system, sampling=sampling or {}, step=step)
        chosen = self._folder(run)
        steps = {"step": chosen.state().step, "tuned_step": step or chosen.tuned_step}
        with self.engine.device("compare"):
            asked = self.engine.stream("compare", **order)
            yield from (event for event in asked if "lane" in event)
        plan = chosen.plan()
        held = {"quantisation": plan.quantisation if plan else ""}
        yield {"comparison": asked.result | steps | held}

    def _order(
        self, run: str, prompt: str, *, system: str, sampling: Json, step: int | None
    ) -> Json:
        """What the engine is asked, checked."""
        if not prompt.strip():
            raise UserMistake("compare.empty_prompt")
        for role, text in (("user", prompt), ("system", system)):
            Message.from_json({"role": role, "content": text})
        return {
            "run": str(self._folder(run).path),
            "prompt": prompt,
            "system": system,
            "sampling": read_knobs(SAMPLING_KNOBS, sampling),
            "step": step,
        }

    def _folder(self, run: str) -> RunFolder:
        return require_folder(self.data.runs / self.index.get(run).id)

    def _shown(self, entry: RunEntry) -> Json | None:
        """A run for whoever chooses one; None where nothing of it can answer."""
        run = RunFolder(self.data.runs / entry.id)
        try:
            points, tuned, plan = run.checkpoints.named(), run.tuned_step, run.plan()
            if not run.is_there or plan is None or not (points or tuned is not None):
                return None
            recipe = run.recipe()
        except StudioError:  # damaged
            return None
        return {
            "run": entry.id,
            "name": entry.name,
            "model": entry.model,
            "method": entry.method,
            "dataset": recipe.rows.name,
            "created": entry.created,
            "step": max(*points, tuned or 0, 0),
            "save_points": points,
            "tuned_step": tuned,
            "quantisation": plan.quantisation,
            "erased_rows": entry.erased,
        }

    def _busy(self) -> Json | None:
        """Who else has the device: ``{"purpose", "name"}``, with the run's name for a training."""
        owner = None if self.talk.is_answering else self.engine.device_owner()
        if owner is None:
            return None
        purpose = owner.get("purpose", "")
        run = next((entry for entry in self.index.list() if entry.id == purpose), None)
        if run is not None:
            return {"purpose": "train", "run": run.id, "name": run.name}
        is_own = purpose == "compare" and owner.get("pid") == os.getpid()
        return None if is_own else {"purpose": purpose, "run": None, "name": ""}
