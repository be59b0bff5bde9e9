"""Answers as text, with their counts and the proof that the base lane is the base."""

import copy
from typing import Any

import pytest
import torch

from studio.core.rows import Message
from studio.engine.answering import Pair
from studio.engine.lanes import BASE, TUNED, Sampling, answer
from studio.engine.sites.low_rank import LowRankLinear
from tests.engine import tiny_models
from tests.engine.tuned_models import KNOBS, tune

ASKED = [Message("user", "What is the usual dose?")]


def pair(method: str = "lora", name: str = "llama") -> Pair:
    return tune(tiny_models.build(name), method).pair()


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("length", [1, 2, 7, 40])
def test_the_text_is_what_the_tokenizer_decodes(method: str, length: int) -> None:
    """A tiny model writes bytes that end within a character, and in no character at all."""
    both, sampling = pair(method), Sampling(length, 1.2, 5)
    events = list(both.stream(ASKED, sampling))
    prompt, lanes = both.encoder.prompt(ASKED), (BASE, TUNED)
    drawn = answer(
        both.voices(lanes), prompt, lanes, sampling=sampling, stop_ids=both.encoder.stop_ids
    )
    ids: dict[str, list[int]] = {BASE: [], TUNED: []}
    for lane, id_ in drawn:
        ids[lane].append(id_)
    for lane in lanes:
        told = "".join(event["text"] for event in events[:-1] if event["lane"] == lane)
        decoded = both.tokenizer.decode(ids[lane], skip_special_tokens=True)
        assert told == decoded
        assert events[-1]["answers"][lane]["text"] == decoded.strip()
        assert events[-1]["answers"][lane]["tokens"] == len(ids[lane])


def test_text_comes_while_it_is_written() -> None:
    events = list(pair().stream(ASKED, Sampling(30)))
    for lane in (BASE, TUNED):
        own = [event for event in events[:-1] if event["lane"] == lane]
        assert [event["tokens"] for event in own[:30]] == list(range(1, len(own[:30]) + 1))
        assert any(event["text"] for event in own[:-1])


def test_an_answer_says_whether_only_the_limit_has_ended_it() -> None:
    both = pair()
    answers = list(both.stream(ASKED, Sampling(5)))[-1]["answers"]
    assert {answers[lane]["cut"] for lane in (BASE, TUNED)} == {True}
    stop = next(iter(both.encoder.stop_ids))
    head = both.installed.model.get_output_embeddings()
    head.register_forward_hook(lambda *told: told[2].index_fill(-1, torch.tensor([stop]), 1e9))
    answers = list(both.stream(ASKED, Sampling(5)))[-1]["answers"]
    assert {answers[lane]["cut"] for lane in (BASE, TUNED)} == {False}


def test_times_are_those_of_each_lane_and_of_both() -> None:
    answers = list(pair().stream(ASKED, Sampling(12)))[-1]["answers"]
    for lane in (BASE, TUNED):
        assert 0 < answers[lane]["seconds"] <= answers["wall_seconds"]


def test_an_answer_that_ends_at_once_is_empty() -> None:
    both = pair()
    with torch.no_grad():
        stop = next(iter(both.encoder.stop_ids))
        both.installed.model.get_output_embeddings().weight.zero_()
        both.installed.model.get_output_embeddings().register_forward_hook(
            lambda *told: told[2].index_fill(-1, torch.tensor([stop]), 9.0)
        )
    (last,) = both.stream(ASKED, Sampling(12))
    assert last["answers"][BASE] == {"text": "", "tokens": 0, "seconds": 0.0, "cut": False}


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [*tiny_models.NAMES, *tiny_models.ODD])
def test_the_base_lane_is_proved(name: str, method: str, dtype: torch.dtype) -> None:
    both = tune(tiny_models.build(name).to(dtype), method).pair()
    assert both.base_proved(ASKED)
    assert both.base_proved(ASKED)


def a_delta(both: Pair) -> LowRankLinear:
    return next(m for m in both.installed.model.modules() if isinstance(m, LowRankLinear))


def test_a_delta_that_reaches_the_base_lane_is_seen() -> None:
    """In bf16 too, where a looser comparison would let it pass."""
    for dtype in (torch.float32, torch.bfloat16):
        both = tune(tiny_models.build("llama").to(dtype), "lora", strength=0.1).pair()
        layer = a_delta(both)
        layer.lanes = type(layer.lanes)()
        assert not both.base_proved(ASKED)


def test_a_weight_changed_in_the_lane_alone_is_seen() -> None:
    both = pair()
    layer: Any = a_delta(both)
    other = copy.deepcopy(layer.base)
    other.weight.data.mul_(1.05)
    layer.forward = lambda x: torch.cat((other(x[:1]), layer.added_to(layer.base(x), x)[1:]))
    assert not both.base_proved(ASKED)


def test_nothing_is_proved_by_a_base_that_lacks_a_tensor() -> None:
    both = pair("full")
    name, *_ = both.changed[BASE]
    some = {key: value for key, value in both.changed[BASE].items() if key != name}
    lacking = Pair(both.installed, both.encoder, both.tokenizer, {**both.changed, BASE: some})
    with pytest.raises(AssertionError):
        lacking.base_proved(ASKED)
