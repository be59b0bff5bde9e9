from pathlib import Path

import pytest

from studio.core.errors import Refusal, UserMistake
from studio.store.runs import RunEntry
from studio.store.sheets import Sheets
from tests.known_model import SHEET
from tests.workbench.workshop import Workshop


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that passes for a model's."""
    place = tmp_path / "my model"
    place.mkdir()
    (place / "config.json").write_text("{}", encoding="utf-8")
    return place


def test_a_folder_is_known_by_name_and_content_and_stays_where_it_is(
    workshop: Workshop, folder: Path
) -> None:
    added = workshop.models.add(str(folder))
    assert (added["id"], added["folder"]) == ("my-model-abababab", str(folder))
    assert "identity" not in added
    assert workshop.models.list() == [added]
    for name in (added["id"], str(folder)):
        assert workshop.models.show(name) == added


def test_a_folder_keeps_its_id_when_its_content_changes(workshop: Workshop, folder: Path) -> None:
    first = workshop.models.add(str(folder))
    facts = workshop.engine.results["inspect_folder"]
    workshop.engine.results["inspect_folder"] = facts | {"identity": {"hash": "cd" * 32}}
    again = workshop.models.need(str(folder))
    assert (again.id, again.identity["hash"]) == (first["id"], "cd" * 32)
    assert len(workshop.models.list()) == 1


def test_a_model_called_by_its_id_is_not_looked_at_again(workshop: Workshop, folder: Path) -> None:
    known = workshop.models.add(str(folder))["id"]
    workshop.engine.asked.clear()
    assert workshop.models.need(known).folder == str(folder)
    assert workshop.engine.asked == []


def test_what_is_brought_from_elsewhere_lies_in_the_data_folder(
    workshop: Workshop, tmp_path: Path
) -> None:
    file = tmp_path / "Tiny model.Q4.gguf"
    file.write_bytes(b"GGUF" * 100)
    sources = {"starter": "add_starter", "someone/model": "add_hub", str(file): "add_gguf"}
    for source, wanted in sources.items():
        workshop.engine.asked.clear()
        added = workshop.models.add(source)
        op, args = workshop.engine.asked[0]
        assert op == wanted
        assert args["target"] == added["folder"] == str(workshop.data.models / added["id"])
    ids = [model["id"] for model in workshop.models.list()]
    assert ids[:2] == ["starter", "someone--model"]
    assert ids[2].startswith("Tiny-model.Q4-")


def test_two_files_of_one_name_are_two_models(workshop: Workshop, tmp_path: Path) -> None:
    ids = []
    for number in range(2):
        file = tmp_path / str(number) / "model.gguf"
        file.parent.mkdir()
        file.write_bytes(b"GGUF" * 100 + bytes([number]))
        ids.append(workshop.models.add(str(file))["id"])
    assert len(set(ids)) == 2


def test_progress_is_told(workshop: Workshop, folder: Path) -> None:
    step = {"step": "hash", "done": 1, "total": 2, "unit": "bytes"}
    workshop.engine.events = [{"progress": step}]
    heard: list[dict] = []
    workshop.models.add(str(folder), told=heard.append)
    assert heard == [step]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("nowhere", "models.unknown_source"),
        ("./nowhere/at", "models.unknown_source"),
        ("../nowhere", "models.unknown_source"),
        ("/nowhere/at/all", "models.unknown_source"),
        ("nowhere.gguf", "models.no_file"),
    ],
)
def test_what_is_no_model_is_refused(source: str, key: str, workshop: Workshop) -> None:
    with pytest.raises(UserMistake) as caught:
        workshop.models.add(source)
    assert caught.value.key == key
    assert workshop.engine.asked == []


def test_an_unknown_id_is_refused_with_the_known_ones(workshop: Workshop, folder: Path) -> None:
    known = workshop.models.add(str(folder))["id"]
    with pytest.raises(UserMistake) as caught:
        workshop.models.need("nowhere")
    assert caught.value.facts == {"name": "nowhere", "known": known}


def test_a_sheet_needs_no_known_model_and_is_kept(workshop: Workshop, folder: Path) -> None:
    assert workshop.models.sheet(str(folder)) == SHEET
    assert [op for op, _ in workshop.engine.asked] == ["sheet"]
    assert workshop.models.list() == []
    Sheets(workshop.data.sheets).keep(folder / "config.json", SHEET)
    assert workshop.models.sheet(str(folder)) == SHEET
    assert len(workshop.engine.asked) == 1


def test_an_id_is_not_mistaken_for_a_folder_that_is_at_hand(
    workshop: Workshop, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.models.add("starter")
    (folder / "starter").mkdir()
    monkeypatch.chdir(folder)
    assert workshop.models.need("starter").folder == str(workshop.data.models / "starter")


class Enough(Exception):
    """The person has cancelled."""


def test_who_stops_listening_stops_the_work(workshop: Workshop) -> None:
    step = {"step": "download", "done": 1, "total": 2, "unit": "bytes"}
    workshop.engine.events = [{"progress": step}]

    def cancel(_: dict) -> None:
        raise Enough

    with pytest.raises(Enough):
        workshop.models.add("someone/model", told=cancel)
    (answer,) = workshop.engine.answers
    assert answer.is_closed
    assert workshop.models.list() == []


def test_the_hub_is_the_one_that_the_person_chose(workshop: Workshop) -> None:
    workshop.models.add("someone/one")
    workshop.desk.choose(mirror="https://mirror.example")
    workshop.models.add("someone/two")
    endpoints = [args["endpoint"] for op, args in workshop.engine.asked if op == "add_hub"]
    assert endpoints == ["", "https://mirror.example"]


def test_offline_nothing_is_fetched_and_what_is_there_is_used(workshop: Workshop) -> None:
    workshop.desk.choose(offline=True)
    with pytest.raises(Refusal) as caught:
        workshop.models.add("someone/model")
    assert caught.value.key == "models.offline"
    assert workshop.engine.asked == []
    (workshop.data.models / "someone--model").mkdir()
    assert workshop.models.add("someone/model")["id"] == "someone--model"
    assert workshop.models.add("starter")["id"] == "starter"


def test_a_model_without_a_template_is_known_by_the_plain_one(
    workshop: Workshop, folder: Path
) -> None:
    assert workshop.models.add(str(folder))["template"] == "own"
    facts = workshop.engine.results["inspect_folder"]
    workshop.engine.results["inspect_folder"] = facts | {"chat_template": False}
    assert workshop.models.add(str(folder))["template"] == "plain"


def test_a_forgotten_model_goes_with_its_files_only_where_they_are_ours(
    workshop: Workshop, folder: Path
) -> None:
    ours = Path(workshop.models.add("someone/model")["folder"])
    ours.mkdir()
    theirs = workshop.models.add(str(folder))["id"]
    assert workshop.models.forget("someone--model") == {
        "id": "someone--model",
        "deleted": True,
        "runs": [],
    }
    assert workshop.models.forget(theirs)["deleted"] is False
    assert workshop.models.list() == []
    assert (ours.exists(), folder.exists()) == (False, True)


def test_forgetting_names_the_runs_that_need_the_model(workshop: Workshop) -> None:
    model, rows = workshop.models.add("starter")["id"], workshop.fill("rows", [])
    for number, base in enumerate((model, "another")):
        workshop.index.add(RunEntry(f"r{number}", f"Run {number}", rows, "v1", base, "lora"), [])
    assert workshop.models.forget(model)["runs"] == ["Run 0"]


def test_no_model_is_forgotten_while_something_computes(workshop: Workshop, folder: Path) -> None:
    id = workshop.models.add(str(folder))["id"]
    with workshop.engine.device("train"), pytest.raises(Refusal) as caught:
        workshop.models.forget(id)
    assert caught.value.key == "lease.busy"
    assert [model["id"] for model in workshop.models.list()] == [id]


def test_what_has_arrived_of_a_download_can_be_thrown_away(workshop: Workshop) -> None:
    arriving = workshop.data.models / ".someone--model.arriving-0123456789ab"
    arriving.mkdir()
    (arriving / "model.safetensors.part").write_bytes(b"half")
    workshop.models.drop("someone/other")
    assert arriving.exists()
    workshop.models.drop("someone/model")
    assert not arriving.exists()
