"""Answers as text: lanes of ids turned into words while they come, with counts and the proof."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from studio.core.rows import Message
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED, OneBatch, Sampling, Swapped, Voices, answer
from studio.engine.sites import Installed
from studio.methods.sites import LowRank

PROOF_TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2}


@dataclass(slots=True)
class _Text:
    """One lane's answer as it grows."""

    stream: DecodeStream = field(default_factory=lambda: DecodeStream(skip_special_tokens=True))
    text: str = ""
    tokens: int = 0
    seconds: float = 0.0


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
        if all(isinstance(site, LowRank) for site in self.installed.sites):
            return OneBatch(self.installed, list(lanes))
        return Swapped(self.installed, self.changed)

    def stream(
        self, messages: Sequence[Message], sampling: Sampling, lanes: Sequence[str] = (BASE, TUNED)
    ) -> Iterator[dict[str, Any]]:
        """``{"lane", "text"}`` for each new piece of text; then one ``{"answers": …}``."""
        prompt = self.encoder.prompt(messages)
        texts = {lane: _Text() for lane in lanes}
        start = perf_counter()
        backend = self.tokenizer.backend_tokenizer
        pieces = answer(
            self.voices(lanes), prompt, lanes, sampling=sampling, stop_ids=self.encoder.stop_ids
        )
        for lane, id_ in pieces:
            told = texts[lane]
            told.tokens += 1
            told.seconds = perf_counter() - start
            piece = told.stream.step(backend, id_)
            if piece:
                told.text += piece
                yield {"lane": lane, "text": piece}
        answers = {
            lane: {"text": t.text.strip(), "tokens": t.tokens, "seconds": round(t.seconds, 4)}
            for lane, t in texts.items()
        }
        yield {"answers": answers | {"wall_seconds": round(perf_counter() - start, 4)}}

    @torch.no_grad()
    def base_proved(self, messages: Sequence[Message]) -> bool:
        """Whether the base lane's first logits are those of the model with its sites taken out."""
        prompt = self.encoder.prompt(messages)
        both = self.voices((BASE, TUNED)).advance({BASE: prompt, TUNED: prompt})
        model = self.installed.model
        ids = torch.tensor([prompt], device=model.device)
        with self.installed.out(self.changed.get(BASE, {})):
            alone = model(input_ids=ids, use_cache=False).logits[0, -1].float()
        close = PROOF_TOLERANCE[str(model.dtype).removeprefix("torch.")]
        return torch.allclose(both[BASE], alone, rtol=close, atol=close)
