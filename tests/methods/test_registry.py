"""The registry: methods by their names, and what each says of itself."""

import pytest

from studio.core.errors import Mistakes, UserMistake
from studio.core.words import LANGUAGES, words
from studio.methods import METHODS, method_of, read_values
from studio.methods.base import Method
from tests.methods.sheets import sheet

ROOMY = sheet(hidden=256, blocks=8, context=512)


@pytest.fixture(params=METHODS.values(), ids=list(METHODS))
def method(request: pytest.FixtureRequest) -> Method:
    found: Method = request.param
    return found


def test_methods_are_found_by_the_field_s_own_names() -> None:
    assert METHODS.keys() >= {"lora", "full"}
    assert all(method_of(name).id == name for name in METHODS)


def test_a_method_that_is_not_known_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserMistake) as refused:
        method_of("Lora")
    assert refused.value.key == "methods.unknown"
    assert refused.value.facts == {"method": "Lora", "known": ", ".join(METHODS)}


def test_a_method_works_with_its_defaults(method: Method) -> None:
    sites = method.sites(ROOMY, read_values(method, {}))
    assert sum(site.trainable for site in sites) > 0


def test_every_default_lies_in_its_own_range(method: Method) -> None:
    assert all(knob.read(knob.default) == knob.default for knob in method.knobs)
    assert len({knob.name for knob in method.knobs}) == len(method.knobs)


def test_the_stops_of_a_knob_are_values_of_it_and_rise(method: Method) -> None:
    for knob in method.knobs:
        assert [knob.read(stop) for stop in knob.stops] == sorted(set(knob.stops))


def test_presets_are_settings_of_the_method_and_grow_stronger(method: Method) -> None:
    settings = [read_values(method, preset.values) for preset in method.presets]
    counts = [sum(site.trainable for site in method.sites(ROOMY, values)) for values in settings]
    assert counts == sorted(set(counts))


def test_knobs_of_a_method_are_checked_together(method: Method) -> None:
    with pytest.raises(Mistakes) as refused:
        read_values(method, {"no_such": 1, "nor_this": 2})
    assert [p.facts["knob"] for p in refused.value.problems] == ["no_such", "nor_this"]


def test_an_adapter_only_adds_to_the_model(method: Method) -> None:
    sites = method.sites(ROOMY, read_values(method, {}))
    assert not method.adapter or all(site.added == site.trainable for site in sites)


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_that_is_said_of_a_method_has_its_sentence(method: Method, language: str) -> None:
    known = words(language).sentences
    for part in ("name", "what", "when", "cost"):
        assert f"methods.{method.id}.{part}" in known
    for knob in method.knobs:
        assert f"knobs.{knob.name}.label" in known
        assert f"knobs.{knob.name}.help" in known


@pytest.mark.parametrize("hidden", [1, 8, 576, 4096, 16_384])
def test_a_rate_is_one_that_learns(method: Method, hidden: int) -> None:
    rate = method.learning_rate(sheet(hidden=hidden))
    assert 0 < rate <= 0.1
    assert rate == float(f"{rate:.1e}")


def test_lora_learns_at_ten_times_the_rate_of_training_everything() -> None:
    wide = sheet(hidden=2000)
    lora, full = (method_of(name).learning_rate(wide) for name in ("lora", "full"))
    assert (lora, full) == (5e-4, 5e-5)
