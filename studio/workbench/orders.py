"""Orders for runs: what a person asks for, read, checked and made a recipe. Starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

from studio.core.errors import UserMistake
from studio.core.recipe import Base, Lessons, Recipe, Training, part
from studio.core.rows import Row, Split
from studio.core.splits import parted
from studio.methods import method_of, read_values
from studio.store.datasets import NAME_LENGTH, clean_name
from studio.store.run_folder import RunRow
from studio.workbench.checklists import Checklists, nothing_ready, unready
from studio.workbench.models import Told, unheard


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asks for when starting a run, still unread."""

    model: str = ""
    dataset: str = ""
    method: str = ""
    knobs: Mapping[str, object] = field(default_factory=dict)
    training: Mapping[str, object] = field(default_factory=dict)
    name: str = ""
    questions: tuple[str, ...] = ()

    @classmethod
    def from_recipe(cls, data: object) -> Self:
        """The order that gives the recipe ``data`` again, with the rows as they are now.

        ``data`` may also name just a ``model`` and a ``dataset``. Raises UserMistake
        ``recipe.shape`` naming the part that is of a wrong type.
        """
        questions = part(data, "questions", list, [])
        if not all(isinstance(question, str) for question in questions):
            raise UserMistake("recipe.shape", part="questions")
        return cls(
            model=part(data, "model", str, "") or part(data, "base.id", str, ""),
            dataset=part(data, "dataset", str, "") or part(data, "rows.name", str, ""),
            method=part(data, "method", str, ""),
            knobs=part(data, "knobs", dict, {}),
            training=part(data, "training", dict, {}),
            name=part(data, "name", str, ""),
            questions=tuple(questions),
        )

    def changed(self, wanted: "Order") -> "Order":
        """This order, with what ``wanted`` says in the place of its own.

        Another method has other knobs, and a length in passes replaces one in updates.
        """
        is_same = wanted.method in ("", self.method)
        length = {"steps": None} if "epochs" in wanted.training else {}
        return replace(
            self,
            model=wanted.model or self.model,
            dataset=wanted.dataset or self.dataset,
            method=wanted.method or self.method,
            knobs={**(self.knobs if is_same else {}), **wanted.knobs},
            training={**self.training, **length, **wanted.training},
            name=wanted.name or self.name,
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """An order that can be begun. ``unready`` counts the rows that are left out by their status."""

    recipe: Recipe
    rows: tuple[RunRow, ...]
    unready: Mapping[str, int]


class OrderService(Checklists):
    """Reads orders against the models and rows of a data folder."""

    __slots__ = ()

    def read(self, order: Order, *, told: Told = unheard) -> Ready:
        """Check all of ``order`` that can be checked without loading the model.

        Raises UserMistake with every problem of the knobs, Refusal while the device is in use.
        """
        _require_whole(order)
        method = method_of(order.method)
        training = Training.read(order.training)
        knobs = read_values(method, order.knobs)
        home = self.rows.datasets.get(order.dataset)
        pinned = self.rows.versions.pin(home.id)
        counts = self.rows.rows.counts(home.id)
        lessons = _lessons(pinned.rows, training.check, home.salt)
        if not lessons:
            raise nothing_ready(home, counts)
        self.engine.device("start").release()
        base = self.models.need(order.model, told=told)
        method.sites(self.models.sheet(base.id), knobs)
        recipe = Recipe(
            name=clean_name(order.name or f"{home.name} · {method.id}"[:NAME_LENGTH]),
            base=Base(base.id, base.folder, str(base.identity["hash"])),
            rows=Lessons(home.id, home.name, pinned.version.version),
            method=method.id,
            knobs=knobs,
            training=training,
            questions=order.questions,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        return Ready(recipe, lessons, unready(counts))


def _require_whole(order: Order) -> None:
    missing = [name for name in ("model", "dataset", "method") if not getattr(order, name)]
    if missing:
        raise UserMistake("recipe.missing", fields=", ".join(missing))


def _lessons(rows: tuple[Row, ...], share: float, salt: str) -> tuple[RunRow, ...]:
    """The rows that a run holds, train and check; exam rows never come near it."""
    splits = parted([(row.split, row.group) for row in rows], salt, share)
    pairs = zip(rows, splits, strict=True)
    return tuple(RunRow(row.id, row.body, split) for row, split in pairs if split is not Split.EXAM)
