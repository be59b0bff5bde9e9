"""Attention over rows laid end to end: every row attends to itself alone, nothing is padded.

Registered with transformers under :data:`SEGMENTS`; a model that runs with it is given
``segments``, the lengths of its rows, as a keyword of its forward. Knows no objective.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel

SEGMENTS = "studio_segments"


def segment_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    segments: tuple[int, ...] = (),
    scaling: float | None = None,
    sliding_window: int | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Causal attention within each segment of one long row.

    ``query`` is (1, heads, tokens, width), ``key`` and ``value`` (1, key heads, tokens, width);
    the answer is (1, tokens, heads, width). Raises ValueError for what it does not do, so that
    the engine's agreement check turns such a model to the row-by-row path.
    """
    if sum(segments) != query.shape[2] or not _plain(module, options):
        raise ValueError("not a plain causal attention over segments")
    shared = query.shape[1] != key.shape[1]
    parts = []
    for q, k, v in zip(
        query.split(segments, 2), key.split(segments, 2), value.split(segments, 2), strict=True
    ):
        window = _window(q.shape[2], sliding_window, q.device)
        parts.append(
            scaled_dot_product_attention(
                q, k, v, window, is_causal=window is None, scale=scaling, enable_gqa=shared
            )
        )
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def _plain(module: torch.nn.Module, options: dict[str, Any]) -> bool:
    """Whether nothing is asked for that the segments would silently leave out."""
    asked = (options.get(name) is not None for name in ("softcap", "s_aux", "position_bias"))
    return not any(asked) and getattr(module, "is_causal", True)


def _window(length: int, width: int | None, device: torch.device) -> Tensor | None:
    """The mask of a sliding window (True = may look), None where the window covers all."""
    if width is None or length <= width:
        return None
    places = torch.arange(length, device=device)
    distance = places[:, None] - places[None, :]
    return (distance >= 0) & (distance < width)


AttentionInterface.register(SEGMENTS, segment_attention)


@contextmanager
def attending(model: PreTrainedModel, name: str) -> Iterator[None]:
    """``model`` with attention ``name`` inside the block, its own again after it."""
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
