"""Last layers: which tensors they are, and what is refused."""

import pytest

from studio.core.errors import UserMistake
from studio.core.sheets import Sheet
from studio.engine.sheet_reader import sheet_of
from studio.methods import method_of, read_values
from studio.methods.sites import Changed
from tests.engine import tiny_models
from tests.methods.sheets import sheet

METHOD = method_of("last_layers")
FOUR = sheet(blocks=4)


def tensors(model: Sheet, **given: object) -> set[str]:
    sites = METHOD.sites(model, read_values(METHOD, given))
    assert all(isinstance(site, Changed) for site in sites)
    return {site.tensor for site in sites if isinstance(site, Changed)}


def notes(model: Sheet, **given: object) -> tuple[str, ...]:
    return METHOD.notes(model, read_values(METHOD, given))


def test_the_last_blocks_are_counted_from_the_end() -> None:
    names = ("self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj")
    expected = {f"model.layers.{block}.{name}.weight" for block in (2, 3) for name in names}
    assert tensors(FOUR) == tensors(FOUR, layers=2) == expected


def test_the_head_that_is_tied_is_trained_as_the_embedding_and_counted_once() -> None:
    assert tensors(FOUR, head=True) - tensors(FOUR) == {"model.embed.weight"}


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("llama", {"model.norm.weight", "lm_head.weight"}),
        ("qwen3", {"model.norm.weight", "model.embed_tokens.weight"}),
        ("gpt2", {"transformer.ln_f.weight", "transformer.ln_f.bias", "transformer.wte.weight"}),
        (
            "phi",
            {"lm_head.weight", "lm_head.bias"}
            | {f"model.final_layernorm.{p}" for p in ("weight", "bias")},
        ),
    ],
)
def test_with_the_head_goes_the_norm_behind_all_blocks(name: str, end: set[str]) -> None:
    model = sheet_of(tiny_models.build(name))
    assert tensors(model, layers=1, head=True) - tensors(model, layers=1) == end


def test_more_layers_than_the_model_has_are_refused() -> None:
    assert tensors(FOUR, layers=4)
    with pytest.raises(UserMistake) as refused:
        tensors(FOUR, layers=5)
    assert refused.value.key == "methods.too_many_layers"
    assert refused.value.facts == {"knob": "layers", "layers": 5, "blocks": 4}


def test_a_tied_head_and_the_whole_model_are_told() -> None:
    assert notes(FOUR) == ()
    assert notes(FOUR, head=True) == ("last_layers_tied_head",)
    assert notes(FOUR, layers=4) == ("last_layers_every_layer",)
    untied = sheet_of(tiny_models.build("llama"))
    assert notes(untied, layers=1, head=True) == ()
