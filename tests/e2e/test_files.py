"""Rows in and out by file, as a person does it in the browser."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from studio.core.rows import Body, NewRow, Status
from studio.workbench import Workbench
from tests.e2e.conftest import Open
from tests.e2e.hosted import Hosted
from tests.e2e.served import Shelf
from tests.e2e.steps import comes, question, rows, sees, sees_row

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Locator, Page

TABLE = (
    "问题,回答\n"
    "什么是哮喘？,一种气道慢性炎症。\n"
    "空的,\n"
    "联系我 a@b.example 好吗？,请致电门诊预约时间。\n"
)
HOSTILE = '<img src="http://evil.example/i.png" onerror="alert(1)">'


def chinese(name: str = "患者问答.csv") -> "FilePayload":
    """The table as Excel in China writes it."""
    return {"name": name, "mimeType": "text/csv", "buffer": TABLE.encode("gb18030")}


def importing(page: "Page") -> "Locator":
    """The dialog, opened."""
    page.get_by_role("button", name="Import…").first.click()
    return page.get_by_role("dialog", name="Bring rows in")


def uploads(bench: Workbench) -> list[Path]:
    """What is left of files that were sent."""
    return [file for file in bench.data.uploads.rglob("*") if file.is_file()]


def test_a_chinese_table_is_looked_at_then_imported(
    visit: Open, hosted: Hosted, shelf: Shelf
) -> None:
    page = visit()
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(chinese())
    expect(dialog).to_contain_text("text encoding GB18030")
    expect(dialog).to_contain_text("Your file is not changed. Nothing is sent anywhere")
    cells = dialog.get_by_role("table").get_by_role("cell")
    expect(cells).to_have_text(
        [
            "什么是哮喘？",
            "一种气道慢性炎症。",
            "联系我 a@b.example 好吗？",
            "请致电门诊预约时间。",
        ]
    )
    dialog.get_by_text("1 will not come in; see why").click()
    expect(dialog.locator(".import-left li")).to_contain_text("row 3")
    assert hosted.bench.rows.all() == []
    dialog.get_by_role("button", name="Import 2 rows").click()
    expect(dialog).to_contain_text("2 rows are now in “患者问答”.")
    expect(dialog).to_contain_text("Names, places and rare stories are not")
    (home,) = [one["id"] for one in hosted.bench.rows.all()]
    assert shelf.statuses(home) == ["ready", "ready"]
    assert uploads(hosted.bench) == []
    dialog.get_by_role("button", name="Look at these places").click()
    found = page.get_by_role("dialog", name="Places that may name a person")
    expect(found.locator("mark")).to_have_text(["a@b.example"])
    found.get_by_role("button", name="a@b.example").click()
    sees_row(page, 2)
    expect(question(page)).to_have_value("联系我 a@b.example 好吗？")
    expect(rows(page)).to_have_count(2)


@pytest.mark.parametrize("way", ["Cancel", "Escape"])
def test_an_import_that_is_given_up_leaves_no_trace(visit: Open, hosted: Hosted, way: str) -> None:
    page = visit()
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(chinese())
    expect(dialog.get_by_role("button", name="Import 2 rows")).to_be_enabled()
    assert len(uploads(hosted.bench)) == 1
    if way == "Cancel":
        dialog.get_by_role("button", name="Cancel").click()
    else:
        page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    comes(page, lambda: uploads(hosted.bench) == [])
    assert hosted.bench.rows.all() == []
    sees(page, "No dataset")


def test_pasted_rows_come_in_as_drafts_if_so_wished(
    visit: Open, hosted: Hosted, shelf: Shelf
) -> None:
    home = shelf.fill("Fever", [NewRow(Body.pair("One?", "One."), Status.READY)])
    page = visit()
    sees_row(page, 1)
    dialog = importing(page)
    dialog.get_by_text("Or paste rows").click()
    pasted = dialog.get_by_role("textbox", name="Or paste rows")
    pasted.fill(f'question,answer\nTwo?,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n')
    dialog.get_by_role("button", name="Look at the pasted rows").click()
    expect(dialog.get_by_role("table")).to_contain_text(HOSTILE)
    dialog.get_by_role("radio", name="drafts").check()
    dialog.get_by_role("button", name="Import 1 rows").click()
    expect(dialog).to_contain_text("1 rows are now in “Fever”.")
    dialog.get_by_role("button", name="Close").click()
    expect(rows(page)).to_have_count(2)
    assert shelf.statuses(home) == ["ready", "draft"]
    assert shelf.responses(home) == ["One.", HOSTILE]
    assert uploads(hosted.bench) == []


def test_a_file_that_is_dropped_is_looked_at(visit: Open) -> None:
    page = visit()
    dialog = importing(page)
    carried = page.evaluate_handle(
        """() => {
          const carried = new DataTransfer();
          carried.items.add(new File(["question,answer\\nWhy?,Because.\\n"], "dropped.csv"));
          return carried;
        }"""
    )
    dialog.locator(".import-drop").dispatch_event("drop", {"dataTransfer": carried})
    expect(dialog.get_by_label("Name of the new dataset")).to_have_value("dropped")
    expect(dialog.get_by_role("table")).to_contain_text("Because.")


def test_a_file_that_is_none_of_rows_gives_one_card(visit: Open, hosted: Hosted) -> None:
    page = visit()
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(
        {"name": "scan.csv", "mimeType": "text/csv", "buffer": b"\x00\x01" * 50}
    )
    card = dialog.get_by_role("alert")
    expect(card).to_have_count(1)
    expect(card).not_to_be_empty()
    expect(dialog.locator(".import-drop")).to_be_visible()
    assert hosted.bench.rows.all() == []


def test_a_table_for_excel_keeps_its_chinese_and_runs_nothing(visit: Open, shelf: Shelf) -> None:
    shelf.fill("患者问答", [NewRow(Body.pair("什么是哮喘？", "=1+1"))])
    page = visit()
    sees_row(page, 1)
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Save the rows to a file")
    dialog.get_by_role("radio", name="Table for Excel").check()
    with page.expect_download() as loading:
        dialog.get_by_role("button", name="Write the file").click()
    expect(dialog).to_contain_text("1 rows are written.")
    assert loading.value.suggested_filename.startswith("患者问答")
    data = Path(loading.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert list(row.values())[:2] == ["什么是哮喘？", "'=1+1"]


def test_each_format_is_offered_once_and_leaves_out_what_it_says(visit: Open, shelf: Shelf) -> None:
    shelf.fill("Fever", [NewRow(Body.pair("Why?", "Because."), notes="Ask.")])
    page = visit()
    sees_row(page, 1)
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Save the rows to a file")
    dialog.get_by_text("Formats that these rows do not fit into, and why").click()
    names = dialog.locator(".s-heading")
    expect(names.filter(has_text="Finetune Studio")).to_have_count(1)
    offered = names.all_text_contents()
    assert len(offered) == len(set(offered)) > 5
    expect(dialog.get_by_role("radio", name="Finetune Studio")).to_be_checked()
    expect(dialog.locator("label", has_text="Prompt and completion")).to_contain_text(
        "Leaves out: notes"
    )
