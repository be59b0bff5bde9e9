from pathlib import Path

import pytest

from studio.core.sheets import Sheet
from studio.store.sheets import Sheets

SHEET = Sheet("Tiny", "layers.", 8, 64, 32, False, ())


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "config.json"
    file.write_text("{}", encoding="utf-8")
    return file


def test_a_sheet_is_kept_for_exactly_its_configuration(config: Path, tmp_path: Path) -> None:
    sheets = Sheets(tmp_path / "sheets")
    assert sheets.get(config) is None
    sheets.keep(config, SHEET)
    assert sheets.get(config) == SHEET
    config.write_text("{ }", encoding="utf-8")
    assert sheets.get(config) is None


def test_without_a_configuration_there_is_none(tmp_path: Path) -> None:
    assert Sheets(tmp_path / "sheets").get(tmp_path / "config.json") is None


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b"\xff", b'{"layers": 3}'])
def test_a_damaged_sheet_is_none(damage: bytes, config: Path, tmp_path: Path) -> None:
    sheets = Sheets(tmp_path / "sheets")
    sheets.keep(config, SHEET)
    (kept,) = sheets.folder.iterdir()
    kept.write_bytes(damage)
    assert sheets.get(config) is None
