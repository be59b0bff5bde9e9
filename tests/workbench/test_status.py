from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.core.rows import Body
from studio.workbench import Workbench
from tests.ui.benches import CannedEngine, add_model, add_rows, bench_without_torch


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as bench:
        yield bench


def test_a_new_studio_has_nothing_going_on(bench: Workbench) -> None:
    found = bench.status()
    memory = found.pop("memory")
    assert 0 < memory["used_bytes"] < memory["total_bytes"]
    assert found == {
        "model": None,
        "dataset": None,
        "run": None,
        "latest": None,
        "device": None,
        "tasks": [],
        "mark": 0,
        "runs": 0,
        "datasets": 0,
        "method": {name: bench.desk.get()[name] for name in ("method", "knobs", "training")},
    }


def test_what_lies_on_the_desk_is_shown(bench: Workbench) -> None:
    model, dataset = add_model(bench), add_rows(bench)
    found = bench.status()
    assert found["model"] == bench.models.show(model)
    assert found["dataset"] == bench.rows.show(dataset)
    assert (found["datasets"], found["mark"]) == (1, bench.rows.page(dataset)["mark"])
    row = bench.rows.add(dataset, key="k")
    assert bench.status()["mark"] > found["mark"]
    change = {"body": Body.pair("Why?", "So.").as_json(), "status": "ready"}
    bench.rows.save(row["id"], change, revision=1, key="s")
    assert bench.status()["dataset"]["version"] != found["dataset"]["version"]


def test_who_has_the_device_is_shown(bench: Workbench) -> None:
    with bench.engine.device("compare"):
        owner = bench.status()["device"]
    assert owner is not None
    assert owner["purpose"] == "compare"
    assert bench.status()["device"] is None


def test_a_download_is_watched_and_ends_with_the_workbench(tmp_path: Path) -> None:
    bench = bench_without_torch(tmp_path / "data")
    assert isinstance(bench.engine, CannedEngine)
    bench.engine.go_on.clear()
    bench.tasks.start("model", "starter", lambda told: bench.models.add("starter", told=told))
    (task,) = bench.status()["tasks"]
    assert (task["kind"], task["subject"], task["status"]) == ("model", "starter", "running")
    bench.close()
    (task,) = bench.tasks.list()
    assert task["status"] == "cancelled"


def test_a_download_that_goes_through_is_known(bench: Workbench) -> None:
    bench.tasks.start("model", "starter", lambda told: bench.models.add("starter", told=told))
    bench.tasks.wait()
    (task,) = bench.status()["tasks"]
    assert (task["status"], task["done"], task["total"]) == ("done", 4, 4)
    assert task["result"]["id"] in {model["id"] for model in bench.models.list()}
