"""Rows in and out by file, as the Data tab asks for it; a browser's paths are not believed."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import UserMistake
from studio.core.words import words
from studio.ui.transfer import Transfer
from studio.workbench import Workbench
from tests.ui.benches import bench_without_torch

TABLE = (
    "问题,回答\n什么是哮喘？,一种气道慢性炎症。\n空的,\n"
    "联系我 a@b.example 好吗？,请致电门诊预约时间。\n"
)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    with bench_without_torch(tmp_path / "data") as made:
        yield made


@pytest.fixture
def transfer(bench: Workbench) -> Transfer:
    return Transfer(bench, words("zh"))


def uploaded(bench: Workbench, name: str, data: bytes) -> Path:
    home = bench.data.uploads / "0123"
    home.mkdir(parents=True)
    (home / name).write_bytes(data)
    return home / name


def imported(transfer: Transfer, path: Path, **given: Any) -> dict[str, Any]:
    task = transfer.import_rows(str(path), "门诊", {}, **given)["task"]
    transfer.bench.tasks.wait(10)
    found = transfer.task(task)
    assert found is not None
    return found


def test_a_gb18030_table_is_previewed_and_imported_whole(
    bench: Workbench, transfer: Transfer
) -> None:
    path = uploaded(bench, "患者问答.csv", TABLE.encode("gb18030"))
    found = transfer.preview_rows(str(path), {})
    assert (found["good"], found["skipped_count"], found["encoding"]) == (2, 1, "gb18030")
    assert found["rows"][0]["prompt"] == "什么是哮喘？"
    assert found["skipped"][0]["row"] == 3
    assert "回答" in found["skipped"][0]["reason"]
    task = imported(transfer, path)
    assert task["result"] == {"dataset": "门诊", "imported": 2, "skipped": 1, "findings": 1}
    assert [one["found"] for one in transfer.findings("门诊")] == ["a@b.example"]


def test_nothing_is_left_of_an_upload(bench: Workbench, transfer: Transfer) -> None:
    first = uploaded(bench, "a.csv", TABLE.encode())
    imported(transfer, first)
    assert not first.parent.exists()
    pasted = Path(transfer.paste_rows(TABLE)["path"])
    assert pasted.read_text(encoding="utf-8") == TABLE
    transfer.drop_upload(str(pasted))
    assert not pasted.parent.exists()
    assert bench.data.uploads.is_dir()


def test_rows_may_wait_as_drafts(bench: Workbench, transfer: Transfer) -> None:
    imported(transfer, uploaded(bench, "a.csv", TABLE.encode()), drafts=True)
    assert bench.rows.show("门诊")["status"] == {"draft": 2, "ready": 0, "flagged": 0}


def test_a_file_that_cannot_be_read_gives_a_card_and_stays(
    bench: Workbench, transfer: Transfer
) -> None:
    path = uploaded(bench, "a.csv", b"x,y\n1,2\n")
    task = imported(transfer, path)
    assert task["status"] == "failed"
    assert task["card"]["key"] == "data.no_columns"
    assert path.exists()
    assert bench.rows.all() == []


@pytest.mark.parametrize("path", ["/etc/passwd", "", "\0", "../studio.db", "no-such-file"])
def test_only_uploads_are_read(transfer: Transfer, path: str) -> None:
    for act in (lambda: transfer.preview_rows(path, {}), lambda: transfer.drop_upload(path)):
        with pytest.raises(UserMistake) as refused:
            act()
        assert refused.value.key == "page.upload_gone"


def test_a_link_out_of_the_uploads_is_not_followed(bench: Workbench, transfer: Transfer) -> None:
    link = bench.data.uploads / "link.csv"
    bench.data.uploads.mkdir(exist_ok=True)
    link.symlink_to(bench.data.database)
    with pytest.raises(UserMistake):
        transfer.preview_rows(str(link), {})


def test_an_export_opens_in_excel_with_chinese_intact(bench: Workbench, transfer: Transfer) -> None:
    imported(transfer, uploaded(bench, "a.csv", TABLE.encode()))
    choice = next(c for c in transfer.export_formats("门诊") if c["format"] == "excel")
    assert choice["fits"]
    written = transfer.export_rows("门诊", choice["format"], choice["suffix"])
    path = Path(written["path"])
    assert path.parent == bench.data.exports
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with open(path, encoding="utf-8-sig", newline="") as file:
        assert "什么是哮喘？" in next(iter(csv.DictReader(file))).values()


def test_a_format_that_would_lose_something_says_why(bench: Workbench, transfer: Transfer) -> None:
    imported(transfer, uploaded(bench, "a.csv", TABLE.encode()))
    choices = {choice["format"]: choice for choice in transfer.export_formats("门诊")}
    assert not choices["preference"]["fits"]
    assert "2" in choices["preference"]["reason"]
