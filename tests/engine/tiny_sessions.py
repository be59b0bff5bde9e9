"""Sessions of the loop on a tiny model in memory, everything around them in the test's hand."""

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from studio.core.course import Course
from studio.core.events import Event
from studio.core.plan import Plan
from studio.core.recipe import Training
from studio.engine.batches import Lesson
from studio.engine.loop import Session, train
from studio.engine.sheet_reader import sheet_of
from studio.engine.sites import install
from studio.engine.trained import Trained
from studio.methods import method_of, read_values
from studio.store.checkpoints import Checkpoints
from studio.store.run_folder import Request
from tests.engine import tiny_models
from tests.engine.tiny_runs import ROWS, TRAINING

KEEP_ALL = 99


def lesson(row: str, text: str) -> Lesson:
    """A row of which the second half is learned."""
    ids = tuple(tiny_models.tokenizer().encode(text, add_special_tokens=False))
    half = len(ids) // 2
    return Lesson(row, ids, (False,) * half + (True,) * (len(ids) - half))


LESSONS = tuple(lesson(row.id, f"{row.body.prompt} {row.body.response}") for row in ROWS)


def session(
    place: Path,
    *,
    method: str = "lora",
    knobs: dict[str, Any] | None = None,
    model: str = "llama",
    path: str = "segments",
    train: Sequence[Lesson] = LESSONS[:8],
    check: Sequence[Lesson] = LESSONS[8:],
    **training: Any,
) -> Session:
    """A session with save points in ``place``; nobody asks for anything, no sample is given."""
    place.mkdir(exist_ok=True)
    if knobs is None:
        knobs = {"r": 4, "dropout": 0.1} if method == "lora" else {}
    chosen = Training.read(TRAINING | training)
    base = tiny_models.build(model)
    if chosen.precision == "bfloat16":
        base = base.to(torch.bfloat16)
    kind = method_of(method)
    sites = kind.sites(sheet_of(base), read_values(kind, knobs))
    installed = install(base, sites, chosen.seed, tiny_models.tokenizer().encode)
    course = Course.of(chosen, len(train))
    return Session(
        training=chosen,
        plan=plan(chosen, path, course.total),
        course=course,
        train=tuple(row.behind(installed.virtual) for row in train),
        check=tuple(row.behind(installed.virtual) for row in check),
        installed=installed,
        trained=Trained(installed.parameters),
        checkpoints=Checkpoints(place / "checkpoints", KEEP_ALL),
        asked=lambda: None,
        sample=list,
        publish=lambda step: None,
    )


def plan(training: Training, path: str, total: int) -> Plan:
    """A plan of which the loop sees only what it obeys."""
    assert training.lr is not None
    assert training.eval_every is not None
    return Plan(
        device="cpu",
        dtype=training.precision,
        threads=1,
        path=path,
        lr=training.lr,
        max_length=tiny_models.CONTEXT,
        total=total,
        eval_every=training.eval_every,
        instructions="",
        versions={},
        template_hash="",
        rows_hash="",
    )


def values(session: Session) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in session.trained.values().items()}


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(
        torch.equal(value, theirs[name]) for name, value in ours.items()
    )


def untimed(events: list[Event]) -> list[dict[str, Any]]:
    measured = ("seconds", "memory_bytes")
    return [
        {key: value for key, value in event.as_json().items() if key not in measured}
        for event in events
    ]


def names(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def answers(*given: Request | None) -> Callable[[], Request | None]:
    """What is answered when the loop asks, one after the other; the last one for ever."""
    waiting = chain(given, repeat(given[-1]))
    return lambda: next(waiting)


def failing(session: Session) -> tuple[list[Event], Exception]:
    """The events until it fails, and how."""
    events: list[Event] = []
    try:
        for event in train(session):
            events.append(event)
    except Exception as error:
        return events, error
    raise AssertionError("nothing failed")
