"""What a method costs on a model before anything is loaded; unknown figures are None."""

import math
from dataclasses import dataclass
from typing import Any

MEMORY_PARTS = ("weights", "gradients", "optimizer", "activations", "loss", "overhead", "peak")


@dataclass(frozen=True, slots=True)
class Cost:
    """Exact counts; ``total`` has tied parameters once and the added ones in it.

    ``disk_bytes`` is the size of the result's tensors. ``counted_in_seconds`` is how long the
    count took once the sheet was at hand.
    """

    trainable: int
    total: int
    disk_bytes: int
    counted_in_seconds: float

    def as_json(self) -> dict[str, Any]:
        """The cost as the command line prints it."""
        return {
            "trainable": self.trainable,
            "total": self.total,
            "share": self.trainable / self.total,
            "memory_bytes": dict.fromkeys(MEMORY_PARTS),
            "step_seconds": None,
            "run_seconds": None,
            "disk_bytes": self.disk_bytes,
            "counted_in_seconds": self.counted_in_seconds,
        }


def disk_needed(trainable: int, *, keep: int = 2) -> int:
    """Bytes that a run's save points and its result take.

    Values and two moments in fp32 for each of ``keep`` save points and the one being written, and
    the values once more as the result.
    """
    return math.ceil(trainable * 4 * (3 * (keep + 1) + 1) * 1.02)
