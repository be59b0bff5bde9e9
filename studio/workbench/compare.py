"""Base against tuned, side by side."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, read_knobs
from studio.core.rows import Message
from studio.store.data_folder import DataFolder
from studio.store.runs import Runs
from studio.workbench.engine_room import EngineRoom
from studio.workbench.run_book import require_folder

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

    def stream(
        self, run: str, prompt: str, *, system: str = "", sampling: Json | None = None
    ) -> Iterator[Json]:
        """``{"lane", "text"}`` as the answers grow; then the whole as ``{"comparison": …}``.

        It bears the run's ``step`` and that of the result that answered, ``tuned_step``.

        The device is held until the proof is done too. Raises UserMistake for an empty question,
        Refusal while the device is in use.
        """
        if not prompt.strip():
            raise UserMistake("compare.empty_prompt")
        for role, text in (("user", prompt), ("system", system)):
            Message.from_json({"role": role, "content": text})
        drawn = read_knobs(SAMPLING_KNOBS, sampling or {})
        chosen = require_folder(self.data.runs / self.index.get(run).id)
        steps = {"step": chosen.state().step, "tuned_step": chosen.tuned_step}
        with self.engine.device("compare"):
            asked = self.engine.stream(
                "compare", run=str(chosen.path), prompt=prompt, system=system, sampling=drawn
            )
            yield from asked
        yield {"comparison": asked.result | steps}
