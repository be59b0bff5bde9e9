"""Encoded rows laid end to end as tensors. Knows ids and labels, no model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Lesson:
    """A row as the trainer sees it: ids, and for each id whether it is to be learned.

    The first ``virtual`` ids are no word pieces of the row.
    """

    row: str
    ids: tuple[int, ...]
    labelled: tuple[bool, ...]
    virtual: int = 0

    def behind(self, virtual: tuple[int, ...]) -> "Lesson":
        """The row with ``virtual`` ids before it."""
        labelled = (False,) * len(virtual) + self.labelled
        return replace(self, ids=virtual + self.ids, labelled=labelled, virtual=len(virtual))

    @property
    def labels(self) -> int:
        """Positions with a label that something stands before."""
        return sum(self.labelled[1:])


@dataclass(frozen=True, slots=True)
class Batch:
    """A micro-batch: ``ids`` and ``positions`` are (1, tokens); ``where`` are the indexes of the
    positions that predict a labelled token, ``targets`` those tokens, both (labels)."""

    lessons: tuple[Lesson, ...]
    ids: Tensor
    positions: Tensor
    segments: tuple[int, ...]
    where: Tensor
    targets: Tensor

    @classmethod
    def of(cls, lessons: Sequence[Lesson], device: str) -> "Batch":
        """Lay ``lessons`` end to end on ``device``."""
        ids: list[int] = []
        positions: list[int] = []
        where: list[int] = []
        for lesson in lessons:
            start = len(ids) - 1
            where += [start + i for i, learn in enumerate(lesson.labelled) if learn and i]
            ids += lesson.ids
            positions += range(len(lesson.ids))
        targets = [ids[place + 1] for place in where]

        def tensor(values: list[int]) -> Tensor:
            return torch.tensor(values, dtype=torch.long, device=device)

        return cls(
            tuple(lessons),
            tensor(ids)[None],
            tensor(positions)[None],
            tuple(len(lesson.ids) for lesson in lessons),
            tensor(where),
            tensor(targets),
        )

    @property
    def tokens(self) -> int:
        """Real word pieces."""
        return self.ids.shape[1] - sum(lesson.virtual for lesson in self.lessons)

    def row_losses(self, losses: Tensor) -> dict[str, float]:
        """Each row's summed loss in nats, from every labelled position's own."""
        parts = losses.split([lesson.labels for lesson in self.lessons])
        return {
            lesson.row: float(part.sum()) for lesson, part in zip(self.lessons, parts, strict=True)
        }
