"""Answers as text: lanes of ids turned into words while they come, with counts and the proof."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerBase

from studio.core.rows import Message
from studio.engine.encoding import Encoder
from studio.engine.lanes import (
    BASE,
    TUNED,
    OneBatch,
    Sampling,
    Swapped,
    Voices,
    answer,
    next_logits,
)
from studio.engine.sites import Installed

PROOF_TOLERANCE = {"float32": 1e-5, "bfloat16": 1e-2}
"""Only experts, whose rows are grouped by what the other lane asks for, come near it."""


@dataclass(slots=True)
class _Text:
    """One lane's answer as it grows."""

    stream: DecodeStream = field(default_factory=lambda: DecodeStream(skip_special_tokens=True))
    text: str = ""
    ids: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def counts(self) -> dict[str, Any]:
        """Word pieces and seconds so far."""
        return {"tokens": len(self.ids), "seconds": round(self.seconds, 4)}


@dataclass(frozen=True, slots=True)
class Pair:
    """A model with its tuned sites, ready to answer in both lanes.

    ``changed`` holds base and tuned values where the sites are changed tensors, else nothing.
    """

    installed: Installed
    encoder: Encoder
    tokenizer: PreTrainedTokenizerBase
    changed: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)

    def voices(self, lanes: Sequence[str]) -> Voices:
        """Fresh lanes: in one batch where the sites allow it, swapped elsewhere."""
        if self.installed.shares_batches:
            return OneBatch(self.installed, list(lanes))
        return Swapped(self.installed, self.changed)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, lanes: Sequence[str] = (BASE, TUNED)
    ) -> Iterator[dict[str, Any]]:
        """``{"lane", "text", "tokens", "seconds"}`` for each word piece, with what it adds to the
        text and both counts so far; then one ``{"answers": …}``, in which ``cut`` says that only
        the limit has ended it."""
        prompt = self.encoder.prompt(messages)
        texts = {lane: _Text() for lane in lanes}
        start = perf_counter()
        backend = self.tokenizer.backend_tokenizer
        pieces = answer(
            self.voices(lanes), prompt, lanes, sampling=sampling, stop_ids=self.encoder.stop_ids
        )
        for lane, id_ in pieces:
            told = texts[lane]
            told.ids.append(id_)
            told.seconds = perf_counter() - start
            piece = told.stream.step(backend, id_) or ""
            told.text += piece
            yield {"lane": lane, "text": piece} | told.counts()
        for lane, told in texts.items():
            whole = backend.decode(told.ids, skip_special_tokens=True)
            if whole != told.text:  # ends within a character
                yield {"lane": lane, "text": whole[len(told.text) :]} | told.counts()
                told.text = whole
        answers = {
            lane: {"text": told.text.strip()}
            | told.counts()
            | {"cut": len(told.ids) == sampling.max_new_tokens}
            for lane, told in texts.items()
        }
        yield {"answers": answers | {"wall_seconds": round(perf_counter() - start, 4)}}

    @torch.no_grad()
    def base_proved(self, messages: Sequence[Message]) -> bool:
        """Whether the base lane's first logits are those of the model with its sites taken out.

        Both are computed in batches of one shape, so that no other kernel is a reason to differ.
        """
        prompt = self.encoder.prompt(messages)
        voices = self.voices((BASE, TUNED))
        both = voices.advance({BASE: prompt, TUNED: prompt})
        model = self.installed.model
        alike = 2 if isinstance(voices, OneBatch) else 1
        with self.installed.out(self.changed.get(BASE, {})):
            alone, *_ = next_logits(model, [prompt] * alike, DynamicCache(config=model.config))
        close = PROOF_TOLERANCE[str(model.dtype).removeprefix("torch.")]
        return torch.allclose(both[BASE], alone, rtol=close, atol=close)
