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
from studio.data.pattern import ALONE, ENDED, AnyOf, Pattern


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
    rf"(?:{ALONE}MRN|(?:medical |hospital |patient |health )(?:record|chart|file)?\s?"
    r"(?:number|no(?![a-z])\.?|id(?![a-z])|#)"
    r"|(?:病历|病案|住院|门诊|就诊卡|医保卡|社保卡)(?:编)?号码?)"
)
_LETTERS = r"A-Za-zÀ-ɏͰ-ӿ"
"""Latin, Greek and Cyrillic ones: an address ends where Chinese begins."""

CONTROL_TOKENS = Pattern(
    re.compile(
        r"<[|｜][^\s<>|｜]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
        r"|<(?:start|end)_of_turn>"
    )
)
PRIVATE: Mapping[str, Findable] = {
    "email": Pattern(
        re.compile(
            rf"(?<![{_LETTERS}0-9_.+-])[{_LETTERS}0-9_.+-]{{1,64}}"
            rf"@(?:[{_LETTERS}0-9-]{{1,63}}\.)+[{_LETTERS}]{{2,24}}(?![{_LETTERS}0-9])"
        ),
        only_in=re.compile("@"),
    ),
    "phone": AnyOf(
        re.compile(r"\d[\d() .-]{4}"),
        (
            Pattern(
                re.compile(
                    rf"{ALONE}(?:\+\d{{1,3}}[ .-]?(?:\(?\d{{1,4}}\)?[ .-]?){{2,4}}\d{{2,4}}"
                    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}"
                    r"|1[3-9]\d([ -]?)\d{4}\1\d{4}|0\d{2,3}[ -]\d{7,8}|\(0\d{2,3}\) ?\d{7,8}"
                    rf"|0\d{{4}} \d{{3}} ?\d{{3}}|0\d{{2}} \d{{4}} \d{{4}}){ENDED}"
                )
            ),
            Pattern(  # many other numbers are written so
                re.compile(
                    r"(?:phone|tel|call|cell|mobile|fax|电话|手机|联系)[^0-9A-Za-z\n]{0,4}"
                    rf"(?P<number>\d{{3}} \d{{3}} \d{{4}}){ENDED}",
                    re.IGNORECASE,
                )
            ),
        ),
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
    "date_of_birth": AnyOf(
        re.compile(r"\d\d"),
        (
            Pattern(
                re.compile(
                    r"(?:date of birth|d\.?o\.?b(?![a-z])\.?|(?<![a-z])born(?: on)?"
                    rf"|出生日期|出生于|生于|生日)[\s:：是为]{{0,4}}(?-i:{_DATE})",
                    re.IGNORECASE,
                )
            ),
            Pattern(re.compile(rf"{_DATE}\s?[日号]?\s?出?生(?![\u4e00-\u9fff])")),
            Pattern(re.compile(rf"{_DATE}\s?[日号]?\s?出生")),
        ),
    ),
}
"""Name of the check -> what it finds."""
