"""What checks have found, with as much of the text as it takes to see what it is."""

from typing import Any

from studio.core.rows import Body
from studio.data import privacy
from studio.data.checks import Finding

Json = dict[str, Any]

PRIVACY = tuple(privacy.PRIVATE)
"""The checks that look for what gives a person away."""

_AROUND = 30
"""Characters shown on either side of what a check has found."""


def shown(finding: Finding, body: Body, number: int) -> Json:
    """``finding`` in ``body``, the row that is ``number`` in its dataset."""
    text = _text_of(finding, body)
    start, end = finding.start, finding.end
    return {
        "check": finding.check,
        "row": finding.row,
        "number": number,
        "part": finding.part,
        "turn": finding.turn,
        "before": text[max(0, start - _AROUND) : start],
        "found": text[start:end],
        "after": text[end : end + _AROUND],
    }


def _text_of(finding: Finding, body: Body) -> str:
    """The text that the finding points into; nothing where it is about the row as a whole."""
    match finding.part:
        case "text":
            return body.text or ""
        case "messages":
            return body.messages[finding.turn].content
        case "rejected":
            return (body.rejected or ())[finding.turn].content
    return ""
