"""LoRA's knobs, and what it refuses."""

import pytest

from studio.core.errors import Mistakes, UserMistake
from studio.methods import method_of, read_values
from studio.methods.lora import Lora
from studio.methods.sites import LowRank, Site
from tests.methods.sheets import sheet

LORA: Lora = Lora()


def sites(**given: object) -> tuple[Site, ...]:
    return LORA.sites(sheet(hidden=64), read_values(LORA, given))


def deltas(**given: object) -> list[LowRank]:
    found = sites(**given)
    return [site for site in found if isinstance(site, LowRank)]


def test_lora_is_registered() -> None:
    assert isinstance(method_of("lora"), Lora)


def test_alpha_that_is_not_set_is_twice_the_rank() -> None:
    assert {site.scale for r in (1, 4, 16) for site in deltas(r=r)} == {2.0}


def test_a_delta_is_scaled_by_alpha_over_rank() -> None:
    # lora_alpha / r, as in the paper and in PEFT without rslora
    assert {site.scale for site in deltas(r=8, alpha=4)} == {0.5}


def test_dropout_is_that_of_every_delta() -> None:
    assert {site.dropout for site in deltas(dropout=0.25)} == {0.25}
    assert {site.dropout for site in deltas()} == {0.0}


def test_the_head_and_embeddings_have_no_delta() -> None:
    assert [site.module for site in deltas()] == [
        "model.layers.0.self_attn.q_proj",
        "model.layers.0.self_attn.k_proj",
        "model.layers.0.mlp.up_proj",
    ]


def test_a_rank_that_just_fits_every_layer_is_taken() -> None:
    assert {site.r for site in deltas(r=32)} == {32}


def test_a_rank_above_a_layer_is_refused_naming_the_layer() -> None:
    with pytest.raises(UserMistake) as refused:
        sites(r=33)
    assert refused.value.key == "methods.rank_above_layer"
    layer = "model.layers.0.self_attn.k_proj"
    assert refused.value.facts == {"knob": "r", "r": 33, "layer": layer, "smallest": 32}


def test_a_rank_above_a_layer_that_is_no_target_is_taken() -> None:
    assert [site.r for site in deltas(r=64, targets="q_proj")] == [64]


@pytest.mark.parametrize("r", [0, -1, 1.5, "eight", True, 65_537])
def test_a_rank_that_is_none_is_refused(r: object) -> None:
    with pytest.raises(UserMistake) as refused:
        read_values(LORA, {"r": r})
    assert refused.value.facts["knob"] == "r"


@pytest.mark.parametrize("knob", [{"alpha": 0}, {"alpha": -1}, {"dropout": 1}, {"dropout": -0.1}])
def test_knobs_outside_of_their_range_are_refused(knob: dict[str, object]) -> None:
    with pytest.raises(UserMistake) as refused:
        read_values(LORA, knob)
    assert refused.value.key == "knobs.out_of_range"


def test_wrong_knobs_are_reported_together() -> None:
    with pytest.raises(Mistakes) as refused:
        read_values(LORA, {"r": 0, "rank": 8, "dropout": 2})
    assert [p.facts["knob"] for p in refused.value.problems] == ["rank", "r", "dropout"]
