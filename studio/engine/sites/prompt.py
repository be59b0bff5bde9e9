"""Virtual word pieces in an embedding, in torch.

They are ids like all others, only beyond the vocabulary. So rows, positions, windows and caches
need to know nothing of them, and an input without them is exactly the base's.
"""

from itertools import cycle, islice
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from studio.engine.sites.beside import Beside, Lanes, Spell
from studio.methods.sites import Prompt

PROMPT = "prompt_embeddings"
"""The tensor's name, as in PEFT."""


class PromptedEmbedding(Beside):
    """An embedding that knows virtual ids too: (rows, tokens) → (rows, tokens, width)."""

    def __init__(
        self, base: nn.Module, site: Prompt, lanes: Lanes, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(base, lanes)
        self.site = site
        device = cast(Tensor, base.weight).device
        vectors = torch.zeros(site.tokens, site.width, dtype=dtype, device=device)
        self.vectors = nn.Parameter(vectors)

    def learned(self) -> dict[str, nn.Parameter]:
        """The vectors, (virtual word pieces, width)."""
        return {PROMPT: self.vectors}

    def start(self, seed: int, spell: Spell | None) -> None:
        """Take what the embedding gives for the text, repeated or cut to length (as PEFT does)."""
        if spell is not None:
            ids = list(islice(cycle(spell(self.site.text)), self.site.tokens))
            given = torch.tensor(ids, device=self.vectors.device)
            with torch.no_grad():
                self.vectors.copy_(self.base(given))

    def forward(self, ids: Tensor) -> Tensor:
        """The vectors of ``ids``."""
        places = ids - self.site.vocabulary
        is_virtual = places >= 0
        known = self.base(ids.masked_fill(is_virtual, 0))
        return torch.where(
            is_virtual[..., None], embedding(places.clamp(min=0), self.vectors), known
        )
