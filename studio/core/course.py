"""Which rows each update sees and at what rate: all from the seed and the update's number.

Nothing here has a state that a resume would have to restore: update 17 of a course is the same
whether the sixteen before it were run in this process or in another.
"""

import math
import random
from dataclasses import dataclass, field

from studio.core.recipe import Training


@dataclass(frozen=True, slots=True)
class Update:
    """One update: its number (from 1), how many passes are done after it, and its micro-batches
    as row indexes."""

    step: int
    epoch: float
    micro_batches: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Course:
    """The updates of a run over ``rows`` rows. The last update of a pass may be smaller."""

    rows: int
    batch: int
    accumulate: int
    total: int
    seed: int
    shuffle: bool
    _orders: dict[int, list[int]] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, training: Training, rows: int) -> "Course":
        """The course that ``training`` asks for; ``steps`` wins over ``epochs``."""
        per_pass = math.ceil(rows / (training.batch * training.accumulate))
        total = training.steps or max(1, round(training.epochs * per_pass))
        return cls(
            rows, training.batch, training.accumulate, total, training.seed, training.shuffle
        )

    @property
    def per_pass(self) -> int:
        """Updates in one pass over the rows."""
        return math.ceil(self.rows / (self.batch * self.accumulate))

    def update(self, step: int) -> Update:
        """Update ``step``, 1 to ``total``."""
        number, within = divmod(step - 1, self.per_pass)
        size = self.batch * self.accumulate
        rows = self._order(number)[within * size : (within + 1) * size]
        micro = tuple(tuple(rows[i : i + self.batch]) for i in range(0, len(rows), self.batch))
        done = number + min(1.0, (within + 1) * size / self.rows)
        return Update(step, round(done, 6), micro)

    def _order(self, number: int) -> list[int]:
        if number not in self._orders:
            order = list(range(self.rows))
            if self.shuffle:
                random.Random(f"order/{self.seed}/{number}").shuffle(order)
            self._orders.clear()
            self._orders[number] = order
        return self._orders[number]


def rate(training: Training, step: int, *, total: int, lr: float) -> float:
    """The learning rate of update ``step`` (from 1) of ``total``, with ``lr`` as its peak.

    Warm-up rises linearly and reaches the peak at its last update; cosine (Loshchilov and Hutter,
    SGDR, 2017) and linear then fall towards zero after the last update.
    """
    warmup = training.warmup * total if training.warmup < 1 else training.warmup
    warm = min(total, math.floor(warmup))
    if step <= warm:
        return lr * step / warm
    done = (step - 1 - warm) / max(1, total - warm)
    if training.schedule == "cosine":
        return lr * 0.5 * (1 + math.cos(math.pi * done))
    if training.schedule == "linear":
        return lr * (1 - done)
    return lr
