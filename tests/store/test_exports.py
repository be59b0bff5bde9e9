from pathlib import Path

from studio.store.exports import export_of, list_rows, listed_rows, remove_export


def test_the_list_of_an_export_is_found_by_the_exports_name(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    assert listed_rows(file) == frozenset()
    list_rows(file, ["a", "b"])
    assert listed_rows(file) == {"a", "b"}
    (written,) = tmp_path.iterdir()
    assert written.name == "rows.csv.rows.json"
    assert export_of(written) == export_of(file) == file


def test_an_export_goes_with_its_list(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    list_rows(file, ["a"])
    file.touch()
    remove_export(file)
    remove_export(file)
    assert list(tmp_path.iterdir()) == []
