"""Deltas beside layers: where they start, what they add, whom they reach, and how they come out."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PromptTuningConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from studio.engine.encoding import Encoder
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.engine.sites.added_bias import BiasedLinear
from studio.engine.sites.beside import Lanes
from studio.engine.sites.low_rank import LowRankLinear
from studio.engine.streams import stream_seed
from studio.methods import METHODS, read_values
from studio.methods.sites import AddedBias, Changed, LowRank, Site
from tests.engine import tiny_models

IDS = torch.tensor([[5, 17, 130, 44], [61, 7, 9, 200]])


def sites_of(model: PreTrainedModel, method: str, **knobs: Any) -> tuple[Site, ...]:
    chosen = METHODS[method]
    return chosen.sites(sheet_of(model), read_values(chosen, knobs))


def with_deltas(name: str, seed: int = 0, **knobs: Any) -> Installed:
    model = tiny_models.build(name)
    return install(model, sites_of(model, "lora", r=4, **knobs), seed)


def shake(made: Installed) -> None:
    """Move B away from zero."""
    torch.manual_seed(1)
    for name, parameter in made.parameters.items():
        if name.endswith("lora_B.weight"):
            parameter.data.normal_()


@pytest.mark.parametrize("name", [*tiny_models.NAMES, "opt"])
def test_training_starts_from_the_untouched_model(name: str) -> None:
    expected = tiny_models.build(name)(IDS).logits
    assert torch.equal(with_deltas(name).model(IDS).logits, expected)


def test_only_what_the_sites_name_is_trained() -> None:
    made = with_deltas("llama", targets="q_proj,down_proj")
    asking = {name for name, p in made.model.named_parameters() if p.requires_grad}
    assert len(asking) == len(made.parameters) == 2 * 2 * 2
    assert all("lora_" in name for name in asking)
    assert sum(p.numel() for p in made.parameters.values()) == sum(s.trainable for s in made.sites)


def test_everything_is_trained_once_where_all_tensors_are_changed() -> None:
    model = tiny_models.build("qwen3")
    made = install(model, sites_of(model, "full"), 0)
    assert [id(p) for p in made.parameters.values()] == [id(p) for p in model.parameters()]
    assert all(p.requires_grad for p in model.parameters())


def test_a_is_as_wide_as_pefts_and_every_site_has_its_own() -> None:
    """Kaiming uniform with a = √5 lies within ± 1/√inputs."""
    made = with_deltas("llama")
    drawn = [p.data for name, p in made.parameters.items() if name.endswith("lora_A.weight")]
    for values in drawn:
        bound = 1 / math.sqrt(values.shape[1])
        reference = nn.init.kaiming_uniform_(torch.empty(1000, values.shape[1]), a=math.sqrt(5))
        assert values.abs().max() <= bound
        assert float(values.std()) == pytest.approx(float(reference.std()), rel=0.2)
    assert len({float(values[0, 0]) for values in drawn}) == len(drawn)


def test_a_follows_from_seed_and_site_alone() -> None:
    some, all_ = with_deltas("llama", targets="q_proj"), with_deltas("llama")
    torch.manual_seed(99)
    for name, parameter in some.parameters.items():
        assert torch.equal(parameter, all_.parameters[name])
    other = with_deltas("llama", seed=1)
    name = "model.layers.0.self_attn.q_proj.lora_A.weight"
    assert not torch.equal(other.parameters[name], all_.parameters[name])


def test_seeds_of_different_purposes_are_far_apart() -> None:
    seeds = {stream_seed(0, "dropout", step, part) for step in range(100) for part in range(10)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert stream_seed(1, "a", 2) != stream_seed(12, "a") != stream_seed(1, "a2")


def layer(dropout: float = 0.0) -> LowRankLinear:
    torch.manual_seed(0)
    made = LowRankLinear(nn.Linear(6, 10), LowRank("x", 6, 10, 3, 0.5, dropout), Lanes())
    made.lora_a.data.normal_()
    made.lora_b.data.normal_()
    return made.eval()


def delta(made: LowRankLinear, x: Tensor) -> Tensor:
    return x @ (0.5 * made.lora_b @ made.lora_a).T


def test_the_delta_is_the_scaled_product() -> None:
    made, x = layer(), torch.randn(2, 5, 6)
    torch.testing.assert_close(made(x), made.base(x) + delta(made, x))


@pytest.mark.parametrize("flat", [False, True])
def test_it_reaches_the_tuned_lanes_only(flat: bool) -> None:
    """Also in a block that lays its rows end to end before its layers."""
    made, x = layer(), torch.randn(3, 5, 6)
    made.lanes.rows, made.lanes.base = 3, 1
    found = (made(x.flatten(0, 1)) if flat else made(x)).view(3, 5, 10)
    assert torch.equal(found[0], made.base(x)[0])
    torch.testing.assert_close(found[1:], (made.base(x) + delta(made, x))[1:])
    made.lanes.base = 3
    assert torch.equal(made(x), made.base(x))


def test_a_layer_that_sees_some_of_the_tokens_only_cannot_have_lanes() -> None:
    made = layer()
    made.lanes.rows, made.lanes.base = 2, 1
    with pytest.raises(AssertionError):
        made(torch.randn(7, 6))


def test_dropout_is_the_deltas_own_and_only_while_training() -> None:
    made = with_deltas("gpt2", dropout=0.5)
    shake(made)
    quiet = made.model(IDS).logits
    assert torch.equal(made.model(IDS).logits, quiet)
    made.train(True)
    inside = [m for m in made.model.modules() if m.training]
    assert {type(m) for m in inside} == {LowRankLinear}
    torch.manual_seed(3)
    first = made.model(IDS).logits
    assert not torch.allclose(first, quiet)
    torch.manual_seed(3)
    assert torch.equal(made.model(IDS).logits, first)
    made.train(False)
    assert torch.equal(made.model(IDS).logits, quiet)


@pytest.mark.parametrize("method", METHODS)
def test_the_model_comes_out_and_goes_back_in(method: str) -> None:
    model = tiny_models.build("qwen3")
    made = install(model, sites_of(model, method), 0)
    base = {
        site.tensor: made.parameters[site.tensor].data
        for site in made.sites
        if isinstance(site, Changed)
    }
    for parameter in made.parameters.values():
        parameter.data = parameter.data + 0.1
    ids = torch.cat((torch.tensor([made.virtual] * 2, dtype=torch.long), IDS), dim=1)
    tuned = made.model(ids).logits[:, -IDS.shape[1] :]
    expected = tiny_models.build("qwen3")(IDS).logits
    assert not torch.allclose(tuned, expected)
    with made.out(base):
        assert torch.equal(made.model(IDS).logits, expected)
    assert torch.equal(made.model(ids).logits[:, -IDS.shape[1] :], tuned)
    with pytest.raises(KeyError), made.out(base):
        raise KeyError
    assert torch.equal(made.model(ids).logits[:, -IDS.shape[1] :], tuned)


def test_a_base_of_some_tensors_only_is_no_base() -> None:
    model = tiny_models.build("llama")
    made = install(model, sites_of(model, "full"), 0)
    with pytest.raises(AssertionError), made.out({}):
        pass


@pytest.mark.parametrize("method", METHODS)
def test_what_is_removed_leaves_the_model_as_it_was(method: str) -> None:
    model = tiny_models.build("qwen3")
    before = dict(model.state_dict())
    made = install(model, sites_of(model, method), 0)
    base = {name: made.parameters[name].data for name in before if name in made.parameters}
    for parameter in made.parameters.values():
        parameter.data = parameter.data + 0.1
    made.remove(base)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(after[name].data_ptr() == value.data_ptr() for name, value in before.items())


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2"])
@pytest.mark.parametrize("tokens", [4, 60])
def test_a_prompt_starts_from_its_text_as_pefts_does(
    name: str, tokens: int, tmp_path: Path
) -> None:
    """Cut or repeated; in Gemma the vectors are those that its embedding has stretched."""
    text = "Answer in a friendly tone."
    model, tokenizer = tiny_models.build(name), tiny_models.tokenizer()
    sites = sites_of(model, "prompt_tuning", tokens=tokens, text=text)
    made = install(model, sites, 0, Encoder(tokenizer).spell)
    tokenizer.save_pretrained(tmp_path)
    config = PromptTuningConfig(
        task_type="CAUSAL_LM",
        num_virtual_tokens=tokens,
        prompt_tuning_init="TEXT",
        prompt_tuning_init_text=text,
        tokenizer_name_or_path=str(tmp_path),
    )
    theirs = get_peft_model(tiny_models.build(name), config).prompt_encoder.default.embedding.weight
    assert torch.equal(made.parameters["prompt_embeddings"], theirs)


def test_a_virtual_word_piece_has_its_own_vector_and_the_others_theirs() -> None:
    model = tiny_models.build("gemma3")
    expected = model.get_input_embeddings()(IDS)
    made = install(model, sites_of(model, "prompt_tuning", tokens=3), 0)
    made.parameters["prompt_embeddings"].data.normal_()
    ids = IDS.clone()
    ids[0, 1], ids[1, 3] = made.virtual[2], made.virtual[0]
    found = model.get_input_embeddings()(ids)
    vectors = made.parameters["prompt_embeddings"]
    assert torch.equal(found[0, 1], vectors[2])
    assert torch.equal(found[1, 3], vectors[0])
    known = ids == IDS
    assert torch.equal(found[known], expected[known])


@pytest.mark.parametrize("flat", [False, True])
def test_an_added_bias_reaches_the_tuned_lanes_only(flat: bool) -> None:
    made = BiasedLinear(nn.Linear(6, 10, bias=False), AddedBias("x", 10), Lanes(3, 1))
    made.bias.data.normal_()
    x = torch.randn(3, 5, 6)
    found = (made(x.flatten(0, 1)) if flat else made(x)).view(3, 5, 10)
    assert torch.equal(found[0], made.base(x)[0])
    torch.testing.assert_close(found[1:], linear(x, made.base.weight, made.bias)[1:])
