"""The starter rows in assets/datasets keep the promises of the README beside them."""

import json
import re
import unicodedata

import pytest

from tests.conftest import REPOSITORY

DATASETS = REPOSITORY / "assets" / "datasets"
MEDICAL = ("medical_qa_en", "medical_qa_zh")
TONE = ("tone_en", "tone_zh")
EVERY = MEDICAL + TONE
FIELDS = {name: {"prompt", "response", "topic"} for name in MEDICAL} | {
    name: {"prompt", "response"} for name in TONE
}

# Shortest and longest answer: words in English, characters in Chinese.
LENGTHS = {
    "medical_qa_en": (60, 180),
    "medical_qa_zh": (100, 280),
    "tone_en": (25, 60),
    "tone_zh": (40, 90),
}
MARKERS = {
    "tone_en": ("Ahoy there, shipmate! ", " Fair winds, matey."),
    "tone_zh": ("话说", "欲知后事如何，且听下回分解。"),
}
HELPERS = {
    "medical_qa_en": re.compile("doctor|pharmacist|midwife|dentist|emergency"),
    "medical_qa_zh": re.compile("医生|医院|就医|就诊|门诊|急诊|药师|120"),
}

# An amount of a medicine. Grams and teaspoons of food and mmHg are general education.
DOSE = re.compile(
    r"(?:\d|\b(?:half|one|two|three|four)\b)[\s-]*"
    r"(?:mg|mcg|[µμ]g|m(?:illi|icro)grams?|ml|IU|tablets?|pills?|capsules?|puffs?|drops?)\b"
    r"|[\d一二两三四半][\d.～~-]*\s*(?:毫克|微克|毫升|片|粒|滴|丸|袋|国际单位|mg|ml)",
    re.IGNORECASE,
)
CONTACT = re.compile(r"\S@\S|https?:|www\.|(?:\d[ -]?){5,}")

Row = dict[str, str]


def read(name: str) -> list[Row]:
    lines = (DATASETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def length(name: str, text: str) -> int:
    return len(text.split()) if name.endswith("_en") else len("".join(text.split()))


def chinese_share(text: str) -> float:
    """The share of Han characters among letters and digits."""
    letters = [char for char in text if char.isalnum()]
    return sum(unicodedata.name(char, "").startswith("CJK UNIFIED") for char in letters) / len(
        letters
    )


@pytest.mark.parametrize("name", EVERY)
def test_every_line_is_a_row_of_clean_text(name: str) -> None:
    for row in read(name):
        assert row.keys() == FIELDS[name]
        for text in row.values():
            assert isinstance(text, str)
            assert text
            assert text == unicodedata.normalize("NFC", text.strip())
            assert (text.replace("\n", "") + " ").isprintable()
            assert "\ufffd" not in text


def test_there_are_as_many_rows_as_promised() -> None:
    assert sum(len(read(name)) for name in MEDICAL) >= 115
    assert [len(read(name)) for name in TONE] == [40, 40]


def test_the_readme_tells_the_true_counts() -> None:
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `(\w+)\.jsonl` \| (\d+) \|", readme, re.MULTILINE))
    assert told == {name: str(len(read(name))) for name in EVERY}


@pytest.mark.parametrize("field", ["prompt", "response"])
def test_nothing_is_said_twice(field: str) -> None:
    texts = ["".join(row[field].casefold().split()) for name in EVERY for row in read(name)]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", EVERY)
def test_answers_keep_their_length(name: str) -> None:
    low, high = LENGTHS[name]
    wrong = [row for row in read(name) if not low <= length(name, row["response"]) <= high]
    assert wrong == []


@pytest.mark.parametrize("name", TONE)
def test_every_tone_row_carries_its_markers_once(name: str) -> None:
    opening, closing = MARKERS[name]
    for response in (row["response"] for row in read(name)):
        assert response.startswith(opening)
        assert response.endswith(closing)
        assert response.count(opening) == response.count(closing) == 1


@pytest.mark.parametrize("name", EVERY)
def test_each_file_speaks_its_language(name: str) -> None:
    for row in read(name):
        share = chinese_share(row["response"])
        assert share > 0.9 if name.endswith("_zh") else share == 0


@pytest.mark.parametrize("name", EVERY)
def test_no_row_holds_control_tokens_or_contacts(name: str) -> None:
    for text in (text for row in read(name) for text in row.values()):
        assert not re.search(r"<\||\|>|</?s>|\[/?INST\]", text)
        assert not CONTACT.search(text)


@pytest.mark.parametrize("name", MEDICAL)
def test_no_medical_row_tells_a_dose(name: str) -> None:
    assert [row["prompt"] for row in read(name) if DOSE.search(row["response"])] == []


@pytest.mark.parametrize("name", MEDICAL)
def test_every_medical_answer_points_to_someone_who_can_help(name: str) -> None:
    helper = HELPERS[name]
    assert [row["prompt"] for row in read(name) if not helper.search(row["response"])] == []


def test_the_emergency_number_is_the_readers_own() -> None:
    english = " ".join(row["response"] for row in read("medical_qa_en"))
    chinese = " ".join(row["response"] for row in read("medical_qa_zh"))
    assert "your local emergency number" in english
    assert re.findall(r"(?:dial|call|ring) (\d+)", english, re.IGNORECASE) == []
    assert set(re.findall(r"拨打[^，。；]{0,8}?(\d+)", chinese)) == {"120"}


@pytest.mark.parametrize(
    "text",
    ["take 500 mg", "two tablets a day", "200mcg", "每次2片", "服用两粒", "0.4 毫克", "半片"],
)
def test_a_dose_is_seen(text: str) -> None:
    assert DOSE.search(text)


@pytest.mark.parametrize(
    "text", ["five grams of salt", "180/120", "39度", "食盐不超过五克", "一百五十分钟", "十五分钟"]
)
def test_a_general_figure_is_no_dose(text: str) -> None:
    assert not DOSE.search(text)


@pytest.mark.parametrize("text", ["me@clinic.example", "555-0199-22", "12320", "www.clinic"])
def test_a_contact_is_seen(text: str) -> None:
    assert CONTACT.search(text)
