"""Real rows on the starter: every id is the library's, every answer is learned whole."""

from itertools import compress
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from studio.engine.encoding import Encoded, Encoder
from tests.engine.families import ids_of
from tests.engine.real_rows import alpaca, medquad, preferences


@pytest.fixture(scope="module")
def tokenizer(starter: Path) -> Any:
    return AutoTokenizer.from_pretrained(starter)


@pytest.fixture(scope="module")
def encoder(tokenizer: Any) -> Encoder:
    return Encoder(tokenizer)


@pytest.mark.parametrize("rows", [medquad, alpaca, preferences])
def test_every_real_row_has_the_librarys_ids(
    shared: Path, tokenizer: Any, encoder: Encoder, rows: Any
) -> None:
    bodies = list(rows(shared / "data"))
    for body, encoded in zip(bodies, encoder.encode_all(bodies), strict=True):
        assert isinstance(encoded, Encoded)
        assert list(encoded.ids) == ids_of(tokenizer, *body.messages)
        assert encoded.stop_trained


@pytest.mark.parametrize("rows", [medquad, alpaca])
def test_every_real_answer_is_learned_letter_by_letter(
    shared: Path, tokenizer: Any, encoder: Encoder, rows: Any
) -> None:
    bodies = list(rows(shared / "data"))[:300]
    for body, encoded in zip(bodies, encoder.encode_all(bodies), strict=True):
        assert isinstance(encoded, Encoded)
        ids = list(compress(encoded.ids, encoded.labelled))
        assert tokenizer.decode(ids) == body.response + "<|im_end|>"
        assert encoder.prompt(body.messages[:-1]) == encoded.ids[: encoded.labelled.index(True)]
