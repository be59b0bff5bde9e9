"""Base and tuned lanes against each model alone, as transformers generates."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import PreTrainedModel

from studio.core.recipe import Base, Lessons, Recipe
from studio.core.rows import Message
from studio.engine.answering import Pair
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED, OneBatch, Sampling, Swapped, Voices, answer
from studio.engine.loading import load_model
from studio.engine.results import read_result, write_result
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import Installed, install
from studio.methods import METHODS, read_values
from studio.methods.sites import LowRank
from tests.engine import tiny_models

KNOBS: dict[str, dict[str, Any]] = {"lora": {"r": 4, "alpha": 8}, "full": {}}
PROMPT = (5, 17, 130, 44, 61, 7)
LANES = (BASE, TUNED)


def tuned(model: PreTrainedModel, method: str, strength: float = 0.3) -> tuple[Installed, Voices]:
    """``model`` with sites that clearly change its answers, and its two lanes."""
    chosen = METHODS[method]
    sites = chosen.sites(sheet_of(model), read_values(chosen, KNOBS[method]))
    made = install(model, sites, 0)
    stream = torch.Generator().manual_seed(4)
    lanes: dict[str, dict[str, torch.Tensor]] = {BASE: {}, TUNED: {}}
    for name, parameter in made.parameters.items():
        parameter.requires_grad_(False)
        noise = strength * torch.randn(parameter.shape, generator=stream)
        if method == "lora":
            parameter.data.copy_(noise)
        else:
            lanes[BASE][name] = parameter.data
            lanes[TUNED][name] = parameter.data + 3 * noise * parameter.data.abs().mean()
    voices: Voices = OneBatch(made, list(LANES)) if method == "lora" else Swapped(made, lanes)
    return made, voices


def drawn(voices: Voices, sampling: Sampling, stops: frozenset[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {BASE: [], TUNED: []}
    for lane, id_ in answer(voices, PROMPT, LANES, sampling=sampling, stop_ids=stops):
        found[lane].append(id_)
    return found


def alone(model: PreTrainedModel, length: int) -> list[int]:
    """The greedy answer of one model by transformers' own generate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ids = model.generate(
            torch.tensor([PROMPT]),
            attention_mask=torch.ones(1, len(PROMPT), dtype=torch.long),
            max_new_tokens=length,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
    return [int(id_) for id_ in ids[0, len(PROMPT) :]]


def recipe(method: str) -> Recipe:
    return Recipe("r", Base("tiny", "x", "h"), Lessons("d", "d", "v"), method, KNOBS[method])


def tuned_alone(name: str, made: Installed, voices: Voices, folder: Path) -> PreTrainedModel:
    """The tuned model as others would load it: by PEFT, or with its tensors replaced."""
    model = tiny_models.build(name)
    if isinstance(voices, Swapped):
        for tensor, value in voices.changed[TUNED].items():
            model.get_parameter(tensor).data.copy_(value)
        return model
    values = {key: parameter.data for key, parameter in made.parameters.items()}
    write_result(folder / "tuned", recipe("lora"), made, values=values, step=1)
    loaded: PreTrainedModel = PeftModel.from_pretrained(model, folder / "tuned").merge_and_unload()
    return loaded


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("name", tiny_models.NAMES)
def test_greedy_answers_are_those_of_each_model_alone(
    name: str, method: str, tmp_path: Path
) -> None:
    made, voices = tuned(tiny_models.build(name), method)
    found = drawn(voices, Sampling(max_new_tokens=24), frozenset())
    assert found[BASE] == alone(tiny_models.build(name), 24)
    assert found[TUNED] == alone(tuned_alone(name, made, voices, tmp_path), 24)
    assert found[BASE] != found[TUNED]


@pytest.mark.parametrize("method", KNOBS)
def test_a_lane_that_ends_earlier_leaves_the_other_as_it_was(method: str) -> None:
    _, voices = tuned(tiny_models.build("llama"), method)
    whole = drawn(voices, Sampling(max_new_tokens=20), frozenset())
    for lane, other in (LANES, LANES[::-1]):
        stop = next(id_ for id_ in whole[lane] if id_ not in whole[other])
        _, voices = tuned(tiny_models.build("llama"), method)
        found = drawn(voices, Sampling(max_new_tokens=20), frozenset({stop}))
        assert found[other] == whole[other]
        assert found[lane] == whole[lane][: whole[lane].index(stop)]


@pytest.mark.parametrize("method", KNOBS)
def test_lanes_of_equal_weights_draw_alike_and_a_seed_repeats(method: str) -> None:
    sampling = Sampling(max_new_tokens=20, temperature=1.5, seed=7)
    _, voices = tuned(tiny_models.build("llama"), method, strength=0.0)
    first = drawn(voices, sampling, frozenset())
    assert first[BASE] == first[TUNED]
    _, voices = tuned(tiny_models.build("llama"), method, strength=0.0)
    assert drawn(voices, sampling, frozenset()) == first
    _, voices = tuned(tiny_models.build("llama"), method, strength=0.0)
    other = Sampling(max_new_tokens=20, temperature=1.5, seed=8)
    assert drawn(voices, other, frozenset()) != first


def pair(method: str) -> Pair:
    made, voices = tuned(tiny_models.build("llama"), method)
    changed = voices.changed if isinstance(voices, Swapped) else {}
    tokenizer = tiny_models.tokenizer()
    return Pair(made, Encoder(tokenizer), tokenizer, changed)


@pytest.mark.parametrize("method", KNOBS)
def test_the_base_lane_is_proved(method: str) -> None:
    asked = [Message("user", "What is the usual dose?")]
    assert pair(method).base_proved(asked)


def test_a_base_lane_that_a_delta_reaches_is_not_proved() -> None:
    both = pair("lora")
    site = both.installed.sites[0]
    assert isinstance(site, LowRank)
    layer: Any = both.installed.model.get_submodule(site.module)
    layer.forward = lambda x: layer.base(x) + 0.5
    assert not both.base_proved([Message("user", "What is the usual dose?")])


@pytest.mark.parametrize("method", KNOBS)
def test_text_counts_and_time_come_with_the_answers(method: str) -> None:
    both = pair(method)
    events = list(both.stream([Message("user", "Hello?")], Sampling(max_new_tokens=12)))
    answers = events[-1]["answers"]
    for lane in LANES:
        told = "".join(event["text"] for event in events[:-1] if event["lane"] == lane)
        assert answers[lane]["text"] == told.strip()
        assert 0 < answers[lane]["tokens"] <= 12
        assert 0 < answers[lane]["seconds"] <= answers["wall_seconds"]


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "gemma3"])
def test_a_written_adapter_gives_peft_the_same_logits(name: str, tmp_path: Path) -> None:
    made, voices = tuned(tiny_models.build(name), "lora")
    with torch.no_grad():
        ours = made.model(input_ids=torch.tensor([PROMPT])).logits
        theirs = tuned_alone(name, made, voices, tmp_path)(input_ids=torch.tensor([PROMPT])).logits
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-4)
    config = (tmp_path / "tuned" / "adapter_config.json").read_text()
    assert str(tmp_path) not in config


def test_changed_tensors_come_back_by_their_names(tmp_path: Path) -> None:
    made, _ = tuned(tiny_models.build("phi"), "full")
    values = {name: parameter.data for name, parameter in made.parameters.items()}
    write_result(tmp_path / "tuned", recipe("full"), made, values=values, step=3)
    read = read_result(tmp_path / "tuned")
    assert read.keys() == values.keys()
    assert all(torch.equal(read[name], values[name]) for name in values)


@pytest.mark.slow
def test_greedy_answers_on_the_starter_are_those_of_each_model_alone(
    starter: Path, tmp_path: Path
) -> None:
    made, voices = tuned(load_model(starter, dtype="float32"), "lora", strength=0.02)
    found = drawn(voices, Sampling(max_new_tokens=48), frozenset())
    assert found[BASE] == alone(load_model(starter, dtype="float32"), 48)
    values = {key: parameter.data for key, parameter in made.parameters.items()}
    write_result(tmp_path / "tuned", recipe("lora"), made, values=values, step=1)
    model = PeftModel.from_pretrained(load_model(starter, dtype="float32"), tmp_path / "tuned")
    assert found[TUNED] == alone(model, 48)
    assert found[BASE] != found[TUNED]
