"""Splits: near-duplicates together, groups spread evenly, and nobody moves."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.rows import Body, Message, Split
from studio.core.splits import DEFAULT_CHECK_SHARE, group_of, parted, place, split_of

GROUPS = [group_of(Body.pair(f"Question {number}", "a")) for number in range(10_000)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is a fever?", "what is a FEVER"),
        ("What is a fever?", "  What -- is\ta\nfever ?!  "),
        ("What is a fever?", "Ｗｈａｔ ｉｓ ａ ｆｅｖｅｒ？"),
        ("什么是发热？", "什么是 发热"),
        ("Straße", "STRASSE"),
        ("Caf\u00e9", "Cafe\u0301"),
        ("ﾊﾟｲﾝ", "パイン"),
        ("snake_case", "snake case"),
    ],
)
def test_case_width_and_punctuation_do_not_part_a_group(one: str, other: str) -> None:
    assert group_of(Body.pair(one, "a")) == group_of(Body.pair(other, "b"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is a fever?", "What is a fewer?"),
        ("5 mg", "6 mg"),
        ("发热", "发冷"),
        ("???", "!!!"),
    ],
)
def test_another_question_is_another_group(one: str, other: str) -> None:
    assert group_of(Body.pair(one, "a")) != group_of(Body.pair(other, "a"))


def test_a_group_does_not_look_at_answers_and_system_messages() -> None:
    assert group_of(Body.pair("q", "a", system="s")) == group_of(Body.pair("q", "b"))


def test_a_group_looks_at_every_question_of_a_conversation() -> None:
    first, last = Message("user", "q"), Message("user", "and then?")
    answer = Message("assistant", "a")
    assert group_of(Body((first, answer, last, answer))) != group_of(Body((first, answer)))
    assert group_of(Body((first, answer, last, answer))) != group_of(Body((last, answer)))


def test_a_row_that_asks_nothing_is_grouped_by_what_it_says() -> None:
    text = group_of(Body(text="Drink enough."))
    assert text == group_of(Body((Message("assistant", "drink enough"),)))
    assert text != group_of(Body(text="Rest enough."))


@given(st.text(), st.text())
def test_a_group_is_sixteen_hex_digits_of_any_text(prompt: str, response: str) -> None:
    group = group_of(Body.pair(prompt, response))
    assert len(group) == 16
    assert int(group, 16) >= 0


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_rows_that_ask_nothing_yet_are_nobody_s_duplicates(blank: str) -> None:
    body = Body.pair(blank, "")
    assert group_of(body, "one") != group_of(body, "other")
    assert group_of(body, "one") == group_of(body, "one")
    asking = Body.pair("What is fever?", "")
    assert group_of(asking, "one") == group_of(asking, "other")


def test_places_are_uniform() -> None:
    bins = [0] * 50
    for group in GROUPS:
        where = place("salt", group)
        assert 0 <= where < 1
        bins[int(where * len(bins))] += 1
    expected = len(GROUPS) / len(bins)
    chi_square = sum((count - expected) ** 2 / expected for count in bins)
    assert chi_square < 85.4  # exceeded once in a thousand, with 49 degrees of freedom


def test_one_dataset_s_places_tell_nothing_of_another_s() -> None:
    same = sum(split_of("one", g, 0.5) == split_of("two", g, 0.5) for g in GROUPS)
    assert abs(same - len(GROUPS) / 2) < 4 * (len(GROUPS) ** 0.5) / 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_the_share_of_check_rows_is_the_one_asked_for(share: float) -> None:
    held = sum(split_of("salt", group, share) is Split.CHECK for group in GROUPS)
    deviation = (len(GROUPS) * share * (1 - share)) ** 0.5
    assert abs(held - len(GROUPS) * share) <= 4 * deviation


def test_a_row_stays_where_it_is_as_others_come_and_go_and_the_share_grows() -> None:
    few = {group for group in GROUPS[:100] if split_of("salt", group) is Split.CHECK}
    many = {group for group in GROUPS if split_of("salt", group) is Split.CHECK}
    more = {group for group in GROUPS if split_of("salt", group, 0.3) is Split.CHECK}
    assert few == many & set(GROUPS[:100])
    assert many < more


def test_nobody_but_a_person_chooses_exam_rows() -> None:
    assert {split_of("salt", group) for group in GROUPS} == {Split.TRAIN, Split.CHECK}
    assert DEFAULT_CHECK_SHARE == 0.1


@pytest.mark.parametrize("group", ["", "0123456789abcdef"])
def test_a_place_is_the_one_that_stands_in_older_datasets(group: str) -> None:
    digits = hashlib.sha256(f"salt\n{group}".encode()).hexdigest()
    assert place("salt", group) == pytest.approx(int(digits[:16], 16) / 16**16, abs=1e-15)


PLACES = [
    (Split.TRAIN, "a"),
    (Split.CHECK, "b"),
    (Split.EXAM, "c"),
    *[(Split.TRAIN, g) for g in GROUPS],
]


def test_the_usual_share_takes_the_stored_splits() -> None:
    assert parted(PLACES, "salt", DEFAULT_CHECK_SHARE) == [split for split, _ in PLACES]


def test_a_share_of_its_own_parts_all_but_the_exam_anew() -> None:
    splits = parted(PLACES, "salt", 0.5)
    assert splits[2] is Split.EXAM
    assert splits[:2] == [split_of("salt", "a", 0.5), split_of("salt", "b", 0.5)]
    assert 4800 < splits.count(Split.CHECK) < 5200


def test_nothing_is_held_back_where_nothing_would_be_left_to_learn() -> None:
    few = [(Split.CHECK, "a"), (Split.EXAM, "b"), (Split.CHECK, "c")]
    assert parted(few, "salt", DEFAULT_CHECK_SHARE) == [Split.TRAIN, Split.EXAM, Split.TRAIN]
    assert parted([], "salt", 0.0) == []
