from typing import Any

import pytest

from studio.core.errors import UserMistake
from studio.core.rows import Body, Split, Status
from studio.store.row_values import Change, Query, Sort
from studio.workbench.wishes import LONGEST_PAGE, read_change, read_query, read_status

PAGE: dict[str, Any] = {
    "search": "",
    "status": "",
    "split": "",
    "sort": "position",
    "offset": 0,
    "limit": 50,
    "trashed": False,
}


def test_a_change_says_only_what_it_changes() -> None:
    assert read_change({}) == Change()
    assert read_change({"notes": ""}) == Change(notes="")
    assert read_change({"tags": []}) == Change(tags=())


def test_every_field_is_read() -> None:
    body = Body.pair("问", "答")
    change = {
        "body": body.as_json(),
        "status": "flagged",
        "split": "exam",
        "notes": "备注",
        "tags": ["a", "b"],
    }
    assert read_change(change) == Change(body, Status.FLAGGED, Split.EXAM, "备注", ("a", "b"))


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ([], "rows.change_shape"),
        ("body", "rows.change_shape"),
        (None, "rows.change_shape"),
        ({"revision": 3}, "rows.change_field"),
        ({"Notes": "x"}, "rows.change_field"),
        ({"notes": None}, "rows.change_type"),
        ({"notes": 3}, "rows.change_type"),
        ({"tags": "a, b"}, "rows.change_type"),
        ({"tags": ["a", 1]}, "rows.change_type"),
        ({"status": "reviewed"}, "rows.change_word"),
        ({"status": True}, "rows.change_word"),
        ({"split": ["exam"]}, "rows.change_word"),
        ({"body": None}, "rows.body_shape"),
        ({"body": {}}, "rows.empty_body"),
        ({"body": {"messages": []}}, "rows.empty_body"),
        ({"body": {"messages": "hello"}}, "rows.messages_shape"),
        ({"body": {"messages": [{"role": "doctor", "content": "x"}]}}, "rows.role"),
        ({"body": {"messages": [{"role": "user", "content": "\ud83d"}]}}, "rows.surrogate"),
        ({"body": {"text": 3}}, "rows.content"),
    ],
)
def test_a_change_that_is_none_is_told_as_such(change: object, key: str) -> None:
    with pytest.raises(UserMistake) as caught:
        read_change(change)
    assert caught.value.key == key


def test_an_empty_filter_asks_for_any() -> None:
    assert read_query(**PAGE) == Query()


def test_every_part_of_a_query_is_read() -> None:
    asked = {
        "search": "fever",
        "status": "ready",
        "split": "check",
        "sort": "edited",
        "offset": 100,
        "limit": 20,
        "trashed": True,
    }
    assert read_query(**asked) == Query(
        "fever", Status.READY, Split.CHECK, Sort.EDITED, 100, 20, True
    )


def test_a_page_is_neither_endless_nor_before_the_first() -> None:
    query = read_query(**PAGE | {"offset": -5, "limit": 10**9})
    assert (query.offset, query.limit) == (0, LONGEST_PAGE)
    assert read_query(**PAGE | {"limit": -1}).limit == 1


@pytest.mark.parametrize("name", ["status", "split", "sort"])
def test_a_filter_that_is_none_is_told_as_such(name: str) -> None:
    with pytest.raises(UserMistake) as caught:
        read_query(**PAGE | {name: "1 OR 1"})
    assert (caught.value.key, caught.value.facts["field"]) == ("rows.change_word", name)


def test_a_status_has_one_of_three_names() -> None:
    assert read_status("draft") is Status.DRAFT
    with pytest.raises(UserMistake):
        read_status("")
