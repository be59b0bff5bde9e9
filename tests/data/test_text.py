"""Bytes become text in the encoding that they were written in, or are refused by name."""

import codecs
import gzip

import pytest

from studio.core.errors import UserMistake
from studio.data.text import decode

CLINICAL = "prompt,response\r\nDose?,“5 µg” ± 1 at 37 °C – ½ tablet\r\n"
CHINESE = "问题,回答\r\n感冒了怎么办？,多喝水，注意休息。\r\n"
ANYTHING = "prompt,response\r\nµ μ ≤ ½ e\u0301 é 👩‍⚕️ עברית \u2028,“ok”\r\n"


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (ANYTHING.encode(), "utf-8", ANYTHING),
        (ANYTHING.encode("utf-8-sig"), "utf-8-sig", ANYTHING),
        (ANYTHING.encode("utf-16"), "utf-16-le", ANYTHING),
        (codecs.BOM_UTF16_BE + ANYTHING.encode("utf-16-be"), "utf-16-be", ANYTHING),
        (codecs.BOM_UTF32_LE + ANYTHING.encode("utf-32-le"), "utf-32", ANYTHING),
        (codecs.BOM_UTF32_BE + ANYTHING.encode("utf-32-be"), "utf-32", ANYTHING),
        (CHINESE.encode("utf-16-le"), "utf-16-le", CHINESE),
        (CHINESE.encode("utf-16-be"), "utf-16-be", CHINESE),
        ("plain,ascii\n".encode("utf-16-le"), "utf-16-le", "plain,ascii\n"),
        ("plain,ascii\n".encode("utf-16-be"), "utf-16-be", "plain,ascii\n"),
        (CHINESE.encode("gb18030"), "gb18030", CHINESE),
        ("问,答\n疼,揉\n".encode("gb18030"), "gb18030", "问,答\n疼,揉\n"),
        ("q,a\nWhat is 感冒?,A cold\n".encode("gbk"), "gb18030", "q,a\nWhat is 感冒?,A cold\n"),
        (
            "姓名,诊断\n喆祎,焘頔囍㙦𠮷\n".encode("gb18030"),
            "gb18030",
            "姓名,诊断\n喆祎,焘頔囍㙦𠮷\n",
        ),
        (
            "問題,回答\n頭痛怎麼辦,多休息喝水\n".encode("big5"),
            "big5",
            "問題,回答\n頭痛怎麼辦,多休息喝水\n",
        ),
        (CLINICAL.encode("cp1252"), "cp1252", CLINICAL),
        ("q,a\nfièvre,déjà à 38°C\n".encode("cp1252"), "cp1252", "q,a\nfièvre,déjà à 38°C\n"),
        ("q,a\ntemp,37°±0.5\n".encode("cp1252"), "cp1252", "q,a\ntemp,37°±0.5\n"),
    ],
)
def test_text_is_read_in_the_encoding_it_was_written_in(
    data: bytes, encoding: str, text: str
) -> None:
    decoded = decode(data)
    assert (decoded.encoding, decoded.text) == (encoding, text)


def test_a_long_file_is_judged_by_whole_lines_of_its_beginning() -> None:
    text = CHINESE * 5000
    assert decode(text.encode("gb18030")).text == text


def test_a_long_file_of_one_line_is_judged_by_its_beginning() -> None:
    text = "多喝水，注意休息。" * 10_000
    assert decode(text.encode("gb18030")).text == text


@pytest.mark.parametrize(
    ("data", "key", "fact"),
    [
        (b"PK\x03\x04rest", "data.spreadsheet", "XLSX/ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "data.spreadsheet", "XLS/DOC"),
        (gzip.compress(b"{}"), "data.compressed", "GZIP"),
        (b"BZh91AY", "data.compressed", "BZIP2"),
        (b"\xfd7zXZ\x00", "data.compressed", "XZ"),
        (b"\x28\xb5\x2f\xfd\x00", "data.compressed", "ZSTD"),
        (b"7z\xbc\xaf\x27\x1c", "data.compressed", "7Z"),
        (b"Rar!\x1a\x07", "data.compressed", "RAR"),
        (b"PAR1\x15", "data.not_text", "Parquet"),
        (b"ARROW1\x00\x00", "data.not_text", "Arrow"),
        (b"%PDF-1.7", "data.not_text", "PDF"),
        (b"SQLite format 3\x00", "data.not_text", "SQLite"),
        (b"GGUF\x03", "data.not_text", "GGUF"),
    ],
)
def test_another_kind_of_file_is_refused_by_its_name(data: bytes, key: str, fact: str) -> None:
    with pytest.raises(UserMistake) as caught:
        decode(data)
    assert (caught.value.key, caught.value.facts["kind"]) == (key, fact)


@pytest.mark.parametrize(
    ("data", "key", "facts"),
    [
        (b"", "data.empty_file", {}),
        (b"a,b\nc\x00d,e\n", "data.zero_bytes", {"line": 2}),
        (b"\xff\x00\x01\x00\x00\x02", "data.zero_bytes", {"line": 1}),
        (b"\xef\xbb\xbfa\n\x00", "data.zero_bytes", {"line": 2}),
        ("a\nb".encode("utf-16")[:-1], "data.damaged_text", {"encoding": "utf-16-le", "line": 2}),
        (CHINESE.encode()[:-4], "data.damaged_text", {"encoding": "utf-8", "line": 2}),
        (b"a\nb\n\x81\n", "data.damaged_text", {"encoding": "cp1252", "line": 3}),
    ],
)
def test_what_is_not_whole_text_is_refused(data: bytes, key: str, facts: dict[str, object]) -> None:
    with pytest.raises(UserMistake) as caught:
        decode(data)
    assert (caught.value.key, caught.value.facts) == (key, facts)
