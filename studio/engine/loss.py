"""Cross-entropy at labelled positions only, with its gradient in the same pass.

The head is by far the widest layer; its logits are made chunk by chunk, turned into their own
gradient in place, and never kept. Exact: the same sums as the plain loss, in another order.
The head is called as a module, so that whoever listens to the model's layers hears each chunk.
Technique of Hsu et al., "Liger Kernel", 2024 (fused linear cross-entropy), without its padding.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

CHUNK = 256
"""Labelled positions whose logits are alive at once."""


class _LabelledLoss(torch.autograd.Function):
    """Sum of negative log-likelihoods times ``scale``; see :func:`labelled_loss`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        goal: tuple[nn.Module, Tensor, float],
    ) -> tuple[Tensor, Tensor]:
        head, targets, scale = goal
        losses = torch.empty(len(targets), dtype=torch.float32, device=hidden.device)
        wanted = ctx.needs_input_grad
        d_hidden = torch.empty_like(hidden) if wanted[0] else None
        d_weight = torch.zeros_like(weight, dtype=torch.float32) if wanted[1] else None
        d_bias = None
        if bias is not None and wanted[2]:
            d_bias = torch.zeros_like(bias, dtype=torch.float32)
        for start in range(0, len(targets), CHUNK):
            part = slice(start, start + CHUNK)
            slope = _losses_and_slope(head(hidden[part]), targets[part], losses[part])
            if not any(wanted):
                continue
            slope = slope.mul_(scale).to(hidden.dtype)
            if d_hidden is not None:
                torch.mm(slope, weight, out=d_hidden[part])
            if d_weight is not None:
                d_weight += slope.T @ hidden[part]
            if d_bias is not None:
                d_bias += slope.sum(0)
        ctx.gradients = (d_hidden, d_weight, d_bias)
        ctx.mark_non_differentiable(losses)
        return losses.sum() * scale, losses

    @staticmethod
    def backward(ctx: Any, *outer: Any) -> tuple[Tensor | None, ...]:
        gradients = (None if g is None else g.mul_(outer[0]) for g in ctx.gradients)
        return (*gradients, None)


def _losses_and_slope(logits: Tensor, targets: Tensor, losses: Tensor) -> Tensor:
    """Fill ``losses``; return softmax minus one-hot (positions, vocabulary) in fp32."""
    logits = logits.float()
    norm = logits.logsumexp(1)
    places = targets[:, None]
    torch.sub(norm, logits.gather(1, places)[:, 0], out=losses)
    slope = logits.sub_(norm[:, None]).exp_()
    return slope.scatter_add_(1, places, torch.full_like(places, -1, dtype=slope.dtype))


def labelled_loss(
    hidden: Tensor, head: nn.Module, targets: Tensor, scale: float
) -> tuple[Tensor, Tensor]:
    """Loss of ``hidden`` (labelled positions, width) against ``targets`` (positions).

    Returns the sum of losses in nats times ``scale``, which carries the gradient, and every
    position's own loss in fp32, which does not. ``head`` is the output layer.
    """
    weight, bias = cast(Tensor, head.weight), cast("Tensor | None", head.bias)
    loss, losses = _LabelledLoss.apply(  # type: ignore[no-untyped-call]
        hidden, weight, bias, (head, targets, scale)
    )
    return loss, losses
