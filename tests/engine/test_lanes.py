"""Base and tuned lanes against each model alone, as transformers generates."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from studio.core.rows import Message
from studio.engine.encoding import Encoder
from studio.engine.lanes import BASE, TUNED, OneBatch, Sampling, Voices, answer
from studio.engine.loading import load_model, load_tokenizer
from tests.engine import tiny_models
from tests.engine.tuned_models import KNOBS, Tuned, as_others_load, tune

PROMPT = (5, 17, 130, 44, 61, 7)
LANES = (BASE, TUNED)
QUESTIONS = ("What is high blood pressure?", "Name three colours.", "写一句话介绍你自己。")


def voices_of(tuned: Tuned) -> Voices:
    return tuned.pair().voices(LANES)


def drawn(
    tuned: Tuned,
    length: int = 20,
    *,
    prompt: Sequence[int] = PROMPT,
    stops: frozenset[int] = frozenset(),
    **sampling: Any,
) -> dict[str, list[int]]:
    """Both lanes' ids."""
    how = Sampling(length, **sampling)
    found: dict[str, list[int]] = {BASE: [], TUNED: []}
    for lane, id_ in answer(voices_of(tuned), prompt, LANES, sampling=how, stop_ids=stops):
        found[lane].append(id_)
    return found


def alone(model: PreTrainedModel, length: int, prompt: Sequence[int] = PROMPT) -> list[int]:
    """The greedy answer of one model by transformers' own generate."""
    model.generation_config.eos_token_id = None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Position ids are not supported")  # PEFT drops its own
        ids = model.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=length,
            do_sample=False,
            pad_token_id=0,
        )
    return [int(id_) for id_ in ids[0, len(prompt) :]]


def others(name: str, tuned: Tuned, folder: Path) -> PreTrainedModel:
    return as_others_load(tiny_models.build(name), tuned.write(folder / "tuned"))


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("name", [*tiny_models.NAMES, *tiny_models.ODD])
def test_greedy_answers_are_those_of_each_model_alone(
    name: str, method: str, tmp_path: Path
) -> None:
    tuned = tune(tiny_models.build(name), method)
    found = drawn(tuned, 30)
    assert found[BASE] == alone(tiny_models.build(name), 30)
    assert found[TUNED] == alone(others(name, tuned, tmp_path), 30)
    assert found[BASE] != found[TUNED]


def test_base_comes_first_in_the_batch_however_the_lanes_are_named() -> None:
    tuned = tune(tiny_models.build("llama"), "lora")
    voices = OneBatch(tuned.made, [TUNED, BASE])
    found = voices.advance({TUNED: PROMPT, BASE: PROMPT})
    expected = tiny_models.build("llama")(torch.tensor([PROMPT])).logits[0, -1]
    torch.testing.assert_close(found[BASE], expected)
    assert not torch.allclose(found[TUNED], expected, atol=1e-3)


@pytest.mark.parametrize("lane", LANES)
def test_one_lane_can_answer_alone(lane: str) -> None:
    tuned = tune(tiny_models.build("llama"), "lora")
    both = drawn(tuned)
    voices = OneBatch(tuned.made, [lane])
    ids = [
        id_
        for _, id_ in answer(voices, PROMPT, [lane], sampling=Sampling(20), stop_ids=frozenset())
    ]
    assert ids == both[lane]


@pytest.mark.parametrize("method", KNOBS)
@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_a_lane_that_ends_earlier_leaves_the_other_as_it_was(name: str, method: str) -> None:
    tuned = tune(tiny_models.build(name), method)
    whole = drawn(tuned)
    for lane, other in (LANES, LANES[::-1]):
        stop = next(id_ for id_ in whole[lane] if id_ not in whole[other])
        found = drawn(tuned, stops=frozenset({stop}))
        assert found[other] == whole[other]
        assert found[lane] == whole[lane][: whole[lane].index(stop)]


@pytest.mark.parametrize("method", KNOBS)
def test_both_lanes_may_end_at_once(method: str) -> None:
    tuned = tune(tiny_models.build("llama"), method)
    everything = frozenset(range(tiny_models.VOCABULARY))
    assert drawn(tuned, stops=everything) == {BASE: [], TUNED: []}


@pytest.mark.parametrize("method", [method for method in KNOBS if method != "prompt_tuning"])
def test_lanes_of_equal_weights_draw_alike_and_a_seed_repeats(method: str) -> None:
    tuned = tune(tiny_models.build("llama"), method, strength=0.0)
    first = drawn(tuned, temperature=1.5, seed=7)
    assert first[BASE] == first[TUNED]
    assert drawn(tuned, temperature=1.5, seed=7) == first
    assert drawn(tuned, temperature=1.5, seed=8) != first
    assert first != drawn(tuned)


def test_drawn_word_pieces_are_as_frequent_as_the_model_says() -> None:
    """Total variation of 4,000 draws from softmax(logits / T) is about √(words / draws)."""
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0])

    class Fixed:
        def advance(self, ids: object) -> dict[str, torch.Tensor]:
            return {BASE: logits}

    drawn_ids = answer(Fixed(), (0,), [BASE], sampling=Sampling(4000, 2.0, 3), stop_ids=frozenset())
    counts = torch.bincount(torch.tensor([id_ for _, id_ in drawn_ids]), minlength=4) / 4000
    assert float((counts - (logits / 2).softmax(0)).abs().sum()) < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("method", KNOBS)
def test_greedy_answers_on_the_starter_are_those_of_each_model_alone(
    starter: Path, tmp_path: Path, method: str
) -> None:
    strength = {"full": 0.01, "last_layers": 0.01}.get(method, 0.03)
    tuned = tune(load_model(starter, dtype="float32"), method, strength=strength)
    base = load_model(starter, dtype="float32")
    loaded = as_others_load(load_model(starter, dtype="float32"), tuned.write(tmp_path / "tuned"))
    encoder = Encoder(load_tokenizer(starter))
    for question in QUESTIONS:
        prompt = encoder.prompt([Message("user", question)])
        found = drawn(tuned, 64, prompt=prompt)
        assert found[BASE] == alone(base, 64, prompt)
        assert found[TUNED] == alone(loaded, 64, prompt)
        assert found[BASE] != found[TUNED]
