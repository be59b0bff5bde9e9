"""From a micro-batch to its loss, on two paths that must agree.

``segments`` is the fast one; ``rows`` sends each row alone through the model's own forward and
loss head, for architectures in which rows laid end to end would see one another. Which one a run
takes is measured on its own model and rows, and written into the plan.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

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


def agreed_path(model: PreTrainedModel, lessons: list[Lesson]) -> str:
    """The fastest path whose losses equal the model's own on a few of the run's rows.

    Short pieces of two rows are enough to show leaks between rows, other positions, or a head
    that does more than a linear map.
    """
    pieces = [_piece(lesson) for lesson in lessons[:2]]
    batch = Batch.of(pieces, str(model.device))
    with torch.no_grad():
        _, expected = rows_forward(model, batch, 1.0)
        try:
            _, measured = segments_forward(model, batch, 1.0)
        except (ValueError, TypeError, AttributeError, RuntimeError):
            return "rows"
    close = 1e-4 if model.dtype == torch.float32 else 3e-2
    agree = torch.allclose(measured, expected, rtol=close, atol=close)
    return "segments" if agree else "rows"


def _piece(lesson: Lesson) -> Lesson:
    """The first few word pieces of ``lesson``, all of them labelled."""
    ids = lesson.ids[:24]
    return Lesson(lesson.row, ids, (True,) * len(ids))


def mean_loss(model: PreTrainedModel, batches: list[Batch], forward: Forward) -> float:
    """Loss over all labelled positions of ``batches``, in nats a position."""
    labels = sum(len(batch.targets) for batch in batches)
    with torch.no_grad():
        sums = [float(forward(model, batch, 1.0)[1].sum(dtype=torch.float64)) for batch in batches]
    return sum(sums) / labels
