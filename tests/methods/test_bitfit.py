"""BitFit: which biases there are, which are new, and what is said of it."""

import pytest

from studio.engine.sheet_reader import sheet_of
from studio.methods import method_of
from studio.methods.sites import AddedBias, Changed
from tests.engine import tiny_models
from tests.methods.sheets import sheet

METHOD = method_of("bitfit")


def test_a_layer_without_a_bias_gets_one_but_not_the_head() -> None:
    assert METHOD.sites(sheet(hidden=64), {}) == (
        AddedBias("model.layers.0.self_attn.q_proj", 64),
        AddedBias("model.layers.0.self_attn.k_proj", 32),
        AddedBias("model.layers.0.mlp.up_proj", 64),
    )


@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_every_bias_that_a_model_has_is_trained_those_of_norms_and_heads_too(name: str) -> None:
    model = tiny_models.build(name)
    own = {n for n, _ in model.named_parameters() if n.endswith(".bias")}
    sites = METHOD.sites(sheet_of(model), {})
    assert {site.tensor for site in sites if isinstance(site, Changed)} == own
    assert bool(own) == (name in ("gpt2", "phi"))


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("llama", "bitfit_all_added"),
        ("mixtral", "bitfit_all_added"),
        ("gpt2", "bitfit_none_added"),
        ("phi", "bitfit_none_added"),
        ("qwen2", "bitfit_some_added"),
    ],
)
def test_how_many_of_the_biases_are_new_is_told(name: str, note: str) -> None:
    assert METHOD.notes(sheet_of(tiny_models.build(name)), {}) == (note,)
