"""Rows in and out by file, as a person does it in the browser."""

import csv
import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
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
    from playwright.sync_api import FilePayload, Locator, Page, Route

TABLE = (
    "问题,回答\n"
    "什么是哮喘？,一种气道慢性炎症。\n"
    "空的,\n"
    "联系我 a@b.example 好吗？,请致电门诊预约时间。\n"
)
OTHERS = [NewRow(Body.pair("Why?", "Because."))]
HOSTILE = '<img src="http://evil.example/i.png" onerror="alert(1)">'


def chinese(name: str = "患者问答.csv") -> "FilePayload":
    """The table as Excel in China writes it."""
    return {"name": name, "mimeType": "text/csv", "buffer": TABLE.encode("gb18030")}


def importing(page: "Page") -> "Locator":
    """The dialog, opened."""
    page.get_by_role("button", name="Import…").first.click()
    return page.get_by_role("dialog", name="Bring rows in")


def looked_at(page: "Page") -> "Locator":
    """The dialog with the table in it, and the button that begins."""
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(chinese())
    expect(dialog.get_by_role("button", name="Import 2 rows")).to_be_enabled()
    return dialog


def is_wish(route: "Route", action: str) -> bool:
    """Whether the page asks for that action."""
    return action in (route.request.post_data or "")


@contextmanager
def nothing_is_stored(bench: Workbench) -> Iterator[None]:
    """As if another program were writing all the while."""
    with closing(sqlite3.connect(bench.data.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


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


def test_a_file_that_is_refused_leaves_no_trace(visit: Open, hosted: Hosted) -> None:
    page = visit()
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(
        {"name": "scan.csv", "mimeType": "text/csv", "buffer": b"\x00\x01" * 50}
    )
    expect(dialog.get_by_role("alert")).to_be_visible()
    comes(page, lambda: uploads(hosted.bench) == [])


def test_a_file_that_is_given_up_while_it_is_sent_leaves_no_trace(
    visit: Open, hosted: Hosted
) -> None:
    page = visit()
    held: list[Route] = []
    page.route(
        "**/component_server*/**",
        lambda route: held.append(route) if is_wish(route, "take_upload") else route.continue_(),
    )
    dialog = importing(page)
    dialog.locator("input[type=file]").set_input_files(chinese())
    comes(page, lambda: len(held) == 1)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert len(uploads(hosted.bench)) == 1
    held[0].continue_()
    comes(page, lambda: uploads(hosted.bench) == [])


def test_no_key_leaves_an_import_that_runs(visit: Open, hosted: Hosted) -> None:
    page = visit()
    dialog = looked_at(page)
    with nothing_is_stored(hosted.bench):
        dialog.get_by_role("button", name="Import 2 rows").click()
        expect(dialog.locator(".s-progress")).to_be_visible()
        for _ in range(3):
            page.keyboard.press("Escape")
        expect(dialog.locator(".s-progress")).to_be_visible()
    expect(dialog).to_contain_text("2 rows are now in “患者问答”.")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_no_key_leaves_an_import_that_has_not_answered_yet(visit: Open, hosted: Hosted) -> None:
    page = visit()
    held: list[Route] = []
    page.route(
        "**/component_server*/**",
        lambda route: held.append(route) if is_wish(route, "import_rows") else route.continue_(),
    )
    dialog = looked_at(page)
    dialog.get_by_role("button", name="Import 2 rows").click()
    comes(page, lambda: len(held) == 1)
    expect(dialog.get_by_role("button", name="Cancel")).to_be_disabled()
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    held[0].continue_()
    expect(dialog).to_contain_text("2 rows are now in “患者问答”.")
    assert uploads(hosted.bench) == []


def test_an_import_that_was_not_answered_can_be_begun_again(visit: Open) -> None:
    page = visit()
    fails = [True]
    page.route(
        "**/component_server*/**",
        lambda route: (
            route.abort() if is_wish(route, "import_rows") and fails.pop() else route.continue_()
        ),
    )
    dialog = looked_at(page)
    begin = dialog.get_by_role("button", name="Import 2 rows")
    begin.click()
    expect(dialog).to_contain_text("The studio did not answer")
    fails.append(False)
    begin.click()
    expect(dialog).to_contain_text("2 rows are now in “患者问答”.")


def test_a_file_goes_into_the_open_dataset_or_a_new_one(visit: Open, shelf: Shelf) -> None:
    home = shelf.fill("Fever", [NewRow(Body.pair("One?", "One."), Status.READY)])
    page = visit()
    sees_row(page, 1)
    dialog = looked_at(page)
    into = dialog.get_by_role("group", name="Into")
    expect(into.get_by_role("radio", name="Fever")).to_be_checked()
    name = dialog.get_by_label("Name of the new dataset")
    expect(name).to_be_hidden()
    into.get_by_role("radio", name="a new dataset").check()
    expect(name).to_have_value("患者问答")
    expect(name).to_have_class("s-input notranslate")
    dialog.get_by_role("button", name="Import 2 rows").click()
    expect(dialog).to_contain_text("2 rows are now in “患者问答”.")
    assert len(shelf.ids(home)) == 1


def test_places_that_may_name_a_person_are_found_without_an_import(
    visit: Open, shelf: Shelf
) -> None:
    shelf.fill("Fever", [NewRow(Body.pair("Who?", "old@b.example"))])
    page = visit()
    sees_row(page, 1)
    dialog = looked_at(page)
    dialog.get_by_role("button", name="Import 2 rows").click()
    expect(dialog).to_contain_text("1 places may name a person")
    dialog.get_by_role("button", name="Look at these places").click()
    found = page.get_by_role("dialog", name="Places that may name a person")
    expect(found.locator("mark")).to_have_text(["a@b.example"])
    found.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Fever").click()
    page.get_by_role("menuitem", name="Places that may name a person").click()
    expect(found.locator("mark")).to_have_text(["old@b.example", "a@b.example"])


def test_names_from_a_file_are_not_translated(visit: Open) -> None:
    page = visit()
    dialog = looked_at(page)
    name = dialog.locator("bdi", has_text="患者问答.csv")
    expect(name).to_have_attribute("translate", "no")
    page.keyboard.press("Escape")
    dialog = importing(page)
    scan: FilePayload = {"name": "scan.csv", "mimeType": "text/csv", "buffer": b"\x00\x01" * 50}
    dialog.locator("input[type=file]").set_input_files(scan)
    expect(dialog.get_by_role("alert").locator(".s-text")).to_have_attribute("translate", "no")


def test_pasted_rows_come_in_as_drafts_if_so_wished(
    visit: Open, hosted: Hosted, shelf: Shelf
) -> None:
    home = shelf.fill("Fever", [NewRow(Body.pair("One?", "One."), Status.READY)])
    page = visit()
    sees_row(page, 1)
    dialog = importing(page)
    dialog.get_by_text("Or paste rows").click()
    pasted = dialog.get_by_role("textbox", name="Or paste rows")
    quoted = HOSTILE.replace('"', '""')
    pasted.fill(f'question,answer\nTwo?,"{quoted}"\nThree?,Three.\n')
    dialog.get_by_role("button", name="Look at the pasted rows").click()
    expect(dialog.get_by_role("table")).to_contain_text(HOSTILE)
    dialog.get_by_role("radio", name="drafts").check()
    dialog.get_by_role("button", name="Import 2 rows").click()
    expect(dialog).to_contain_text("2 rows are now in “Fever”.")
    dialog.get_by_role("button", name="Close").click()
    expect(rows(page)).to_have_count(3)
    assert shelf.statuses(home) == ["ready", "draft", "draft"]
    assert shelf.responses(home) == ["One.", HOSTILE, "Three."]
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
    shelf.fill("患者问答", [NewRow(Body.pair("什么是哮喘？", "=1+1")), *OTHERS])
    page = visit()
    sees_row(page, 1)
    page.get_by_role("button", name="Export…").click()
    dialog = page.get_by_role("dialog", name="Save the rows to a file")
    dialog.get_by_role("radio", name="Table for Excel").check()
    with page.expect_download() as loading:
        dialog.get_by_role("button", name="Write the file").click()
    expect(dialog).to_contain_text("2 rows are written.")
    assert loading.value.suggested_filename.startswith("患者问答")
    data = Path(loading.value.path()).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    row, _ = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
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
