"""What the person asked for: which base, which rows, which method, which training knobs.

A recipe is written once at the start of a run and never changed; what the machine then decided
about it stands in the plan (:mod:`studio.core.plan`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeVar

from studio.core.errors import UserMistake
from studio.core.knobs import Knob, Value, read_knobs
from studio.core.splits import DEFAULT_CHECK_SHARE

_T = TypeVar("_T")

SCHEDULES = ("cosine", "linear", "constant")
_RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3)
_LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192)

TRAINING_KNOBS: tuple[Knob, ...] = (
    Knob("epochs", "float", 3.0, above=0, high=10_000, stops=(1, 2, 3, 5, 10, 20)),
    Knob("steps", "int", None, low=1, high=100_000_000),
    Knob("batch", "int", 8, low=1, high=4096, stops=(1, 2, 4, 8, 16, 32, 64)),
    Knob("accumulate", "int", 1, low=1, high=4096, stops=(1, 2, 4, 8, 16, 32)),
    Knob("lr", "float", None, above=0, high=10, stops=_RATES),
    Knob("schedule", "choice", "cosine", choices=SCHEDULES),
    Knob("warmup", "float", 0.05, low=0, high=1_000_000, stops=(0, 0.03, 0.05, 0.1, 0.2)),
    Knob("max_length", "int", None, low=8, high=1_000_000, stops=_LENGTHS),
    Knob("check", "float", DEFAULT_CHECK_SHARE, low=0, high=0.9, stops=(0, 0.05, 0.1, 0.2, 0.3)),
    Knob("eval_every", "int", None, low=0, high=1_000_000),
    Knob("save_every", "int", 50, low=0, high=1_000_000),
    Knob("sample_every", "int", 0, low=0, high=1_000_000),
    Knob("sample_share", "float", None, above=0, high=1),
    Knob("seed", "int", 0, low=0, high=2**31 - 1),
    Knob("shuffle", "flag", True),
    Knob("clip", "float", 1.0, low=0, high=1_000_000),
    Knob("precision", "choice", "auto", choices=("auto", "float32", "bfloat16")),
)
"""``steps`` (updates) wins over ``epochs``; ``warmup`` below 1 is a share of all updates, else
updates; ``eval_every`` None is once a pass; 0 switches an ``…_every`` off; ``sample_share`` is the
most of the time that samples may take, None as long as they do; ``clip`` 0 is off."""


@dataclass(frozen=True, slots=True)
class Training:
    """The training knobs, read and checked. Units as in :data:`TRAINING_KNOBS`."""

    epochs: float = 3.0
    steps: int | None = None
    batch: int = 8
    accumulate: int = 1
    lr: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.05
    max_length: int | None = None
    check: float = DEFAULT_CHECK_SHARE
    eval_every: int | None = None
    save_every: int = 50
    sample_every: int = 0
    sample_share: float | None = None
    seed: int = 0
    shuffle: bool = True
    clip: float = 1.0
    precision: str = "auto"

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Self:
        """Check ``given`` against the knobs; raises UserMistake with every problem at once."""
        values: dict[str, Any] = read_knobs(TRAINING_KNOBS, given)
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Base:
    """The base model of a run: where it lies, and the hash of what it was at the start."""

    id: str
    folder: str
    hash: str


@dataclass(frozen=True, slots=True)
class Lessons:
    """The rows of a run: a dataset at one version."""

    dataset: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything a person chose for one run."""

    name: str
    base: Base
    rows: Lessons
    method: str
    knobs: Mapping[str, Value] = field(default_factory=dict)
    training: Training = field(default_factory=Training)
    questions: tuple[str, ...] = ()
    created: str = ""

    def as_json(self) -> dict[str, Any]:
        """The recipe as JSON; :meth:`from_json` is the inverse."""
        return asdict(self) | {"questions": list(self.questions)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Read a stored or given recipe; unknown parts are left aside.

        Raises UserMistake ``recipe.shape`` naming the part that is missing or of a wrong type,
        and those of :meth:`Training.read`.
        """
        questions = part(data, "questions", list, [])
        if not all(isinstance(question, str) for question in questions):
            raise UserMistake("recipe.shape", part="questions")
        return cls(
            name=part(data, "name", str, ""),
            base=Base(*(part(data, f"base.{name}", str) for name in ("id", "folder", "hash"))),
            rows=Lessons(
                *(part(data, f"rows.{name}", str) for name in ("dataset", "name", "version"))
            ),
            method=part(data, "method", str),
            knobs=part(data, "knobs", dict, {}),
            training=Training.read(part(data, "training", dict, {})),
            questions=tuple(questions),
            created=part(data, "created", str, ""),
        )


def part(data: object, path: str, kind: type[_T], default: _T | None = None) -> _T:
    """What stands at ``path`` (``a.b``) in ``data``, or ``default`` where nothing does."""
    found = data
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    if found is None:
        found = default
    if not isinstance(found, kind):
        raise UserMistake("recipe.shape", part=path)
    return found
