"""From a micro-batch to its loss, on two paths that must agree.

``segments`` is the fast one; ``rows`` sends each row alone through the model's own forward and
loss head, for architectures in which rows laid end to end would see one another. Which one a run
takes is measured on its own model and rows, and written into the plan.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from studio.engine.attention import SEGMENTS, attending
from studio.engine.batches import Batch, Lesson
from studio.engine.loss import CHUNK, labelled_loss

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
    return _labelled(model, output.last_hidden_state, batch, scale)


def _labelled(
    model: PreTrainedModel, hidden: Tensor, batch: Batch, scale: float
) -> tuple[Tensor, Tensor]:
    there = hidden[0].index_select(0, batch.where)
    return labelled_loss(there, model.get_output_embeddings(), batch.targets, scale)


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

_FEWEST, _MOST = 6, 24
"""Word pieces of a short row that shows enough."""


def agreed_path(model: PreTrainedModel, lessons: list[Lesson], size: int = 8) -> str:
    """The fastest path that does with the run's own rows what the model's own forward does.

    ``size`` rows make a micro-batch. The model is to be as it is in training: in eval mode, since
    only the sites' own dropout is ever on. It goes twice through the longest row, which shows
    windows, and once through a micro-batch that ends with it; the rest takes short rows.
    """
    lengths = [len(lesson.ids) for lesson in lessons]
    longest = lessons[lengths.index(max(lengths))].ids
    short = min(max(min(lengths), _FEWEST), _MOST)
    packed = [_read(lesson.ids) for lesson in lessons[: size - 1]]
    try:
        agrees = (
            _slopes_agree(model, _learned(longest[:_MOST]))
            and (size == 1 or _keeps_apart(model, lessons[0].ids[:short], longest, short))
            and _long_rows_agree(model, _learned(longest), packed)
        )
    except torch.OutOfMemoryError:
        raise
    except (ValueError, TypeError, AttributeError, RuntimeError):
        return "rows"
    return "segments" if agrees else "rows"


def _learned(ids: tuple[int, ...]) -> Lesson:
    """A row of which as many places are compared as the head takes at once, the last among them."""
    step = len(ids) // CHUNK + 1
    return Lesson("", ids, tuple(place % step == 0 for place in reversed(range(len(ids)))))


def _read(ids: tuple[int, ...]) -> Lesson:
    """A row that only stands before another: the head does nothing for it."""
    return Lesson("", ids, (False,) * len(ids))


def _slopes_agree(model: PreTrainedModel, row: Lesson) -> bool:
    """Whether a row's losses, by the model's whole forward, and their gradients are the same.

    The gradients are those at the vectors of its word pieces, behind all that can be trained.
    """
    batch = Batch.of([row], str(model.device))
    (losses, slope), (own, own_slope) = (_slope(model, batch, path) for path in FORWARDS.values())
    close = 1e-4 if model.dtype == torch.float32 else 5e-2
    return _equal(losses, own) and bool((slope - own_slope).norm() <= close * own_slope.norm())


def _slope(model: PreTrainedModel, batch: Batch, forward: Forward) -> tuple[Tensor, Tensor]:
    vectors: list[Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: object, output: Tensor) -> Tensor:
        vectors.append(output.detach().requires_grad_())
        return vectors[-1].clone()

    handle = model.get_input_embeddings().register_forward_hook(keep)
    try:
        with torch.enable_grad():
            loss, losses = forward(model, batch, 1.0)
            return losses, torch.autograd.grad(loss, vectors)[0].float()
    finally:
        handle.remove()


@torch.no_grad()
def _keeps_apart(
    model: PreTrainedModel, before: tuple[int, ...], longest: tuple[int, ...], short: int
) -> bool:
    """Whether the losses of a row of ``short`` stay as they are with another row before it.

    That is as long, so that no number is rounded otherwise in any format, and stands where the
    longest row ends: some models stretch all positions once one of them is far.
    """
    row = _learned(longest[:short])

    def losses(ids: tuple[int, ...], start: int) -> Tensor:
        batch = Batch.of([_read(ids), row], str(model.device))
        positions = batch.positions.clone()
        positions[:, : len(ids)] += start
        return segments_forward(model, replace(batch, positions=positions), 1.0)[1]

    return _equal(losses(before, 0), losses(before[::-1], len(longest) - len(before)))


@torch.no_grad()
def _long_rows_agree(model: PreTrainedModel, row: Lesson, before: list[Lesson]) -> bool:
    """Whether a row's losses are the model's own, alone and at the end of a micro-batch."""
    device = str(model.device)
    alone = Batch.of([row], device)
    hidden = model.get_decoder()(input_ids=alone.ids, use_cache=False).last_hidden_state
    _, own = _labelled(model, hidden, alone, 1.0)
    if not _equal(segments_forward(model, alone, 1.0)[1], own):
        return False
    if not before:
        return True
    packed = segments_forward(model, Batch.of([*before, row], device), 1.0)[1]
    if model.dtype == torch.float32:
        return torch.allclose(packed, own, rtol=1e-4, atol=1e-4)
    return bool((packed - own).mean().abs() <= _ROUNDING / math.sqrt(len(own)))


_ROUNDING = 0.1
"""How far off a loss may be in a short number format where the same is summed up otherwise."""


def _equal(found: Tensor, expected: Tensor) -> bool:
    """Of losses in which the same numbers were rounded in the same way."""
    return torch.allclose(found, expected, rtol=2e-5, atol=2e-5)


def mean_loss(model: PreTrainedModel, batches: list[Batch], forward: Forward) -> float:
    """Loss over all labelled positions of ``batches``, in nats a position."""
    labels = sum(len(batch.targets) for batch in batches)
    with torch.no_grad():
        sums = [float(forward(model, batch, 1.0)[1].sum(dtype=torch.float64)) for batch in batches]
    return sum(sums) / labels
