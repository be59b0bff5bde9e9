"""The real rows beside the clone, as bodies."""

import json
from collections.abc import Iterator
from pathlib import Path

from studio.core.rows import Body, Message

SHARE_GPT = {"human": "user", "gpt": "assistant", "system": "system"}


def medquad(folder: Path) -> Iterator[Body]:
    """2,000 English questions and answers."""
    lines = (folder / "medquad_2000.jsonl").read_text(encoding="utf-8").rstrip("\n")
    for row in map(json.loads, lines.split("\n")):
        yield Body.pair(row["prompt"], row["response"])


def alpaca(folder: Path) -> Iterator[Body]:
    """1,000 Chinese instructions and answers."""
    for row in json.loads((folder / "alpaca_zh_1000.json").read_text(encoding="utf-8")):
        asked = "\n".join(filter(None, [row["instruction"], row["input"]]))
        yield Body.pair(asked, row["output"])


def preferences(folder: Path) -> Iterator[Body]:
    """300 English conversations of up to seven turns, each with the answer that was chosen."""
    for row in json.loads((folder / "preferences_en_300.json").read_text(encoding="utf-8")):
        turns = [*row["conversations"], row["chosen"]]
        yield Body(tuple(Message(SHARE_GPT[turn["from"]], turn["value"]) for turn in turns))
