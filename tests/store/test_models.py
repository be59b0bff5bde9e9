from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.store.models import ModelEntry, Models
from tests.store.sample_rows import UnsyncedDatabase

STARTER = ModelEntry("starter", "SmolLM2", "/models/starter", {"hash": "ab"}, {"layers": 30})
OTHER = ModelEntry("other", "starter", "/models/other")


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(UnsyncedDatabase(tmp_path / "studio.db", clock=lambda: 3.0))


def test_a_model_comes_back_as_it_was_written_down(models: Models) -> None:
    added = models.add(STARTER)
    assert added.added == 3.0
    assert (added.identity, added.facts) == ({"hash": "ab"}, {"layers": 30})
    assert models.list() == (added,)


def test_a_model_is_found_by_id_folder_and_name_in_this_order(models: Models) -> None:
    starter, other = models.add(STARTER), models.add(OTHER)
    assert models.get("starter") == starter
    assert models.get("/models/other") == other
    assert models.get("SmolLM2") == starter


def test_writing_a_model_down_again_replaces_what_is_known(models: Models) -> None:
    models.add(STARTER)
    models.add(ModelEntry("starter", "New", "/elsewhere"))
    (found,) = models.list()
    assert (found.name, found.folder, found.facts) == ("New", "/elsewhere", {})


def test_a_removed_model_is_unknown(models: Models) -> None:
    models.add(STARTER)
    models.add(OTHER)
    models.remove("SmolLM2")
    with pytest.raises(UserMistake) as caught:
        models.get("SmolLM2")
    assert caught.value.facts == {"name": "SmolLM2", "known": "other"}
