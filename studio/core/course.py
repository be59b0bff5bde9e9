"""Which rows each update sees and at what rate: all from the seed and the update's number.

Nothing here has a state that a resume would have to restore: update 17 of a course is the same
whether the sixteen before it were run in this process or in another.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

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
    """``total`` updates over ``rows`` rows, at least one. The last of a pass may be smaller."""

    rows: int
    batch: int
    accumulate: int
    total: int
    seed: int
    shuffle: bool

    @classmethod
    def of(cls, training: Training, rows: int) -> Self:
        """The course that ``training`` asks for; ``steps`` wins over ``epochs``.

        A part of a pass is rounded up to whole updates, as transformers' Trainer does.
        """
        per_pass = _updates(rows, training.batch * training.accumulate)
        total = training.steps or max(1, _up(training.epochs * per_pass))
        return cls(
            rows, training.batch, training.accumulate, total, training.seed, training.shuffle
        )

    @property
    def per_pass(self) -> int:
        """Updates in one pass over the rows."""
        return _updates(self.rows, self.batch * self.accumulate)

    def update(self, step: int) -> Update:
        """Update ``step``, 1 to ``total``."""
        number, within = divmod(step - 1, self.per_pass)
        size = self.batch * self.accumulate
        order = _shuffled(self.rows, self.seed, number) if self.shuffle else range(self.rows)
        rows = order[within * size : (within + 1) * size]
        micro = tuple(tuple(rows[i : i + self.batch]) for i in range(0, len(rows), self.batch))
        done = number + min(1.0, (within + 1) * size / self.rows)
        return Update(step, round(done, 6), micro)


def _updates(rows: int, size: int) -> int:
    return math.ceil(rows / size)


def _up(number: float) -> int:
    """The next whole number; 0.07 * 100, which floats make 7.000000000000001, is 7."""
    return math.ceil(round(number, 6))


@lru_cache(maxsize=2)  # To shuffle a long dataset takes longer than a small update.
def _shuffled(rows: int, seed: int, number: int) -> tuple[int, ...]:
    """The order of the rows in pass ``number``, from 0."""
    order = list(range(rows))
    random.Random(f"order/{seed}/{number}").shuffle(order)
    return tuple(order)


def rate(training: Training, step: int, *, total: int, lr: float) -> float:
    """The learning rate of update ``step`` (from 1) of ``total``, with ``lr`` as its peak.

    Warm-up rises in equal parts, all of its updates below the peak; the first update after it is
    at the peak. From there on cosine (Loshchilov and Hutter, SGDR, 2017) and linear fall towards
    zero after the last update, just as transformers' schedules of these names. Those begin their
    warm-up at zero, which spends an update on nothing; ours begins one part higher.
    """
    share = training.warmup < 1
    warm = _up(training.warmup * total) if share else int(training.warmup)
    if step <= warm:
        return lr * step / (warm + 1)
    done = (step - 1 - warm) / (total - warm)
    if training.schedule == "cosine":
        return lr * 0.5 * (1 + math.cos(math.pi * done))
    if training.schedule == "linear":
        return lr * (1 - done)
    return lr
