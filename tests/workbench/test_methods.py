"""Forms, counts and the overview of methods, on a bench without torch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.errors import Mistakes, Refusal, UserMistake
from studio.core.recipe import TRAINING_KNOBS
from studio.methods import METHODS, cost_of, method_of, read_values
from studio.store.sheets import Sheets
from studio.workbench import Workbench
from tests.known_model import SHEET
from tests.ui.benches import CannedEngine, add_model, bench_without_torch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


@pytest.fixture
def engine(bench: Workbench) -> CannedEngine:
    assert isinstance(bench.engine, CannedEngine)
    return bench.engine


def test_there_is_a_form_for_every_method_and_lora_is_first(bench: Workbench) -> None:
    forms = bench.methods.forms()
    assert [form["id"] for form in forms] == list(METHODS)
    assert (forms[0]["id"], forms[0]["adapter"]) == ("lora", True)
    knobs = {knob["name"]: knob for knob in forms[0]["knobs"]}
    assert (knobs["r"]["kind"], knobs["r"]["default"], knobs["r"]["low"]) == ("int", 16, 1)
    assert forms[0]["presets"][0] == {"name": "light", "knobs": {"r": 8, "alpha": None}}


def test_training_has_a_form_of_the_same_kind(bench: Workbench) -> None:
    assert [knob["name"] for knob in bench.methods.training_form()] == [
        knob.name for knob in TRAINING_KNOBS
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_count_is_that_of_the_method_on_the_model_s_sheet(bench: Workbench, method: str) -> None:
    chosen = method_of(method)
    knobs = {"layers": 1} if method == "last_layers" else {}  # there is but one
    values = read_values(chosen, knobs)
    counted = bench.methods.count(add_model(bench), method, knobs)
    expected = cost_of(SHEET, chosen, values).as_json()
    for figure in ("trainable", "total", "share", "disk_bytes"):
        assert counted[figure] == expected[figure]
    assert counted["learning_rate"] == chosen.learning_rate(SHEET)
    assert counted["notes"] == list(chosen.notes(SHEET, values))


def test_a_count_follows_the_knobs(bench: Workbench) -> None:
    model = add_model(bench)
    # a delta of rank r beside a layer of 32 inputs and 32 outputs
    counts = [bench.methods.count(model, "lora", {"r": r})["trainable"] for r in (1, 8)]
    assert counts == [64, 512]


def test_every_problem_of_both_forms_is_told_at_once_before_anything_is_counted(
    bench: Workbench, engine: CannedEngine
) -> None:
    model = add_model(bench)
    engine.replies.pop("sheet")
    with pytest.raises(Mistakes) as refused:
        bench.methods.count(model, "lora", {"r": 0, "dropout": 2}, {"batch": 1.5})
    assert [p.facts["knob"] for p in refused.value.problems] == ["r", "dropout", "batch"]


def test_a_value_that_does_not_fit_the_model_is_refused_with_its_knob(bench: Workbench) -> None:
    with pytest.raises(UserMistake) as refused:
        bench.methods.count(add_model(bench), "lora", {"r": 33})
    assert (refused.value.key, refused.value.facts["knob"]) == ("methods.rank_above_layer", "r")


def test_a_model_whose_folder_is_gone_is_refused_without_the_engine(
    bench: Workbench, engine: CannedEngine
) -> None:
    model = add_model(bench)
    folder = Path(bench.models.show(model)["folder"])
    (folder / "config.json").unlink()
    folder.rmdir()
    engine.replies.pop("sheet")
    for ask in (
        lambda: bench.methods.count(model, "lora", {}),
        lambda: bench.methods.overview(model),
    ):
        with pytest.raises(Refusal) as refused:
            ask()
        assert refused.value.key == "models.gone"


def test_the_overview_counts_every_method_with_the_knobs_on_the_desk(bench: Workbench) -> None:
    model = add_model(bench)
    bench.desk.choose(method="lora", knobs={"r": 4})
    shown = {one["id"]: one for one in bench.methods.overview(model)}
    assert list(shown) == list(METHODS)
    assert shown["lora"]["trainable"] == 4 * 64
    assert shown["full"]["trainable"] == SHEET.total


def test_a_method_that_cannot_be_used_is_in_the_overview_with_the_reason(bench: Workbench) -> None:
    model = add_model(bench)
    bench.desk.choose(method="lora", knobs={"r": 64})
    lora = bench.methods.overview(model)[0]
    assert lora["id"] == "lora"
    assert lora["problem"]["key"] == "methods.rank_above_layer"
    assert "trainable" not in lora


def test_a_kept_sheet_is_counted_without_the_engine(bench: Workbench, engine: CannedEngine) -> None:
    model = add_model(bench)
    config = Path(bench.models.show(model)["folder"]) / "config.json"
    Sheets(bench.data.sheets).keep(config, SHEET)
    engine.replies.pop("sheet")
    assert bench.methods.count(model, "lora", {})["trainable"] == 16 * 64
