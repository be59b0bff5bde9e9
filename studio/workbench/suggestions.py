"""Questions to try a run with: those of its check rows, with the answers that a person wrote.

Never one that the run has learned from, also where a check row asks the same in other letters.
"""

import random
from collections.abc import Iterable
from typing import Any

from studio.core.rows import Body, Split
from studio.store.run_folder import RunRow

COUNT = 3

Json = dict[str, Any]


def suggest(rows: Iterable[RunRow], seed: int) -> list[Json]:
    """``{"row", "question", "system", "answer"}``, others with another ``seed``."""
    rows = tuple(rows)
    learned = {_bare(text) for row in rows if row.split is Split.TRAIN for text in _asked(row.body)}
    found: dict[str, Json] = {}
    for row in rows:
        asked = _asked(row.body)
        if row.split is Split.CHECK and len(asked) == 1 and asked[0].strip():
            found.setdefault(_bare(asked[0]), _suggestion(row, asked[0]))
    usable = [one for bare, one in found.items() if bare not in learned]
    return random.Random(seed).sample(usable, min(COUNT, len(usable)))


def _suggestion(row: RunRow, question: str) -> Json:
    return {
        "row": row.id,
        "question": question.strip(),
        "system": row.body.system,
        "answer": row.body.response.strip(),
    }


def _asked(body: Body) -> list[str]:
    """What a person asks in it; what comes later in a conversation makes no sense alone."""
    return [message.content for message in body.messages if message.role == "user"]


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())
