"""Patterns that give a person away, and control tokens that give a model wrong turns.

Numbers that carry a check digit are only reported where it is right. Nothing here is proof that a
text is safe to share: names, places and stories have no pattern.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression and, where the numbers of a kind can be told from others, a test of them."""

    expression: re.Pattern[str]
    is_real: Callable[[str], bool] = bool

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each place in ``text`` that fits."""
        for found in self.expression.finditer(text):
            if self.is_real(found.group()):
                yield found.span()


def is_resident_id(number: str) -> bool:
    """Whether the last sign of a Chinese resident id is right (GB 11643, ISO 7064 mod 11-2)."""
    total = sum(int(digit) * 2 ** (17 - i) for i, digit in enumerate(number[:17]))
    return number[17].upper() == "10X98765432"[total % 11]


def is_nhs_number(number: str) -> bool:
    """Whether the last digit of a ten-digit NHS number is right (NHS Data Dictionary, mod 11)."""
    digits = [int(sign) for sign in number if sign.isdigit()]
    total = sum(digit * (10 - i) for i, digit in enumerate(digits[:9]))
    return digits[9] == (11 - total % 11) % 11 and len(set(digits)) > 1


_DATE = (
    r"(?:\d{4}\s*[-/.年]\s*\d{1,2}\s*[-/.月]\s*\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)"
    r"|\d{1,2}(?:st|nd|rd|th)?\s+[A-Z][a-z]{2,8}\.?,?\s+\d{4}"
    r"|[A-Z][a-z]{2,8}\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s+\d{4})"
)

PATTERNS: dict[str, Pattern] = {
    "control_tokens": Pattern(
        re.compile(
            r"<[|｜][^\s<>|｜]{1,40}[|｜]>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos|pad|unk)>"
            r"|<(?:start|end)_of_turn>"
        )
    ),
    "email": Pattern(re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}\b")),
    "phone": Pattern(
        re.compile(
            r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}"
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}|1[3-9]\d{9}"
            r"|0\d{2,3}-\d{7,8})(?![\w-])"
        )
    ),
    "resident_id": Pattern(
        re.compile(
            r"(?<![0-9])[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
            r"\d{3}[0-9Xx](?![0-9A-Za-z])",
            re.ASCII,
        ),
        is_resident_id,
    ),
    "social_security": Pattern(
        re.compile(r"(?<![\d-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\d-])")
    ),
    "nhs_number": Pattern(
        re.compile(r"(?<![\d.+-])\d{3}([- ]?)\d{3}\1\d{4}(?![\d-])", re.ASCII), is_nhs_number
    ),
    "date_of_birth": Pattern(
        re.compile(
            r"(?:date of birth|d\.?o\.?b\b\.?|\bborn(?: on)?|出生日期|出生于|生日)[\s:：是为]{0,4}"
            rf"(?-i:{_DATE})",
            re.IGNORECASE,
        )
    ),
}
