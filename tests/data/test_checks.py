"""Checks find what a person should look at, where it stands, and nothing else."""

import pytest

from studio.core.rows import Body, Message, Row
from studio.data.checks import CHECKS, Finding, check

LONG = "An answer long enough."


def rows(*bodies: Body) -> list[Row]:
    return [Row(f"r{i}", "d", i, body) for i, body in enumerate(bodies)]


def test_an_exact_copy_is_found_with_its_original() -> None:
    body = Body.pair("a", LONG)
    found = check(rows(body, Body.pair("b", LONG), body, body))
    assert found == (
        Finding("duplicates", "r2", others=("r0",)),
        Finding("duplicates", "r3", others=("r0",)),
    )


def test_one_question_with_two_answers_is_found() -> None:
    found = check(
        rows(
            Body.pair("Why? ", "Because of this."),
            Body.pair("why?", "Because of that."),
            Body.pair("Why?", "Because of this.\n", system="Be kind."),
            Body((Message("user", "Why?"), Message("assistant", "A bad answer.")), label=False),
            Body.pair("why?", " Because of this."),
            Body(text="Why? Because."),
        ),
        ["conflicts"],
    )
    assert found == (
        Finding("conflicts", "r0", others=("r1",)),
        Finding("conflicts", "r1", others=("r0", "r4")),
        Finding("conflicts", "r4", others=("r1",)),
    )


def test_a_short_answer_is_found() -> None:
    bodies = (Body.pair("a", "Yes.   \n"), Body.pair("a", LONG), Body(text="Hm"))
    assert [found.row for found in check(rows(*bodies), ["short_answers"])] == ["r0", "r2"]


def test_a_finding_says_where_in_which_turn() -> None:
    talk = Body(
        (Message("system", "x"), Message("user", "mail me@clinic.org"), Message("assistant", LONG)),
        rejected=(Message("assistant", "or you@clinic.org"),),
    )
    assert check(rows(talk, Body(text="a@b.de"))) == (
        Finding("short_answers", "r1"),
        Finding("email", "r0", "messages", 1, 5, 18),
        Finding("email", "r0", "rejected", 0, 3, 17),
        Finding("email", "r1", "text", 0, 0, 6),
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("control_tokens", token) for token in ("<|im_start|>", "<|eot_id|>", "[INST]", "</s>")),
        *(("control_tokens", token) for token in ("<<SYS>>", "<start_of_turn>", "<｜User｜>")),
        ("email", "li.wei+lab@hospital.example.cn"),
        ("phone", "+44 20 7946 0958"),
        ("phone", "+1 (212) 555-0123"),
        ("phone", "(212) 555-0123"),
        ("phone", "212-555-0123"),
        ("phone", "13800138000"),
        ("phone", "010-62345678"),
        ("resident_id", "11010519491231002X"),
        ("resident_id", "440524198001010013"),
        ("social_security", "123-45-6789"),
        ("social_security", "123 45 6789"),
        ("nhs_number", "943 476 5919"),
        ("nhs_number", "9434765919"),
        ("date_of_birth", "DOB: 03/04/1951"),
        ("date_of_birth", "date of birth 4 March 1951"),
        ("date_of_birth", "born on March 4th, 1951"),
        ("date_of_birth", "出生日期：1951年3月4"),
        ("date_of_birth", "出生于 1951-03-04"),
        ("date_of_birth", "生于1985年3月2"),
        ("date_of_birth", "1985年3月2日出生"),
        ("email", "zhang@qq.com"),
        ("phone", "+8613812345678"),
        ("phone", "138-1234-5678"),
        ("phone", "138 1234 5678"),
        ("phone", "010 62345678"),
        ("phone", "07700 900123"),
        ("phone", "020 7946 0958"),
    ],
)
@pytest.mark.parametrize(
    "around", ["病人 {} 。", "病人{}联系他并说明情况，请尽快回复并安排时间，谢谢您"]
)
def test_a_pattern_is_found_whole(name: str, text: str, around: str) -> None:
    found = check(rows(Body.pair(around.format(text), LONG)), [name])
    start = around.index("{")
    assert found == (Finding(name, "r0", "messages", 0, start, start + len(text)),)


@pytest.mark.parametrize(
    ("name", "text", "number"),
    [
        ("record_number", "患者MRN 1234567入院", "1234567"),
        ("record_number", "病历号：A123456的病人", "A123456"),
        ("record_number", "patient id: 884422", "884422"),
        ("phone", "Call 555 123 4567 after six", "555 123 4567"),
    ],
)
def test_a_number_is_found_beside_the_word_for_it(name: str, text: str, number: str) -> None:
    (found,) = check(rows(Body.pair(text, LONG)), [name])
    assert text[found.start : found.end] == number


@pytest.mark.parametrize(
    "text",
    [
        "The dose is 5 mg <5 or >3; a | b; x<y>z",
        "BP 120/80, 37.5 °C, 1,500 ml, on 03/04/2021",
        "10.1038/s41586-020-2649-2",
        "born in 1951 with a heart of 1.5",
        "110105194912310021",
        "000-12-3456 666-12-3456 912-34-5678 123-00-4567 123-45-0000",
        "943 476 5918 and 1111111111",
        "user@host and @name",
        "12345678901234567890",
        "1380013800",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert check(rows(Body.pair(text, LONG))) == ()


def test_every_check_runs_on_rows_of_every_kind() -> None:
    every = rows(Body.pair("a", ""), Body(text=""), Body((Message("user", "x"),)), Body())
    assert {finding.check for finding in check(every)} <= CHECKS.keys()
