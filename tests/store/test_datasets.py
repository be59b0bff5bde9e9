import unicodedata
from pathlib import Path

import pytest

from studio.core.errors import UserMistake
from studio.store.datasets import NAME_LENGTH, Datasets, find_or_create
from tests.store.sample_rows import UnsyncedDatabase


@pytest.fixture
def datasets(tmp_path: Path) -> Datasets:
    return Datasets(UnsyncedDatabase(tmp_path / "studio.db", clock=lambda: 12.5))


def test_a_dataset_is_found_by_name_and_by_id(datasets: Datasets) -> None:
    made = datasets.create("  Sleep 睡眠 ")
    assert (made.name, made.created, made.trashed) == ("Sleep 睡眠", 12.5, None)
    assert datasets.get("Sleep 睡眠") == datasets.get(made.id) == made


def test_each_dataset_has_a_salt_of_its_own(datasets: Datasets) -> None:
    assert datasets.create("a").salt != datasets.create("b").salt


def test_a_name_is_the_same_however_it_was_typed(datasets: Datasets) -> None:
    made = datasets.create("Caf\u00e9")
    assert datasets.get(unicodedata.normalize("NFD", " Caf\u00e9 ")) == made


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("", "names.empty"),
        (" \t", "names.empty"),
        ("x" * (NAME_LENGTH + 1), "names.too_long"),
        ("a\nb", "names.control_character"),
        ("a\x00b", "names.control_character"),
        ("a\u2028b", "names.control_character"),
        ("a\ud800", "names.control_character"),
    ],
)
def test_what_is_no_name_is_refused(datasets: Datasets, name: str, key: str) -> None:
    with pytest.raises(UserMistake) as caught:
        datasets.create(name)
    assert caught.value.key == key
    assert datasets.list() == ()


@pytest.mark.parametrize("name", ["..", "CON", "~", "a/b", "C:\\x", "%2e", "\u202eabc", "x" * 100])
def test_a_name_is_only_a_label(datasets: Datasets, name: str, tmp_path: Path) -> None:
    assert datasets.create(name).name == name
    assert [path.name for path in tmp_path.iterdir()] == ["studio.db"]


def test_a_name_is_taken_once(datasets: Datasets) -> None:
    datasets.create("a")
    with pytest.raises(UserMistake, match=r"datasets\.name_taken"):
        datasets.create(" a ")
    assert len(datasets.list()) == 1


def test_a_name_is_found_or_made(datasets: Datasets, tmp_path: Path) -> None:
    database = UnsyncedDatabase(tmp_path / "studio.db")
    known = datasets.create("a")
    with database.write() as connection:
        assert find_or_create(connection, " a ", 1.0) == known
        assert find_or_create(connection, known.id, 1.0) == known
        made = find_or_create(connection, "b", 1.0)
    assert datasets.list() == (known, made)
    assert (made.name, made.created) == ("b", 1.0)


def test_an_unknown_name_is_answered_with_the_known_ones(datasets: Datasets) -> None:
    for name in ("b", "a", "c"):
        datasets.create(name)
    datasets.trash("c")
    with pytest.raises(UserMistake) as caught:
        datasets.get("d")
    assert caught.value.facts == {"name": "d", "known": "a, b"}


def test_an_id_wins_over_a_name(datasets: Datasets) -> None:
    first = datasets.create("a")
    datasets.create(first.id)
    assert datasets.get(first.id) == first


def test_a_dataset_is_renamed(datasets: Datasets) -> None:
    made = datasets.create("a")
    datasets.create("b")
    assert datasets.rename("a", "c").id == made.id
    assert datasets.rename("c", " c").name == "c"
    with pytest.raises(UserMistake, match=r"datasets\.name_taken"):
        datasets.rename("c", "b")
    assert [dataset.name for dataset in datasets.list()] == ["b", "c"]


def test_trash_frees_the_name_and_restore_wants_it_back(datasets: Datasets) -> None:
    old = datasets.create("a")
    assert datasets.trash("a").trashed == 12.5
    assert datasets.trash(old.id).trashed == 12.5
    assert datasets.list() == ()
    assert datasets.list(trashed=True) == (datasets.get(old.id),)
    new = datasets.create("a")
    assert datasets.get("a") == new
    with pytest.raises(UserMistake, match=r"datasets\.name_taken"):
        datasets.restore(old.id)
    datasets.rename(new.id, "b")
    assert datasets.restore(old.id) == datasets.restore(old.id) == old
