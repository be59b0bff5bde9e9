"""Headers in English and Chinese find their fields; what a person says overrides the guess."""

import pytest

from studio.core.errors import UserMistake
from studio.data.mapping import check_mapping, guess, listed


@pytest.mark.parametrize(
    ("columns", "prompt", "response"),
    [
        ("prompt,response", "prompt", "response"),
        ("Prompt,Completion", "Prompt", "Completion"),
        ("instruction,input,output", "instruction", "output"),
        ("INSTRUCTION,OUTPUT", "INSTRUCTION", "OUTPUT"),
        ("input,output", "input", "output"),
        ("question,answer", "question", "answer"),
        ("id,Question,Answer,date", "Question", "Answer"),
        ("question_id,question_text,answer_text,answer_date", "question_text", "answer_text"),
        ("Patient question,Doctor's answer", "Patient question", "Doctor's answer"),
        ("patient,doctor", "patient", "doctor"),
        ("q,a", "q", "a"),
        ("department,title,ask,answer", "ask", "answer"),
        ("System Prompt,User,Assistant", "User", "Assistant"),
        ("model input,model output", "model input", "model output"),
        ("问题,回答", "问题", "回答"),
        ("指令,输入,输出", "指令", "输出"),
        ("输入,输出", "输入", "输出"),
        ("提问,答案", "提问", "答案"),
        ("患者提问,医生回答", "患者提问", "医生回答"),
        ("患者姓名,患者,医生", "患者", "医生"),
        ("序号,问题描述,标准答案,回答时间", "问题描述", "标准答案"),
        ("问,答", "问", "答"),
        ("ｐｒｏｍｐｔ,回复", "ｐｒｏｍｐｔ", "回复"),
    ],
)
def test_question_and_answer_are_found(columns: str, prompt: str, response: str) -> None:
    found = guess(columns.split(","))
    assert (found["prompt"], found["response"]) == (prompt, response)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("prompt,response,system,notes,tags,status,split,source", None),
        (
            "问题,回答,系统提示,备注,标签,状态,划分,来源",
            ["问题", "回答", "系统提示", "备注", "标签", "状态", "划分", "来源"],
        ),
        (
            "问题,答案,系统,批注,关键词,审核,划分,来源",
            ["问题", "答案", "系统", "批注", "关键词", "审核", "划分", "来源"],
        ),
        (
            "question,answer,system message,clinical notes,all tags,review status,Split,出处",
            [
                *("question", "answer", "system message", "clinical notes", "all tags"),
                *("review status", "Split", "出处"),
            ],
        ),
    ],
)
def test_what_people_say_of_rows_is_found(columns: str, expected: list[str] | None) -> None:
    fields = ["prompt", "response", "system", "notes", "tags", "status", "split", "source"]
    found = guess(columns.split(","))
    assert found == dict(zip(fields, expected or fields, strict=True))


@pytest.mark.parametrize(
    "columns",
    ["X,Y", "prompt_id,response_time", "编号,日期", "x" * 50 + "question", "label,score"],
)
def test_nothing_is_guessed_where_nothing_fits(columns: str) -> None:
    assert guess(columns.split(",")) == {}


def test_a_whole_name_wins_over_a_part_and_no_column_serves_twice() -> None:
    assert guess(["question about the answer", "answer", "prompt"]) == {
        "response": "answer",
        "prompt": "prompt",
    }


def test_an_input_beside_a_question_stays_an_input() -> None:
    assert guess(["context", "question", "answer"])["input"] == "context"


def test_known_fields_keep_their_columns() -> None:
    found = guess(["prompt", "response", "other"], known={"prompt": "other", "notes": ""})
    assert found == {"prompt": "other", "response": "response", "notes": ""}


def test_an_unknown_column_is_named_with_those_there_are() -> None:
    with pytest.raises(UserMistake) as caught:
        check_mapping({"prompt": "ask", "notes": ""}, ["q", "a"])
    assert caught.value.key == "data.unknown_column"
    assert caught.value.facts == {"column": "ask", "columns": "q, a"}


def test_an_unknown_field_is_named_with_those_there_are() -> None:
    with pytest.raises(UserMistake) as caught:
        check_mapping({"answer": "a"}, ["a"])
    assert caught.value.key == "data.unknown_field"
    assert "response" in caught.value.facts["fields"]


def test_a_list_of_very_many_columns_is_cut() -> None:
    assert listed([f"c{i}" for i in range(100)], 2) == "c0, c1, …"
