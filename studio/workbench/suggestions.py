"""Questions to try a run with: those of its check rows, with the answers that a person wrote.

Never one that the run has learned from, also where a check row asks the same in other letters.
"""

import random
from collections.abc import Iterable
from typing import Any

from studio.core.questions import asked, learned_questions
from studio.core.rows import Split
from studio.core.splits import bare
from studio.store.run_folder import RunRow

COUNT = 3

Json = dict[str, Any]


def suggest(rows: Iterable[RunRow], seed: int) -> list[Json]:
    """``{"row", "question", "system", "answer"}``, others with another ``seed``."""
    rows = tuple(rows)
    learned = learned_questions(row.body for row in rows if row.split is Split.TRAIN)
    found: dict[str, Json] = {}
    for row in rows:
        questions = asked(row.body)  # what comes later in a conversation makes no sense alone
        if row.split is Split.CHECK and len(questions) == 1 and questions[0].strip():
            found.setdefault(bare(questions[0]), _suggestion(row, questions[0]))
    usable = [one for plain, one in found.items() if plain not in learned]
    return random.Random(seed).sample(usable, min(COUNT, len(usable)))


def _suggestion(row: RunRow, question: str) -> Json:
    return {
        "row": row.id,
        "question": question.strip(),
        "system": row.body.system,
        "answer": row.body.response.strip(),
    }
