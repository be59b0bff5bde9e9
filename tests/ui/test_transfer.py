"""Rows in and out by file, as the Data tab asks for it; a browser's paths are not believed."""

import csv
import os
import time
from pathlib import Path
from typing import Any

import pytest

from studio.core.errors import UserMistake
from studio.core.words import words
from studio.ui.transfer import KEPT_SECONDS, Transfer
from studio.workbench import Workbench

TABLE = (
    "问题,回答\n什么是哮喘？,一种气道慢性炎症。\n空的,\n"
    "联系我 a@b.example 好吗？,请致电门诊预约时间。\n"
)

MANY = b"question,answer\n" + b"Why?,Because.\n" * 20_000
"""So many rows that they are still coming in when the next thing is asked."""


@pytest.fixture
def transfer(bench: Workbench) -> Transfer:
    return Transfer(bench, words("zh"))


def uploaded(bench: Workbench, name: str, data: bytes) -> Path:
    home = bench.data.uploads / "0123"  # Gradio's name for it, the same whenever it is sent
    home.mkdir(parents=True, exist_ok=True)
    (home / name).write_bytes(data)
    return home / name


def taken(transfer: Transfer, name: str, data: bytes = TABLE.encode()) -> Path:
    """A file that a window has sent and taken as its own."""
    sent = uploaded(transfer.bench, name, data)
    return Path(transfer.take_upload(str(sent))["path"])


def left(bench: Workbench) -> list[Path]:
    """What lies among the uploads, folders too."""
    return list(bench.data.uploads.rglob("*"))


def begun(transfer: Transfer, path: Path, **given: Any) -> str:
    """The task of an import."""
    return str(transfer.import_rows(str(path), "门诊", {}, **given)["task"])


def imported(transfer: Transfer, path: Path, **given: Any) -> dict[str, Any]:
    task = begun(transfer, path, **given)
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
    assert task["result"] == {
        "dataset": "门诊",
        "imported": 2,
        "first": 1,
        "skipped": 1,
        "findings": 1,
    }
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


def test_a_file_that_cannot_be_read_gives_a_card_and_goes(
    bench: Workbench, transfer: Transfer
) -> None:
    task = imported(transfer, taken(transfer, "a.csv", b"x,y\n1,2\n"))
    assert task["status"] == "failed"
    assert task["card"]["key"] == "data.no_columns"
    assert left(bench) == []
    assert bench.rows.all() == []
    transfer.dismiss_task(task["id"])
    assert transfer.task(task["id"]) is None


def test_nothing_is_left_of_an_import_that_was_cancelled(
    bench: Workbench, transfer: Transfer
) -> None:
    task = begun(transfer, taken(transfer, "a.csv", MANY))
    transfer.cancel_task(task)
    bench.tasks.wait(10)
    found = transfer.task(task)
    assert found is not None
    assert found["status"] == "cancelled"
    assert left(bench) == []
    assert bench.rows.all() == []


def test_another_file_for_the_same_dataset_comes_in_beside_the_first(
    bench: Workbench, transfer: Transfer
) -> None:
    first = taken(transfer, "first.csv", MANY)
    task = begun(transfer, first)
    assert begun(transfer, first) == task
    assert begun(transfer, taken(transfer, "second.csv")) != task
    bench.tasks.wait(30)
    assert bench.rows.show("门诊")["rows"] == 20_000 + 2


def test_two_windows_with_one_file_have_each_their_own(
    bench: Workbench, transfer: Transfer
) -> None:
    first, second = taken(transfer, "a.csv"), taken(transfer, "a.csv")
    transfer.drop_upload(str(first))
    assert transfer.preview_rows(str(second), {})["good"] == 2
    transfer.drop_upload(str(second))
    assert left(bench) == []


def test_what_a_closed_page_left_goes_when_another_file_comes(
    bench: Workbench, transfer: Transfer
) -> None:
    sent, kept = uploaded(bench, "sent.csv", TABLE.encode()), Path(transfer.paste_rows("a")["path"])
    ago = time.time() - KEPT_SECONDS - 1
    os.utime(sent.parent, (ago, ago))
    other = Path(transfer.paste_rows("b")["path"])
    assert not sent.exists()
    assert kept.exists()
    assert other.exists()


def test_the_places_of_an_import_are_those_of_its_own_rows(transfer: Transfer) -> None:
    for first in (1, 3):
        result = imported(transfer, taken(transfer, "a.csv"))["result"]
        assert (result["first"], result["findings"]) == (first, 1)
        assert [one["number"] for one in transfer.findings("门诊", first)] == [first + 1]
    assert [one["number"] for one in transfer.findings("门诊")] == [2, 4]


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
