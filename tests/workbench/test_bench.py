"""The workbench as a whole, with its real engine and trainer on a tiny model."""

from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import Fault, Refusal, UserMistake
from studio.core.words import words
from studio.jobs.processes import Launcher
from studio.store.data_folder import DataFolder
from studio.workbench import Workbench
from studio.workbench.doctor import diagnose
from studio.workbench.engine_room import EngineRoom
from studio.workbench.orders import Order
from tests.store.sample_rows import new_key, ready
from tests.tiny_studio import until


def test_an_engine_that_has_died_is_started_again(tmp_path: Path, workers: Launcher) -> None:
    with Workbench.open(tmp_path / "data", workers) as bench:
        first = bench.engine.call("machine_facts")["device"]
        bench.engine._living.close()
        assert bench.engine.call("machine_facts")["device"] == first
        bench.engine.close()
        assert bench.engine.call("machine_facts")["device"] == first


def test_erasing_waits_for_a_run_and_then_keeps_it_from_being_resumed(
    tmp_path: Path, workers: Launcher, llama: Path
) -> None:
    with Workbench.open(tmp_path / "data", workers) as bench:
        home = bench.rows.datasets.create("rows")
        bench.rows.rows.add(home.id, [ready(number) for number in range(6)], key=new_key())
        training = {"steps": 5000, "batch": 2, "precision": "float32"}
        order = Order(str(llama), "rows", "lora", {"r": 4}, training)
        run = bench.runs.begin(bench.orders.read(order))
        row = bench.rows.rows.living(home.id)[0].id
        with pytest.raises(Refusal) as caught:
            bench.erase([row])
        assert (caught.value.key, caught.value.facts) == ("erase.run_active", {"run": run})
        until(lambda: bench.runs.show(run)["step"] > 0)
        bench.runs.pause(run)
        assert bench.erase([row]).runs == (run,)
        assert bench.runs.show(run)["erased_rows"] == 1
        for act in (bench.runs.resume, bench.runs.stop):
            with pytest.raises(Refusal) as caught:
                act(run)
            assert caught.value.key == "run.rows_erased"


def test_a_diagnosis_survives_a_database_and_an_engine_that_do_not(tmp_path: Path) -> None:
    class NoEngine(EngineRoom):
        def call(self, op: str, /, **args: Any) -> Any:
            raise Fault("engine.broke", problem=f"cannot open {data.root}/a/lib.so of /opt/torch")

    data = DataFolder.open(tmp_path / "data")
    data.database.write_text("once upon a time" * 1000, encoding="utf-8")
    with Workbench(data, engine=NoEngine(data)) as bench:
        found = diagnose(bench, words().explain)
    assert found["database"].startswith("studio.db is damaged")
    assert "(cannot open lib.so of torch)" in found["engine"]
    assert (found["models"], found["datasets"], found["runs"]) == (None, None, None)
    assert str(tmp_path) not in str(found)


def test_a_row_that_is_unknown_is_not_erased(tmp_path: Path, workers: Launcher) -> None:
    with Workbench.open(tmp_path / "data", workers) as bench, pytest.raises(UserMistake) as caught:
        bench.erase(["nowhere"])
    assert caught.value.key == "rows.unknown"
    assert bench.check_database() == "ok"


def test_what_a_killed_start_left_behind_goes_when_the_studio_is_opened(
    tmp_path: Path, workers: Launcher
) -> None:
    data = DataFolder.open(tmp_path / "data")
    left = data.runs / ".261124-090355-d54501.999999999-1-0123abcd"
    left.mkdir(parents=True)
    (left / "rows.jsonl").write_text("a patient's row", encoding="utf-8")
    Workbench.open(data.root, workers).close()
    assert list(data.runs.iterdir()) == []
