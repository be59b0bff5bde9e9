"""Bytes to text: which encoding a file has, or why it holds no text. Knows nothing of rows.

Strict throughout: a byte that an encoding cannot explain is never replaced in silence.
"""

import codecs
import re
from dataclasses import dataclass

from charset_normalizer import from_bytes

from studio.core.errors import UserMistake

# What a file begins with -> the key of what to do about it, and the name people know it by.
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "data.spreadsheet", "XLSX/ZIP"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "data.spreadsheet", "XLS/DOC"),
    (b"\x1f\x8b", "data.compressed", "GZIP"),
    (b"BZh", "data.compressed", "BZIP2"),
    (b"\xfd7zXZ\x00", "data.compressed", "XZ"),
    (b"\x28\xb5\x2f\xfd", "data.compressed", "ZSTD"),
    (b"7z\xbc\xaf\x27\x1c", "data.compressed", "7Z"),
    (b"Rar!", "data.compressed", "RAR"),
    (b"PAR1", "data.not_text", "Parquet"),
    (b"ARROW1", "data.not_text", "Arrow"),
    (b"%PDF", "data.not_text", "PDF"),
    (b"SQLite format 3\x00", "data.not_text", "SQLite"),
    (b"GGUF", "data.not_text", "GGUF"),
)
# UTF-32 stands first: its little-endian mark begins with that of UTF-16.
_MARKS: tuple[tuple[bytes, str, str], ...] = (
    (codecs.BOM_UTF8, "utf-8", "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le", "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32-be", "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16-be"),
)
_SAMPLE = 64 * 1024
_HIGH = re.compile(rb"[\x80-\xff]")
# Two bytes of GB2312's first level: the 3,755 characters that nearly all Chinese is written in.
_COMMON_HANZI = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1-\xa3][\xa1-\xfe]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file and the encoding that it was read in, as a person is told it."""

    text: str
    encoding: str


def decode(data: bytes) -> Decoded:
    """Read ``data`` as text.

    UTF-8 first, UTF-16 and UTF-32 by their mark or by where the zero bytes stand, then GB18030
    and Big5 where the bytes look Chinese, and Windows-1252 last: the result names which.
    Raises UserMistake for an empty file, another kind of file, and damaged text.
    """
    if not data:
        raise UserMistake("data.empty_file")
    for magic, key, kind in _MAGIC:
        if data.startswith(magic):
            raise UserMistake(key, kind=kind)
    for mark, codec, name in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], codec, name)
    if b"\x00" in data:
        return _wide(data)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        _refuse_damaged(data, error.start)
    return _legacy(data)


def _strict(data: bytes, codec: str, name: str) -> Decoded:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError as error:
        raise _damaged(name, data, error.start) from None
    if "\x00" in text:
        raise UserMistake("data.zero_bytes", line=_line(text[: text.index("\x00")]))
    return Decoded(text, name)


def _wide(data: bytes) -> Decoded:
    """Bytes with zeros among them: UTF-16 if all zeros are the upper halves of letters."""
    codec = "utf-16-be" if b"\x00" in data[::2] else "utf-16-le"
    other_half = data[1::2] if codec == "utf-16-be" else data[::2]
    try:
        plain = data.decode("utf-8")
    except UnicodeDecodeError:
        plain = ""
    if b"\x00" not in other_half and data.count(0) * 3 > len(plain):
        return _strict(data, codec, codec)
    before = data[: data.index(0)]
    raise UserMistake("data.zero_bytes", line=_line(before.decode("utf-8", "replace")))


def _refuse_damaged(data: bytes, first: int) -> None:
    """Raise if ``data`` is UTF-8 but for a few bytes: any other reading would garble the rest."""
    text = data.decode("utf-8", "replace")
    wrong = text.count("\ufffd")
    right = sum(1 for _ in re.finditer(r"[^\x00-\x7f\ufffd]", text))
    if right > 3 * wrong:
        raise _damaged("utf-8", data, first)


def _legacy(data: bytes) -> Decoded:
    for codec in (_guess(data), "cp1252"):
        try:
            return Decoded(data.decode(codec), codec)
        except UnicodeDecodeError as error:
            first = error.start
    raise _damaged("cp1252", data, first)


def _guess(data: bytes) -> str:
    """The likeliest encoding from before Unicode: gb18030, big5 or cp1252."""
    sample = data if len(data) <= _SAMPLE else data[: data.rfind(b"\n", 0, _SAMPLE) + 1 or _SAMPLE]
    high = len(_HIGH.findall(sample))
    common = 2 * len(_COMMON_HANZI.findall(sample))
    if high < 4:  # a degree sign beside a plus-minus sign is a Chinese character, too
        return "cp1252"
    if common >= 0.9 * high:
        return "gb18030"
    best = from_bytes(sample, cp_isolation=["gb18030", "big5", "cp1252"]).best()
    return best.encoding if best else "cp1252"


def _damaged(encoding: str, data: bytes, first: int) -> UserMistake:
    line = data.count(b"\n", 0, first) + 1
    return UserMistake("data.damaged_text", encoding=encoding, line=line)


def _line(before: str) -> int:
    return before.count("\n") + 1
