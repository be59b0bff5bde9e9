"""Which rows learn, check or examine: by hash, so that it stays as rows come and go."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from studio.core.rows import Body, Split

DEFAULT_CHECK_SHARE = 0.1
"""Share of rows held back for the curve when nobody says otherwise."""


def group_of(body: Body, row: str = "") -> str:
    """A key (16 hex digits) that near-duplicate rows share: the question, without its dress.

    Case, width (NFKC), punctuation and spaces do not count. Two rows that ask the same thing must
    never stand on both sides of a split: the answer to one gives the other away. A row that asks
    nothing yet is nobody's duplicate: its own id, ``row``, stands for a question.
    """
    asked = " ".join(m.content for m in body.messages if m.role == "user") or body.response
    return hashlib.sha256((bare(asked) or row).encode()).hexdigest()[:16]


def bare(question: str) -> str:
    """``question`` without its dress; as it stands where it is nothing but dress."""
    plain = unicodedata.normalize("NFKC", question).casefold()
    return re.sub(r"[\W_]+", "", plain) or question.strip()


def place(salt: str, group: str) -> float:
    """The group's fixed place in [0, 1), uniform over groups; ``salt`` is the dataset's."""
    digest = hashlib.sha256(f"{salt}\n{group}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # as many bits as a float holds


def split_of(salt: str, group: str, check_share: float = DEFAULT_CHECK_SHARE) -> Split:
    """Train or check. Exam rows are only ever chosen by a person."""
    return Split.CHECK if place(salt, group) < check_share else Split.TRAIN


def parted(places: Sequence[tuple[Split, str]], salt: str, share: float) -> list[Split]:
    """What each ready row, of a stored split and a group, is in a run that holds ``share`` back.

    The stored split where the share is the usual one, else the group's place against it; an exam
    row stays one. If nothing would be left to learn from, no row is held back.
    """
    usual = share == DEFAULT_CHECK_SHARE
    splits = [
        split if usual or split is Split.EXAM else split_of(salt, group, share)
        for split, group in places
    ]
    if Split.TRAIN in splits:
        return splits
    return [split if split is Split.EXAM else Split.TRAIN for split in splits]
