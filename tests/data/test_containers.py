"""Records are told apart and numbered as a person counts; broken ones are named, not lost."""

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import UserMistake
from studio.data.containers import CONTAINERS, choose

JSONL = CONTAINERS["jsonl"]
JSON = CONTAINERS["json"]
CSV = CONTAINERS["csv"]
TXT = CONTAINERS["txt"]
DEEP = "[" * 200_000 + "]" * 200_000
LONG_NUMBER = "9" * 5000


def rows(container: str, text: str) -> list[tuple[int, Any]]:
    """Row number with the columns, or with the reason for which it is skipped."""
    found = CONTAINERS[container].records(text)
    return [(r.row, r.columns if r.skip is None else r.skip.reason) for r in found]


def written(container: str, records: list[dict[str, Any]]) -> str:
    file = io.StringIO(newline="")
    CONTAINERS[container].write(records, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "text", "container"),
    [
        ("rows.jsonl", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("rows.json", '{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("rows.jsonl", '[{"a": 1}]', "json"),
        ("rows.json", '{"data": [{"a": 1}]}', "json"),
        ("rows.json", '{"a":', "json"),
        ("rows.json", "", "json"),
        ("rows.jsonl", "nonsense\n", "jsonl"),
        ("rows.jsonl", 'nonsense\n{"a": 1}\n', "jsonl"),
        ("rows.txt", '{"a": 1,\n{"a": 2}\n', "jsonl"),
        ("rows.txt", "prompt\tresponse\nhi\tho\n", "csv"),
        ("rows.tsv", "prompt\tresponse\nhi\tho\n", "tsv"),
        ("rows.csv", "A,B\n1,2\n", "csv"),
        ("rows.csv", '[{"prompt": "hi", "response": "ho"}]', "json"),
        ("rows.txt", "[1] A question, an answer.\nMore.\n", "txt"),
        ("notes.md", "A question, an answer.\n\nAnother.\n", "txt"),
        ("", "问题,回答\n咳嗽,喝水\n", "csv"),
        ("rows.dat", '{"a": 1}\n', "json"),
    ],
)
def test_content_outweighs_the_name(name: str, text: str, container: str) -> None:
    assert choose(name, text).id == container


def test_a_file_that_nothing_fits_is_shown() -> None:
    with pytest.raises(UserMistake) as caught:
        choose("rows.dat", "Once upon\n a time")
    assert caught.value.facts == {"name": "rows.dat", "seen": "Once upon a time"}


def test_lines_end_only_where_json_lines_do() -> None:
    text = '{"a": "x\u2028\u2029\x85y"}\r\n\r\n{"a": 2}\r{"a": 3}\n  \n{"a": 4}'
    assert rows("jsonl", text) == [
        (1, {"a": "x\u2028\u2029\x85y"}),
        (3, {"a": 2}),
        (4, {"a": 3}),
        (6, {"a": 4}),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": 1', "data.broken_json"),
        ('{"a": 1,}', "data.broken_json"),
        ('{"a": 1} {"a": 2}', "data.broken_json"),
        ("{'a': 1}", "data.broken_json"),
        ('{"a": "tab\there"}', "data.broken_json"),
        (f'{{"a": {LONG_NUMBER}}}', "data.broken_json"),
        ("null", "data.not_object"),
        ("[1, 2]", "data.not_object"),
        ('{"a": NaN}', "data.not_a_number"),
        ('{"a": {"b": -Infinity, "b": 1}}', "data.not_a_number"),
        ('{"a": 1, "a": 2}', "data.repeated"),
        ('{"a": [{"b": 1, "b": 2}], "b": NaN}', "data.repeated"),
        ('{"a": "\\ud83d"}', "data.torn_character"),
        ('{"\\udc00": "b"}', "data.torn_character"),
        (f'{{"a": {DEEP}}}', "data.too_deep"),
    ],
)
def test_a_bad_line_is_skipped_with_its_reason_and_the_others_are_read(
    line: str, reason: str
) -> None:
    text = '{"a": 0}\n' + line + '\n{"a": "\\ud83d\\ude00 \\u2028"}\n'
    assert rows("jsonl", text) == [(1, {"a": 0}), (2, reason), (3, {"a": "😀 \u2028"})]


def test_a_broken_line_says_where() -> None:
    record = list(JSONL.records('{"a": 0}\n{"a": x}\n'))[1]
    assert record.skip is not None
    assert record.skip.facts == {"line": 2, "position": 7}


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1}, {"a": 2}]',
        '\n[\n {"a": 1},\n {"a": 2}\n]\n',
        '{"data": [{"a": 1}, {"a": 2}], "version": 1}',
        '{"version": 1, "train": [{"a": 1}, {"a": 2}]}',
    ],
)
def test_a_list_of_objects_is_found(text: str) -> None:
    assert rows("json", text) == [(1, {"a": 1}), (2, {"a": 2})]


def test_one_object_is_one_row() -> None:
    assert rows("json", '{"messages": [],\n "n": 1}') == [(1, {"messages": [], "n": 1})]
    assert rows("json", "[ ]") == []
    assert rows("json", "7") == [(1, "data.not_object")]


def test_a_bad_element_is_skipped_and_the_others_are_read() -> None:
    text = '[{"a": 1}, 2, {"a": NaN}, "x", {"a": 1, "a": 2}, {"a": 3}]'
    assert rows("json", text) == [
        (1, {"a": 1}),
        (2, "data.not_object"),
        (3, "data.not_a_number"),
        (4, "data.not_object"),
        (5, "data.repeated"),
        (6, {"a": 3}),
    ]


@pytest.mark.parametrize(
    ("text", "line", "position"),
    [
        ('[{"a": 1},\n {"a": 2', 2, 9),
        ('[{"a": 1},\n]', 2, 1),
        ('[{"a": 1}\n {"a": 2}]', 2, 2),
        ('[{"a": 1}', 1, 10),
        ('[{"a": 1}] x', 1, 12),
        ('{"a": 1}\n x', 2, 2),
        ("", 1, 1),
    ],
)
def test_a_list_that_breaks_is_refused_whole(text: str, line: int, position: int) -> None:
    with pytest.raises(UserMistake) as caught:
        list(JSON.records(text))
    assert caught.value.key == "data.broken_json"
    assert caught.value.facts == {"line": line, "position": position}


def test_a_list_that_is_too_deep_is_refused() -> None:
    with pytest.raises(UserMistake, match=r"data\.too_deep\(line=2\)"):
        list(JSON.records('[{"a": 1},\n' + DEEP + "]"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    text = '"q",a\n"x; y, z\tw",ho\n'.replace(",", delimiter, 1).replace('",', f'"{delimiter}')
    assert rows("csv", text) == [(2, {"q": "x; y, z\tw", "a": "ho"})]


def test_rows_are_numbered_as_in_a_spreadsheet() -> None:
    text = 'q,a\r\n\r\n"two\r\nlines",2\r\n,\r\n"said ""so""",4\r\n'
    assert rows("csv", text) == [
        (3, {"q": "two\r\nlines", "a": "2"}),
        (5, {"q": 'said "so"', "a": "4"}),
    ]


def test_cells_stay_strings() -> None:
    cells = ["1-2", "MARCH1", "1E5", "007", "-ve", "=1+1", " +ve ", "NA", "null", "0.10"]
    text = "q,a\n" + "".join(f"{cell},x\n" for cell in cells)
    assert [record.columns["q"] for record in CSV.records(text)] == cells


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("1,2,3", "data.extra_cells"),
        ("1,2,,", {"q": "1", "a": "2"}),
        ("1", {"q": "1", "a": None}),
        ('"1" x,2', "data.stray_quote"),
    ],
)
def test_a_row_of_another_width_is_named(line: str, found: object) -> None:
    assert rows("csv", f"q,a\nx,y\n{line}\nlast,1\n") == [
        (2, {"q": "x", "a": "y"}),
        (3, found),
        (4, {"q": "last", "a": "1"}),
    ]


def test_a_quote_that_never_closes_is_named_by_its_row() -> None:
    assert rows("csv", 'q,a\nx,y\n"open,1\nmore,2\n') == [
        (2, {"q": "x", "a": "y"}),
        (3, "data.open_quote"),
    ]


@pytest.mark.parametrize(
    ("header", "key"), [("q,a,q", "data.same_columns"), ('"q"x,a', "data.stray_quote")]
)
def test_a_header_that_cannot_be_used_is_refused(header: str, key: str) -> None:
    with pytest.raises(UserMistake) as caught:
        list(CSV.records(f"{header}\n1,2,3\n"))
    assert caught.value.key == key


def test_a_column_without_a_name_has_its_number() -> None:
    assert rows("csv", "q,,a\n1,2,3\n") == [(2, {"q": "1", "#2": "2", "a": "3"})]


def test_a_cell_beyond_the_standard_limit_is_read() -> None:
    assert rows("csv", f"q,a\n{'x' * 200_000},y\n")[0][1]["q"] == "x" * 200_000


def test_a_long_table_is_recognised_by_its_beginning() -> None:
    text = 'question;answer\n"a, b";"c\nd"\n' + 'x, y;"long, long"\n' * 10_000
    assert len(rows("csv", text)) == 10_001


def test_an_empty_table_has_no_rows() -> None:
    assert rows("csv", "\n\n") == []


def test_prose_is_no_table() -> None:
    assert not CSV.sniff("The question, and the answer,\nbut, of course, more\n")
    assert not CSV.sniff("The question, the answer\nbut, of course, more\n")
    assert not CSV.sniff(f"question {'x' * 40},answer\n1,2\n")


def test_documents_stand_between_blank_lines() -> None:
    text = "\r\none\r\n more\r\n \t\r\n\r\ntwo\u2028still two\n"
    assert rows("txt", text) == [(2, {"text": "one\n more"}), (6, {"text": "two\u2028still two"})]


@pytest.mark.parametrize("text", ["a\n\nb", "a\n", "\na", "a\rb", " \n", ""])
def test_a_document_that_plain_text_would_change_is_refused(text: str) -> None:
    assert TXT.refuses({"text": text}) == "data.lost_blank_lines"


def test_other_documents_survive_plain_text() -> None:
    records = [{"text": "one\n more "}, {"text": "two"}]
    assert [TXT.refuses(record) for record in records] == [None, None]
    assert [columns for _, columns in rows("txt", written("txt", records))] == records


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=4)


@pytest.mark.parametrize("container", ["jsonl", "json"])
@settings(deadline=None)
@given(records=RECORDS)
def test_json_gives_back_what_was_written(container: str, records: list[dict[str, Any]]) -> None:
    text = written(container, records)
    assert [columns for _, columns in rows(container, text)] == records
    assert len(text.splitlines()) == text.count("\n")


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@pytest.mark.parametrize("container", ["csv", "tsv", "excel"])
@settings(deadline=None)
@given(records=st.lists(st.fixed_dictionaries({"q": CELL, "a": CELL.filter(bool)}), max_size=5))
def test_tables_give_back_what_was_written(container: str, records: list[dict[str, str]]) -> None:
    assert all(CONTAINERS[container].refuses(record) is None for record in records)
    assert [columns for _, columns in rows(container, written(container, records))] == records


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_a_formula_is_disarmed_for_excel_alone(sign: str) -> None:
    record = {"q": f"{sign}1+1", "a": "y"}
    assert f"'{sign}1+1" in written("excel", [record])
    assert "'" not in written("csv", [record])


def test_an_apostrophe_that_someone_took_away_is_not_missed() -> None:
    text = written("excel", [{"q": "=1", "a": "'tis"}]).replace("'=1", "=1")
    assert rows("excel", text) == [(2, {"q": "=1", "a": "'tis"})]


def test_what_a_table_cannot_hold_is_refused() -> None:
    assert CSV.refuses({"q": "a\x00b"}) == "data.lost_zero_bytes"
    assert TXT.refuses({"text": "a\x00b"}) == "data.lost_zero_bytes"
    assert CONTAINERS["excel"].refuses({"q": "x" * 32_767}) == "data.lost_long_cell"
    assert CSV.refuses({"q": "x" * 32_767}) is None
