"""Attention over segments against softmax(QK^T)V written out, row by row, in fp64."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from studio.engine.attention import SEGMENTS, attending, segment_attention
from tests.engine import tiny_models

LENGTHS = (5, 1, 17, 32)
HEADS, KEY_HEADS, WIDTH = 4, 2, 8
CAUSAL: Any = SimpleNamespace(is_causal=True)


def inputs(*, tokens: int = sum(LENGTHS), key_heads: int = KEY_HEADS) -> list[Tensor]:
    """Query, key and value in fp64, as transformers' layers give them: views of (1, tokens, …)."""
    torch.manual_seed(0)
    return [
        torch.randn(1, tokens, heads, WIDTH, dtype=torch.float64, requires_grad=True)
        for heads in (HEADS, key_heads, key_heads)
    ]


def ours(given: list[Tensor], **options: Any) -> Tensor:
    query, key, value = (tensor.transpose(1, 2) for tensor in given)
    output, weights = segment_attention(CAUSAL, query, key, value, None, **options)
    assert weights is None
    return output


def written_out(given: list[Tensor], lengths: tuple[int, ...], scale: float, window: int) -> Tensor:
    """(1, tokens, heads, width), every place looking at most ``window`` places back in its row."""
    rows = []
    for query, key, value in zip(*(tensor[0].split(lengths) for tensor in given), strict=True):
        repeats = HEADS // key.shape[1]
        key, value = (tensor.repeat_interleave(repeats, 1) for tensor in (key, value))
        places = torch.arange(len(query))
        back = places[:, None] - places[None, :]
        hidden = (back < 0) | (back >= window)
        scores = torch.einsum("qhw,khw->hqk", query, key) * scale
        chances = scores.masked_fill(hidden, -math.inf).softmax(-1)
        rows.append(torch.einsum("hqk,khw->qhw", chances, value))
    return torch.cat(rows)[None]


@pytest.mark.parametrize("key_heads", [1, 2, 4])
@pytest.mark.parametrize("window", [None, 1, 6, 17, 100])
@pytest.mark.parametrize("scale", [None, 0.2])
def test_each_row_attends_to_itself_alone(
    key_heads: int, window: int | None, scale: float | None
) -> None:
    given = inputs(key_heads=key_heads)
    found = ours(given, segments=LENGTHS, scaling=scale, sliding_window=window)
    expected = written_out(given, LENGTHS, scale or WIDTH**-0.5, window or 1000)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(expected)
    slopes = torch.autograd.grad((found * weights).sum(), given)
    right = torch.autograd.grad((expected * weights).sum(), given)
    for slope, true in zip(slopes, right, strict=True):
        torch.testing.assert_close(slope, true, rtol=1e-11, atol=1e-12)


def test_what_comes_out_can_be_viewed_as_hidden_states() -> None:
    """As some architectures do, where others reshape."""
    assert ours(inputs(), segments=LENGTHS).view(1, sum(LENGTHS), -1).shape[-1] == HEADS * WIDTH


@pytest.mark.parametrize(
    "asked",
    [
        {"segments": (5, 1)},
        {},
        {"segments": LENGTHS, "softcap": 30.0},
        {"segments": LENGTHS, "s_aux": torch.zeros(HEADS)},
        {"segments": LENGTHS, "position_bias": torch.zeros(1)},
    ],
)
def test_what_it_cannot_do_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="plain causal"):
        ours(inputs(), **asked)


def test_attention_that_looks_ahead_is_refused() -> None:
    query, key, value = (tensor.transpose(1, 2) for tensor in inputs())
    ahead: Any = SimpleNamespace(is_causal=False)
    with pytest.raises(ValueError, match="plain causal"):
        segment_attention(ahead, query, key, value, None, segments=LENGTHS)


def test_the_model_has_its_own_attention_again_afterwards() -> None:
    model = tiny_models.build("llama")
    with attending(model, SEGMENTS):
        assert model.config._attn_implementation == SEGMENTS
    assert model.config._attn_implementation == "sdpa"
    with pytest.raises(KeyError), attending(model, SEGMENTS):
        raise KeyError
    assert model.config._attn_implementation == "sdpa"
