"""QLoRA is LoRA on a base held otherwise: what it says before anything is loaded."""

import importlib.util

import pytest

from studio.core.errors import UserMistake
from studio.methods import METHODS, cost_of, method_of, read_values
from studio.methods.quantisation import Quantisation, quantisation_of
from tests.methods.sheets import sheet

QLORA, LORA = method_of("qlora"), method_of("lora")


def test_it_adds_what_lora_adds() -> None:
    model = sheet(hidden=256, blocks=4)
    ours, theirs = read_values(QLORA, {"r": 8}), read_values(LORA, {"r": 8})
    assert QLORA.sites(model, ours) == LORA.sites(model, theirs)
    assert QLORA.learning_rate(model) == LORA.learning_rate(model)
    costs = [cost_of(model, QLORA, ours), cost_of(model, LORA, theirs)]
    assert costs[0].total == costs[1].total, "quantised values count by the layer's shape"


def test_its_knobs_say_how_the_base_is_held() -> None:
    def of(**knobs: object) -> Quantisation | None:
        return quantisation_of(read_values(QLORA, knobs))

    assert of() == Quantisation("nf4", double=True)
    assert of(quant="fp4", double=False) == Quantisation("fp4", double=False)
    assert [str(of()), str(of(double=False))] == ["nf4, double", "nf4"]
    with pytest.raises(UserMistake) as refused:
        of(quant="nf3")
    assert refused.value.key == "knobs.not_a_choice"


def test_only_it_has_a_base_held_otherwise() -> None:
    held = {name: quantisation_of(read_values(m, {})) for name, m in METHODS.items()}
    assert [name for name, quantisation in held.items() if quantisation] == ["qlora"]


def test_it_says_whose_answers_the_originals_are_and_where_little_is_saved() -> None:
    values = read_values(QLORA, {})
    assert QLORA.notes(sheet(hidden=64, blocks=8), values) == ("qlora_base",)
    words_alone = sheet(hidden=1, blocks=1)
    assert QLORA.notes(words_alone, values) == ("qlora_base", "qlora_little")


def test_without_the_library_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserMistake) as refused:
        QLORA.sites(sheet(), read_values(QLORA, {"r": 4}))
    assert refused.value.key == "methods.no_quantisation"
    assert LORA.sites(sheet(), read_values(LORA, {"r": 4}))
