"""The models that a person can choose from, as a page shows them."""

from pathlib import Path

import pytest

from studio.core.errors import Refusal
from studio.workbench.memory import WORKING
from tests.known_model import FACTS, MACHINE, SHEET
from tests.workbench.workshop import Workshop

AFAR = {
    "architecture": "TinyForCausalLM",
    "parameters": 1000,
    "layers": 2,
    "context": 128,
    "chat_template": None,
    "licence": "mit",
    "bytes": 2000,
    "disk_bytes": 2000,
}


def test_a_pick_tells_what_it_is_what_it_takes_and_whether_it_is_there(workshop: Workshop) -> None:
    picks = workshop.shelf.picks("en")
    assert len(picks) == 3
    assert [bool(pick["why"]) for pick in picks] == [True, False, False]
    (starter,) = (pick for pick in picks if pick["source"] == "starter")
    assert (starter["known"], starter["ready_offline"], starter["languages"]) == (
        None,
        True,
        ["en"],
    )
    assert (starter["parameters"], starter["layers"], starter["context"]) == (SHEET.total, 1, 64)
    assert starter["memory_needed_bytes"] == SHEET.total * 4 + WORKING
    assert starter["number_format"] == "float32"
    assert starter["fits"] is (starter["memory_free_bytes"] >= starter["memory_needed_bytes"])


def test_a_pick_that_is_known_says_by_which_id(workshop: Workshop) -> None:
    first = workshop.shelf.picks("zh")[0]["source"]
    added = workshop.models.add(first)
    Path(added["folder"]).mkdir()
    found = workshop.shelf.picks("zh")[0]
    assert (found["known"], found["ready_offline"]) == (added["id"], True)
    Path(added["folder"]).rmdir()
    assert workshop.shelf.picks("zh")[0]["known"] is None


def test_the_machine_is_asked_once_and_sheets_are_counted_in_its_number_format(
    workshop: Workshop,
) -> None:
    workshop.engine.results["machine_facts"] = MACHINE | {"precision": "bfloat16"}
    for _ in range(2):
        assert workshop.shelf.picks("en")[0]["memory_needed_bytes"] == SHEET.total * 2 + WORKING
    assert [op for op, _ in workshop.engine.asked].count("machine_facts") == 1


def test_a_gpu_s_memory_is_asked_for_anew_each_time(workshop: Workshop) -> None:
    workshop.models.add("starter")
    for free in (9 << 30, 1):
        memory = {"total": 80 << 30, "free": free}
        found = {"device": "cuda", "precision": "bfloat16", "memory_bytes": memory}
        workshop.engine.results["machine_facts"] = found
        (known,) = workshop.shelf.known()
        assert (known["memory_free_bytes"], known["fits"]) == (free, free > WORKING)


def test_a_look_at_a_hub_fetches_nothing_and_says_what_is_not_known(workshop: Workshop) -> None:
    workshop.engine.results["look_hub"] = AFAR
    workshop.desk.choose(mirror="https://mirror.example")
    seen = workshop.shelf.look("someone/model")
    (asked,) = (args for op, args in workshop.engine.asked if op == "look_hub")
    assert (asked["hub_id"], asked["endpoint"]) == ("someone/model", "https://mirror.example")
    assert (seen["kind"], seen["title"], seen["known"]) == ("hub", "someone/model", None)
    assert (seen["chat_template"], seen["licence"], seen["disk_bytes"]) == (None, "mit", 2000)
    assert seen["memory_needed_bytes"] == 4000 + WORKING
    assert workshop.models.list() == []


def test_a_look_at_a_hub_is_refused_offline_but_not_at_what_is_there(workshop: Workshop) -> None:
    workshop.desk.choose(offline=True)
    with pytest.raises(Refusal) as caught:
        workshop.shelf.look("someone/model")
    assert caught.value.key == "models.offline"
    (workshop.data.models / "someone--model").mkdir()
    workshop.models.add("someone/model")
    seen = workshop.shelf.look("someone/model")
    assert (seen["known"], seen["parameters"]) == ("someone--model", FACTS["parameters"])


def test_a_folder_and_a_file_are_looked_at_where_they_are(
    workshop: Workshop, tmp_path: Path
) -> None:
    folder, file = tmp_path / "my model", tmp_path / "tiny.gguf"
    folder.mkdir()
    file.write_bytes(b"GGUF" * 100)
    workshop.engine.results["look_gguf"] = AFAR
    seen = workshop.shelf.look(str(folder))
    assert (seen["kind"], seen["title"], seen["disk_bytes"]) == ("folder", "my model", 0)
    seen = workshop.shelf.look(str(file))
    assert (seen["kind"], seen["title"], seen["bytes"]) == ("gguf", "tiny.gguf", 2000)
    assert workshop.models.list() == []


def test_the_starter_can_be_looked_at_before_it_is_unpacked(workshop: Workshop) -> None:
    seen = workshop.shelf.look("starter")
    assert (seen["title"], seen["licence"]) == ("SmolLM2 135M Instruct", "apache-2.0")
    assert seen["disk_bytes"] == SHEET.total * 4


def test_what_has_arrived_of_a_broken_download_is_told(workshop: Workshop) -> None:
    source = workshop.shelf.picks("zh")[0]["source"]
    arriving = workshop.data.models / f".{source.replace('/', '--')}.arriving-0123456789ab"
    arriving.mkdir()
    (arriving / "model.safetensors.part").write_bytes(b"half")
    assert workshop.shelf.picks("zh")[0]["arrived_bytes"] == 4
    workshop.engine.results["look_hub"] = AFAR
    assert workshop.shelf.look(source)["arrived_bytes"] == 4


def test_known_models_have_names_and_say_who_needs_them(workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    workshop.models.add("starter")
    workshop.models.add(str(folder))
    facts = FACTS | {"identity": {"kind": "hub", "commit": "1" * 40, "hash": "cd" * 32}}
    workshop.engine.results["inspect_folder"] = facts
    workshop.models.add("Someone/Model--1")
    known = workshop.shelf.known()
    titles = [model["title"] for model in known]
    assert titles == ["SmolLM2 135M Instruct", "my model", "Someone/Model--1"]
    assert [model["ours"] for model in known] == [True, False, True]
    assert [model["present"] for model in known] == [True, True, False]
    assert [model["needed_by"] for model in known] == [[], [], []]
