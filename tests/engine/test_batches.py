"""Rows laid end to end: the same positions and targets as the library's shifted labels."""

import random

import torch

from studio.engine.batches import Batch, Lesson

CHANCE = random.Random(3)
LESSONS = tuple(
    Lesson(
        str(length),
        tuple(CHANCE.randrange(100) for _ in range(length)),
        tuple(CHANCE.random() < 0.5 for _ in range(length)),
    )
    for length in (1, 2, 9, 30)
)


def test_targets_are_the_labels_that_the_library_would_shift() -> None:
    batch = Batch.of(LESSONS, "cpu")
    ids, targets = [], []
    for lesson in LESSONS:
        labels = [
            i if learn else -100 for i, learn in zip(lesson.ids, lesson.labelled, strict=True)
        ]
        ids += lesson.ids
        targets += [*labels[1:], -100]  # as transformers' ForCausalLMLoss shifts and pads
    learned = torch.tensor(targets) != -100
    assert batch.ids.tolist() == [ids]
    assert batch.where.tolist() == learned.nonzero()[:, 0].tolist()
    assert batch.targets.tolist() == torch.tensor(targets)[learned].tolist()


def test_positions_begin_anew_in_each_row() -> None:
    batch = Batch.of(LESSONS, "cpu")
    assert batch.segments == (1, 2, 9, 30)
    assert batch.positions.tolist() == [[*range(1), *range(2), *range(9), *range(30)]]
    assert batch.tokens == 42


def test_losses_go_to_their_rows() -> None:
    batch = Batch.of(LESSONS, "cpu")
    losses = torch.arange(1.0, len(batch.targets) + 1)
    rows = batch.row_losses(losses)
    assert list(rows) == [lesson.row for lesson in LESSONS]
    counts = [lesson.labels for lesson in LESSONS]
    assert sum(counts) == len(batch.targets)
    assert list(rows.values()) == [float(part.sum()) for part in losses.split(counts)]


def test_the_first_word_piece_is_never_a_target() -> None:
    lesson = Lesson("a", (7, 8), (True, False))
    assert lesson.labels == 0
    assert Batch.of([lesson, lesson], "cpu").where.tolist() == []


def test_behind_virtual_ids_the_same_tokens_are_learned_and_counted() -> None:
    plain = Batch.of(LESSONS[2:], "cpu")
    batch = Batch.of([lesson.behind((100, 101)) for lesson in LESSONS[2:]], "cpu")
    assert batch.segments == (11, 32)
    assert batch.ids[0, :3].tolist() == [100, 101, LESSONS[2].ids[0]]
    assert batch.tokens == plain.tokens == 39
    first = [lesson.ids[0] for lesson in LESSONS[2:] if lesson.labelled[0]]  # now has a before
    assert sorted(batch.targets.tolist()) == sorted([*plain.targets.tolist(), *first])
