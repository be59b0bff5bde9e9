"""Whether a model fits into memory: what loading it takes, and what is free.

Weights are counted, not guessed: parameters times the bytes of the number format that this machine
computes in. Learning takes more; that is counted with the method.
"""

from typing import Any

import psutil

from studio.workbench.engine_room import EngineRoom

WIDTH = {"float32": 4, "bfloat16": 2}
"""Bytes of one parameter, by number format."""

WORKING = 600_000_000
"""Bytes for the libraries and the work on one short answer. Measured with torch 2.13 on a CPU:
0.51 to 0.52 GB above the weights, for models of 135 and 362 million parameters in both formats."""

Json = dict[str, Any]


class Memory:
    """The memory that models are loaded into: the GPU's where there is one, else the machine's."""

    def __init__(self, engine: EngineRoom) -> None:
        self._engine = engine

    def of(self, parameters: int | None) -> Json:
        """``{"memory_needed_bytes", "memory_free_bytes", "number_format", "fits"}``.

        What is needed is None where ``parameters`` is.
        """
        needed, free = self.needed(parameters), self.free()
        return {
            "memory_needed_bytes": needed,
            "memory_free_bytes": free,
            "number_format": self._engine.machine["precision"],
            "fits": None if needed is None else needed <= free,
        }

    def needed(self, parameters: int | None) -> int | None:
        """Bytes that loading a model with so many parameters takes."""
        width = WIDTH[self._engine.machine["precision"]]
        return None if parameters is None else parameters * width + WORKING

    def free(self) -> int:
        """Bytes that are free now."""
        if self._engine.machine["device"] == "cuda":  # only the engine can see it
            return int(self._engine.call("machine_facts")["memory_bytes"]["free"])
        return int(psutil.virtual_memory().available)
