"""Patterns that give a person away, and control tokens that give a model wrong turns.

Numbers that carry a check digit are only reported where it is right. Nothing here is proof that a
text is safe to share: names, places and stories have no pattern.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Protocol

from studio.data.national_ids import (
    EUROPEAN_ID,
    NATIONAL_INSURANCE,
    NHS_NUMBER,
    RESIDENT_ID,
    SOCIAL_SECURITY,
)
from studio.data.pattern import Pattern


class Findable(Protocol):
    """Something that can be found in a text."""

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place."""
        ...


_DATE = (
    r"(?:\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)"
    r"|\d{1,2}(?:st|nd|rd|th)?\s+[A-Z][a-z]{2,8}\.?,?\s+\d{4}"
    r"|[A-Z][a-z]{2,8}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)
_RECORD = (
    r"(?:\b(?:MRN|(?:medical |hospital |patient |health )(?:record|chart|file)?\s?"
    r"(?:number|no\b\.?|id\b|#))|(?:病历|病案|住院|门诊|就诊卡|医保卡|社保卡)(?:编)?号码?)"
)

CONTROL_TOKENS = Pattern(
    re.compile(
        r"<[|｜][^\s<>|｜]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
        r"|<(?:start|end)_of_turn>"
    )
)
PRIVATE: Mapping[str, Findable] = {
    "email": Pattern(
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}\b"),
        only_in=re.compile("@"),
    ),
    "phone": Pattern(
        re.compile(
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}"
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|1[3-9]\d{9}"
            r"|0\d{2,3}-\d{7,8})(?![\w-])"
        ),
        only_in=re.compile(r"\d[\d() .-]{4}"),
    ),
    "resident_id": RESIDENT_ID,
    "social_security": SOCIAL_SECURITY,
    "nhs_number": NHS_NUMBER,
    "national_insurance": NATIONAL_INSURANCE,
    "european_id": EUROPEAN_ID,
    "record_number": Pattern(
        re.compile(
            rf"{_RECORD}[\s:：#.为是]{{0,4}}(?P<number>[A-Z]{{0,3}}-?\d[\d-]{{3,}})", re.IGNORECASE
        ),
        only_in=re.compile(r"\d[\d-]{3}"),
    ),
    "date_of_birth": Pattern(
        re.compile(
            r"(?:date of birth|d\.?o\.?b\b\.?|\bborn(?: on)?|出生日期|出生于|生日)[\s:：是为]{0,4}"
            rf"(?-i:{_DATE})",
            re.IGNORECASE,
        ),
        only_in=re.compile(r"\d\d"),
    ),
}
"""Name of the check -> what it finds."""
