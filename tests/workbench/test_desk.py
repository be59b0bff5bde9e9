import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import Mistakes, UserMistake
from studio.methods import METHODS
from studio.workbench import Workbench
from tests.ui.benches import add_model, add_rows, bench_without_torch

EMPTY: dict[str, Any] = {
    "model": None,
    "dataset": None,
    "mirror": "",
    "offline": False,
    "method": "lora",
    "knobs": {method: {} for method in METHODS},
    "training": {},
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


def test_a_new_desk_is_empty(bench: Workbench) -> None:
    assert bench.desk.get() == EMPTY


def test_what_lies_on_the_desk_is_there_after_a_restart(bench: Workbench, tmp_path: Path) -> None:
    model, dataset = add_model(bench), add_rows(bench, "Questions")
    chosen = bench.desk.choose(mirror="https://mirror.example/hub/", offline=True)
    assert chosen == EMPTY | {
        "model": model,
        "dataset": dataset,
        "mirror": "https://mirror.example/hub",
        "offline": True,
    }
    with bench_without_torch(tmp_path / "data") as again:
        assert again.desk.get() == chosen


def test_a_name_is_kept_as_an_id(bench: Workbench) -> None:
    dataset = add_rows(bench, "问答")
    assert bench.desk.choose(dataset="问答")["dataset"] == dataset
    bench.rows.rename(dataset, "Another name")
    assert bench.desk.get()["dataset"] == dataset


def test_nothing_that_is_unknown_comes_on_the_desk(bench: Workbench) -> None:
    model, dataset = add_model(bench), add_rows(bench)
    for wrong in ({"model": "nothing"}, {"dataset": "nothing"}, {"mirror": "ftp://x"}):
        with pytest.raises(UserMistake):
            bench.desk.choose(**wrong)  # type: ignore[arg-type]
    assert bench.desk.get() == EMPTY | {"model": model, "dataset": dataset}


@pytest.mark.parametrize(
    "mirror",
    ["mirror.example", "https://", "http://a b", "https://[", "x:y", "http://mirror.example"],
)
def test_a_mirror_has_an_address(bench: Workbench, mirror: str) -> None:
    with pytest.raises(UserMistake) as caught:
        bench.desk.choose(mirror=mirror)
    assert caught.value.key == "desk.mirror"


def test_what_is_forgotten_or_thrown_away_is_not_shown(bench: Workbench) -> None:
    model, dataset = add_model(bench), add_rows(bench)
    bench.rows.discard(dataset)
    bench.models.index.remove(model)
    assert bench.desk.get() == EMPTY
    bench.rows.datasets.restore(dataset)
    assert bench.desk.get()["dataset"] == dataset


def test_an_empty_choice_clears_the_desk(bench: Workbench) -> None:
    add_model(bench)
    add_rows(bench)
    bench.desk.choose(mirror="http://127.0.0.1:8080", offline=True)
    assert bench.desk.choose(model="", dataset="", mirror="", offline=False) == EMPTY


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", "null", '{"model": 3}', "[" * 100_000, "\ud800"]
)
def test_a_damaged_file_is_the_same_as_none(bench: Workbench, content: str) -> None:
    file = bench.data.root / "desk.json"
    file.write_bytes(content.encode("utf-8", errors="surrogatepass"))
    assert bench.desk.get() == EMPTY
    add_model(bench)
    assert json.loads(file.read_text(encoding="utf-8"))["model"] is not None


def test_a_field_of_a_wrong_type_does_not_take_the_others_with_it(bench: Workbench) -> None:
    file = bench.data.root / "desk.json"
    file.write_text('{"offline": true, "mirror": 3, "else": 1}', encoding="utf-8")
    assert bench.desk.get() == EMPTY | {"offline": True}


def test_the_desk_is_its_owner_s_alone(bench: Workbench) -> None:
    bench.desk.choose(offline=True)
    assert (bench.data.root / "desk.json").stat().st_mode & 0o777 == 0o600


def test_knobs_are_kept_for_each_method(bench: Workbench, tmp_path: Path) -> None:
    bench.desk.choose(knobs={"r": 8})
    bench.desk.choose(method="full", training={"epochs": 2})
    kept = bench.desk.choose(method="lora")
    assert (kept["method"], kept["knobs"]["lora"]) == ("lora", {"r": 8})
    assert kept["training"] == {"epochs": 2.0}
    with bench_without_torch(tmp_path / "data") as again:
        assert again.desk.get() == kept


def test_knobs_take_the_place_of_those_before_and_none_is_the_default(bench: Workbench) -> None:
    bench.desk.choose(knobs={"r": 8})
    kept = bench.desk.choose(knobs={"alpha": None, "dropout": 0})["knobs"]["lora"]
    assert kept == {"dropout": 0.0}
    assert bench.desk.choose(knobs={})["knobs"]["lora"] == {}


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"method": "magic"}, "methods.unknown"),
        ({"knobs": {"r": 0}}, "knobs.out_of_range"),
        ({"method": "full", "knobs": {"r": 8}}, "knobs.unknown"),
        ({"training": {"epochs": "many"}}, "knobs.not_a_number"),
    ],
)
def test_a_method_or_value_that_is_none_changes_nothing(
    bench: Workbench, wrong: dict[str, Any], key: str
) -> None:
    before = bench.desk.choose(knobs={"r": 8})
    with pytest.raises(UserMistake) as refused:
        bench.desk.choose(**wrong)
    assert refused.value.key == key
    assert bench.desk.get() == before


def test_every_problem_of_a_form_is_told_at_once(bench: Workbench) -> None:
    with pytest.raises(Mistakes) as refused:
        bench.desk.choose(knobs={"r": 0, "dropout": 2})
    assert [problem.facts["knob"] for problem in refused.value.problems] == ["r", "dropout"]


def test_a_kept_method_or_value_that_is_none_any_more_reads_as_the_usual_one(
    bench: Workbench,
) -> None:
    kept = {
        "method": "magic",
        "knobs": {"lora": {"r": 0, "dropout": 0.1, "gone": 1, "alpha": None}, "full": 3},
        "training": {"epochs": -1, "batch": 4},
    }
    (bench.data.root / "desk.json").write_text(json.dumps(kept), encoding="utf-8")
    desk = bench.desk.get()
    assert (desk["method"], desk["training"]) == ("lora", {"batch": 4})
    assert desk["knobs"] == EMPTY["knobs"] | {"lora": {"dropout": 0.1}}
    assert bench.desk.choose(knobs={"r": 8})["knobs"]["lora"] == {"r": 8}
