"""Base and tuned side by side from one copy of the weights, word piece by word piece.

A lane is one answer in the making. Deltas beside layers let all lanes run as rows of one batch;
changed tensors are swapped under the model lane by lane. Owns decoding: greedy answers are those
that each model alone gives. Knows token ids, no text.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from studio.engine.sites import Installed
from studio.engine.sites.beside import Lanes
from studio.engine.streams import stream_seed

BASE, TUNED = "base", "tuned"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn. ``temperature`` 0 takes the likeliest word piece each time."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0


class Voices(Protocol):
    """Lanes that answer together. ``advance`` takes one id a lane (all ids of the prompt at
    first) and gives each lane's next logits, (vocabulary) in fp32."""

    def advance(self, ids: Mapping[str, Sequence[int]]) -> dict[str, Tensor]: ...


@dataclass(slots=True)
class OneBatch:
    """All lanes as rows of one batch; a lane that has ended leaves the batch."""

    installed: Installed
    rows: list[str]
    cache: DynamicCache = field(init=False)

    def __post_init__(self) -> None:
        self.rows.sort(key=lambda lane: lane != BASE)
        self.cache = DynamicCache(config=self.installed.model.config)

    def advance(self, ids: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
        """One forward for all lanes in ``ids``."""
        self._keep([row for row in self.rows if row in ids])
        with _base_untouched(self.installed.lanes, self.rows):
            logits = next_logits(self.installed.model, [ids[row] for row in self.rows], self.cache)
        return dict(zip(self.rows, logits, strict=True))

    def _keep(self, rows: list[str]) -> None:
        if rows != self.rows:
            places = [self.rows.index(row) for row in rows]
            self.cache.batch_select_indices(
                torch.tensor(places, device=self.installed.model.device)
            )
            self.rows = rows


@contextmanager
def _base_untouched(lanes: Lanes, rows: Sequence[str]) -> Iterator[None]:
    """No delta reaches those of ``rows`` that are the base lane's; they come first."""
    lanes.rows, lanes.base = len(rows), rows.count(BASE)
    try:
        yield
    finally:
        lanes.base = 0


@dataclass(slots=True)
class Swapped:
    """Lane by lane: what differs is exchanged under the model, the rest is shared.

    ``changed`` holds each lane's own values of the changed tensors, by lane and name. The tuned
    lane's prompt stands behind the virtual word pieces, if there are any.
    """

    installed: Installed
    changed: Mapping[str, Mapping[str, Tensor]]
    caches: dict[str, DynamicCache] = field(default_factory=dict)

    def advance(self, ids: Mapping[str, Sequence[int]]) -> dict[str, Tensor]:
        """One forward a lane."""
        logits = {}
        for lane, new in ids.items():
            model = self.installed.model
            if lane not in self.caches:
                self.caches[lane] = DynamicCache(config=model.config)
                new = new if lane == BASE else [*self.installed.virtual, *new]
            for name, value in self.changed[lane].items():
                self.installed.parameters[name].data = value
            with _base_untouched(self.installed.lanes, [lane]):
                logits[lane] = next_logits(model, [new], self.caches[lane])[0]
        return logits


def next_logits(
    model: PreTrainedModel, ids: Sequence[Sequence[int]], cache: DynamicCache
) -> Tensor:
    """What comes after ``ids``, equally many a row: logits (rows, vocabulary) in fp32."""
    tokens = torch.tensor([list(row) for row in ids], device=model.device)
    output = model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
    logits: Tensor = output.logits[:, -1].float()
    return logits


@torch.no_grad()
def answer(
    voices: Voices,
    prompt: Sequence[int],
    lanes: Sequence[str],
    *,
    sampling: Sampling,
    stop_ids: frozenset[int],
) -> Iterator[tuple[str, int]]:
    """Every lane's answer to ``prompt``, as (lane, id) in the order in which they come.

    Lanes draw from random streams that start alike, so that only the weights make a difference.
    The id that ends an answer is not given.
    """
    streams = {lane: _stream(sampling.seed) for lane in lanes}
    waiting: dict[str, Sequence[int]] = dict.fromkeys(lanes, prompt)
    for _ in range(sampling.max_new_tokens):
        chosen = {
            lane: _choose(logits, sampling, streams[lane])
            for lane, logits in voices.advance(waiting).items()
        }
        waiting = {lane: [id_] for lane, id_ in chosen.items() if id_ not in stop_ids}
        for lane, (id_,) in waiting.items():
            yield lane, id_
        if not waiting:
            return


def _stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, "answer"))


def _choose(logits: Tensor, sampling: Sampling, stream: torch.Generator) -> int:
    if sampling.temperature == 0:
        return int(logits.argmax())
    chances = torch.softmax(logits.cpu() / sampling.temperature, 0)
    return int(torch.multinomial(chances, 1, generator=stream))
