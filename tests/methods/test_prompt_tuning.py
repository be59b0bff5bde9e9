"""Prompt tuning's knobs, its site, and what it refuses."""

from dataclasses import replace

import pytest

from studio.core.errors import UserMistake
from studio.methods import method_of, read_values
from studio.methods.sites import Prompt, Site, virtual_ids
from tests.methods.sheets import sheet

METHOD = method_of("prompt_tuning")


def sites(**given: object) -> tuple[Site, ...]:
    return METHOD.sites(sheet(hidden=64, context=32), read_values(METHOD, given))


def test_the_prompt_stands_in_the_embedding_behind_its_vocabulary() -> None:
    made = sites(tokens=3, text=" Be brief. ")
    assert made == (Prompt("model.embed", 3, 64, vocabulary=10, text="Be brief."),)
    assert virtual_ids(made) == (10, 11, 12)


def test_there_are_twenty_virtual_word_pieces_unless_said_otherwise() -> None:
    assert len(virtual_ids(sites())) == 20


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_prompt_that_starts_from_no_text_is_refused(text: str) -> None:
    with pytest.raises(UserMistake) as refused:
        sites(text=text)
    assert refused.value.key == "methods.no_prompt_text"
    assert refused.value.facts == {"knob": "text"}


def test_a_prompt_that_fills_the_context_is_refused() -> None:
    assert sites(tokens=31)
    with pytest.raises(UserMistake) as refused:
        sites(tokens=32)
    assert refused.value.key == "methods.prompt_fills_context"
    assert refused.value.facts == {"knob": "tokens", "tokens": 32, "limit": 32}


def test_a_model_that_looks_up_word_pieces_in_every_layer_too_is_refused() -> None:
    known = sheet()
    table = replace(known.layers[0], name="model.embed_tokens_per_layer")
    with pytest.raises(UserMistake) as refused:
        METHOD.sites(
            replace(known, layers=(*known.layers, table)), read_values(METHOD, {"tokens": 3})
        )
    assert refused.value.key == "methods.prompt_per_layer"
