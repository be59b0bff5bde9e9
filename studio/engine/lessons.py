"""A run's rows as lessons: encoded once, frozen beside the run, read back by every resume.

Which rows are left out, and why, is decided here; nothing is left out in silence.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from studio.core.errors import Refusal, StudioError, UserMistake
from studio.core.rows import Body, Kind, Split, supervised_problem
from studio.engine.batches import Lesson
from studio.engine.encoding import Encoded, Encoder
from studio.store.atomic import discard, publishing
from studio.store.run_folder import RunRow

TOKENS = "tokens"
_FILE = "tokens.safetensors"


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a run trains and checks on. ``left_out`` names rows with the key of their reason."""

    train: tuple[Lesson, ...]
    check: tuple[Lesson, ...]
    left_out: tuple[dict[str, Any], ...]
    cut: int

    @classmethod
    def encode(
        cls,
        rows: Sequence[RunRow],
        encoder: Encoder,
        max_length: int,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> Self:
        """Encode ``rows`` to at most ``max_length`` word pieces each.

        ``progress`` is called with the number of rows done. Raises UserMistake if nothing is left
        to learn from.
        """
        bodies = [row.body for row in rows]
        encoded = encoder.encode_all(bodies, max_length=max_length, progress=progress)
        taught: dict[Split, list[Lesson]] = {split: [] for split in Split}
        left_out: list[dict[str, Any]] = []
        cut = 0
        for row, answer in zip(rows, encoded, strict=True):
            lesson = lesson_of(row.id, row.body, answer, max_length)
            if isinstance(lesson, StudioError):
                left_out.append({"row": row.id, "reason": lesson.as_json()})
                continue
            assert isinstance(answer, Encoded)
            cut += bool(answer.cut_ids)
            taught[row.split].append(lesson)
        if not taught[Split.TRAIN]:
            raise _nothing_to_learn(left_out)
        return cls(tuple(taught[Split.TRAIN]), tuple(taught[Split.CHECK]), tuple(left_out), cut)

    def behind(self, virtual: tuple[int, ...]) -> Self:
        """The same rows with ``virtual`` ids before each."""
        train, check = (
            tuple(lesson.behind(virtual) for lesson in part) for part in (self.train, self.check)
        )
        return replace(self, train=train, check=check)

    def save(self, folder: Path) -> None:
        """Freeze everything in ``folder``; an earlier attempt's complete one is replaced."""
        tensors: dict[str, Tensor] = {}
        words = {"cut": str(self.cut), "left_out": json.dumps(self.left_out)}
        for part, lessons in (("train", self.train), ("check", self.check)):
            ids = [id_ for lesson in lessons for id_ in lesson.ids]
            labels = [label for lesson in lessons for label in lesson.labelled]
            lengths = [len(lesson.ids) for lesson in lessons]
            tensors[f"{part}.ids"] = torch.tensor(ids, dtype=torch.int32)
            tensors[f"{part}.labelled"] = torch.tensor(labels, dtype=torch.bool)
            tensors[f"{part}.lengths"] = torch.tensor(lengths, dtype=torch.int64)
            words[f"{part}.rows"] = json.dumps([lesson.row for lesson in lessons])
        discard(folder)
        with publishing(folder) as beside:
            save_file(tensors, beside / _FILE, metadata=words)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What :meth:`save` froze."""
        tensors = load_file(folder / _FILE)
        with safe_open(folder / _FILE, framework="pt") as file:
            words: dict[str, str] = file.metadata()
        train, check = (_part(tensors, words, part) for part in ("train", "check"))
        return cls(train, check, tuple(json.loads(words["left_out"])), int(words["cut"]))

    @property
    def hash(self) -> str:
        """SHA-256 over rows, ids and labels in order."""
        digest = hashlib.sha256()
        for lesson in (*self.train, *self.check):
            digest.update(f"{lesson.row} {lesson.ids} {lesson.labelled}\n".encode())
        return digest.hexdigest()


def _part(tensors: Mapping[str, Tensor], words: Mapping[str, str], part: str) -> tuple[Lesson, ...]:
    lengths = tensors[f"{part}.lengths"].tolist()
    ids = tensors[f"{part}.ids"].split(lengths)
    labels = tensors[f"{part}.labelled"].split(lengths)
    return tuple(
        Lesson(row, tuple(i.tolist()), tuple(label.tolist()))
        for row, i, label in zip(json.loads(words[f"{part}.rows"]), ids, labels, strict=True)
    )


def lesson_of(
    row: str, body: Body, answer: Encoded | StudioError, limit: int
) -> Lesson | StudioError:
    """The lesson of ``body``, encoded to at most ``limit`` word pieces, or why it has none."""
    problem = _problem(body)
    if problem is not None:
        return problem
    if isinstance(answer, StudioError):
        return answer
    lesson = Lesson(row, answer.ids, answer.labelled)
    return lesson if lesson.labels else UserMistake("rows.prompt_fills_length", limit=limit)


def _problem(body: Body) -> StudioError | None:
    """Why this kind of row has nothing for supervised learning, whatever its tokens."""
    key = supervised_problem(body)
    if key is None:
        return None
    return Refusal(key) if body.kind is Kind.TEXT else UserMistake(key)


def _nothing_to_learn(left_out: Sequence[dict[str, Any]]) -> StudioError:
    """The refusal of a run in which every row is left out, with the first row's reason."""
    assert left_out, "a run begins with at least one row"
    return UserMistake(
        "rows.nothing_to_learn",
        rows=len(left_out),
        reason=left_out[0]["reason"],
        row=left_out[0]["row"],
    )
