"""From a micro-batch to its loss, on two paths that must agree.

``segments`` is the fast one; ``rows`` sends each row alone through the model's own forward and
loss head, for architectures in which rows laid end to end would see one another. Which one a run
takes is measured on its own model and rows, and written into the plan.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedConfig, PreTrainedModel

from studio.engine.attention import SEGMENTS, attending
from studio.engine.batches import Batch, Lesson
from studio.engine.loss import labelled_loss

Forward = Callable[[PreTrainedModel, Batch, float], tuple[Tensor, Tensor]]
"""Model, batch, scale → (sum of losses times scale, each labelled position's loss in fp32)."""


def segments_forward(model: PreTrainedModel, batch: Batch, scale: float) -> tuple[Tensor, Tensor]:
    """The whole micro-batch as one sequence; the head only at labelled positions."""
    with attending(model, SEGMENTS):
        output = model.get_decoder()(
            input_ids=batch.ids,
            position_ids=batch.positions,
            use_cache=False,
            segments=batch.segments,
        )
    hidden = output.last_hidden_state[0].index_select(0, batch.where)
    return labelled_loss(hidden, model.get_output_embeddings(), batch.targets, scale)


def rows_forward(model: PreTrainedModel, batch: Batch, scale: float) -> tuple[Tensor, Tensor]:
    """Each row alone through the model's own forward."""
    losses = []
    for lesson in batch.lessons:
        ids = torch.tensor([lesson.ids], device=batch.ids.device)
        learn = torch.tensor(lesson.labelled[1:], device=ids.device)
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1][learn].float()
        losses.append(cross_entropy(logits, ids[0, 1:][learn], reduction="none"))
    each = torch.cat(losses)
    return each.sum() * scale, each.detach()


FORWARDS: dict[str, Forward] = {"segments": segments_forward, "rows": rows_forward}

_PIECE = 24
_REACHES = ("window", "chunk", "local", "original_max_position")


def agreed_path(model: PreTrainedModel, lessons: list[Lesson]) -> str:
    """The fastest path whose losses equal the model's own on pieces of the run's rows.

    Equal losses show that positions, windows and the head are right. That a row does not see the
    one before it is shown more sharply, beyond the noise of any number format: with another row
    before it, its losses stay as they are.
    """
    try:
        with torch.no_grad():
            return "segments" if _agrees(model, lessons) else "rows"
    except torch.OutOfMemoryError:
        raise
    except (ValueError, TypeError, AttributeError, RuntimeError):
        return "rows"


def _agrees(model: PreTrainedModel, lessons: list[Lesson]) -> bool:
    longest = max(lessons, key=lambda lesson: len(lesson.ids))
    before = lessons[0].ids[:_PIECE]
    ids = longest.ids[: _telling_length(model.config, len(longest.ids))]

    def losses(forward: Forward, *rows: tuple[int, ...]) -> Tensor:
        pieces = [Lesson("", row, (True,) * len(row)) for row in rows]
        return forward(model, Batch.of(pieces, str(model.device)), 1.0)[1]

    measured = losses(segments_forward, before, ids)
    close = 2e-5 if model.dtype == torch.float32 else 3e-2
    if not torch.allclose(measured, losses(rows_forward, before, ids), rtol=close, atol=close):
        return False
    again = losses(segments_forward, before[::-1], ids)
    own = len(ids) - 1
    return torch.allclose(again[-own:], measured[-own:], rtol=1e-5, atol=1e-5)


def _telling_length(config: PreTrainedConfig, longest: int) -> int:
    """How much of the longest row shows whatever the model does with rows of this length.

    A few word pieces, and a few beyond every window that is shorter than the row.
    """
    windows = (reach for reach in _reaches(config.to_dict()) if reach < longest)
    return max(windows, default=0) + _PIECE


def _reaches(facts: Mapping[str, Any]) -> Iterator[int]:
    """Every length in a configuration at which a model may begin to do something else."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield from _reaches(value)
        elif isinstance(value, int) and any(part in str(name) for part in _REACHES):
            yield value


def mean_loss(model: PreTrainedModel, batches: list[Batch], forward: Forward) -> float:
    """Loss over all labelled positions of ``batches``, in nats a position."""
    labels = sum(len(batch.targets) for batch in batches)
    with torch.no_grad():
        sums = [float(forward(model, batch, 1.0)[1].sum(dtype=torch.float64)) for batch in batches]
    return sum(sums) / labels
