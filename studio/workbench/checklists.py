"""What stands before a start: which rows train, which do not and why, what it takes, what it needs.

Loads nothing and waits for nothing: what only the engine can tell is said once it is known.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from studio.core.costs import disk_needed
from studio.core.course import Course
from studio.core.errors import Refusal, StudioError, UserMistake, from_json
from studio.core.recipe import Training
from studio.core.rows import Split, Status
from studio.core.splits import parted
from studio.methods import method_of, read_values
from studio.methods.sites import virtual_ids
from studio.store.datasets import Dataset
from studio.store.models import ModelEntry
from studio.store.row_values import Counts, Query
from studio.workbench.engine_room import EngineRoom
from studio.workbench.measures import Measured, Measures, Room
from studio.workbench.models import ModelService
from studio.workbench.rolls import Roll, Rolls
from studio.workbench.rows import RowService
from studio.workbench.watching import Watching

Json = dict[str, Any]

SHOWN = 5
"""Rows that are named of those that are left out for one reason."""

_REASONS = {"rows.text_not_supervised": "text", "rows.prompt_fills_length": "too_long"}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a run would do with the rows of a dataset; ``tokens`` counts the word pieces of those
    that train, where they are known."""

    total: int = 0
    version: str | None = None
    trains: int = 0
    check: int = 0
    exam: int = 0
    left_out: Sequence[Json] = ()
    measured: bool = False
    cut: int = 0
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class _Method:
    """Values that a method trains, and word pieces that it puts before every row."""

    trainable: int = 0
    virtual: int = 0


@dataclass(slots=True)
class _Problems:
    """Why a start must wait, first things first."""

    found: list[StudioError] = field(default_factory=list)

    def attempt(self, act: Callable[[], _T]) -> _T | None:
        """What ``act`` returns, or None where it raises, which is noted."""
        try:
            return act()
        except StudioError as error:
            self.found.append(error)
            return None

    @property
    def first(self) -> Json | None:
        """The first problem as JSON."""
        return self.found[0].as_json() if self.found else None


@dataclass(frozen=True, slots=True)
class Checklists:
    """What would be started, against the models, rows and runs of a data folder."""

    models: ModelService
    rows: RowService
    engine: EngineRoom
    measures: Measures
    rolls: Rolls
    watching: Watching

    def checklist(
        self,
        model: str | None,
        dataset: str | None,
        method: str,
        knobs: Mapping[str, object] | None = None,
        training: Mapping[str, object] | None = None,
    ) -> Json:
        """All that can be said before a start; ``problem`` is why it must wait, or None.

        ``left_out`` tells ``{"reason", "count", "why" (an error as JSON), "rows": [{"id",
        "number"}]}``. While ``measured`` is False, rows that only the engine can tell are too
        long count among those that train, and a task may be finding out.
        """
        problems = _Problems()
        entry = problems.attempt(lambda: self._model(model))
        home = problems.attempt(lambda: self._dataset(dataset))
        read = problems.attempt(lambda: Training.read(training or {}))
        chosen = problems.attempt(lambda: self._method(entry, method, knobs or {})) or _Method()
        asked = read or Training()
        room = Room(asked.max_length, chosen.virtual)
        rows = self._look(entry, home, asked.check, room, problems) if home else _Rows()
        needed = disk_needed(chosen.trainable)
        free = shutil.disk_usage(self.rows.data.root).free
        problems.attempt(lambda: _require_room(self.rows.data.root, needed, free))
        problems.attempt(self._require_device)
        course = Course.of(asked, rows.trains) if rows.trains else None
        passes = course.total / course.per_pass if course else 0.0
        return {
            "model": entry.id if entry else None,
            "dataset": home.id if home else None,
            "version": rows.version,
            "rows": rows.total,
            "trains": rows.trains,
            "check_rows": rows.check,
            "exam": rows.exam,
            "left_out": rows.left_out,
            "measured": rows.measured,
            "cut_rows": rows.cut,
            "updates": course.total if course else 0,
            "passes": round(passes, 3),
            "disk_needed_bytes": needed,
            "disk_free_bytes": free,
            "seconds": self._seconds(entry, method, rows, passes),
            "problem": problems.first,
        }

    def _model(self, wanted: str | None) -> ModelEntry:
        """The model, if its files still are what they were; only the trainer reads them whole."""
        if not wanted:
            raise UserMistake("train.no_model")
        entry = self.models.index.get(wanted)
        folder = Path(entry.folder)
        if not folder.is_dir():
            raise Refusal("models.gone", folder=entry.folder)
        for name, (size, _) in dict(entry.identity.get("files", {})).items():
            if not (folder / name).is_file() or (folder / name).stat().st_size != size:
                raise Refusal("train.model_changed", folder=entry.folder, file=name)
        return entry

    def _dataset(self, wanted: str | None) -> Dataset:
        if not wanted:
            raise UserMistake("train.no_dataset")
        return self.rows.datasets.get(wanted)

    def _method(
        self, entry: ModelEntry | None, method: str, knobs: Mapping[str, object]
    ) -> _Method:
        """What the method is on the model; also without one its knobs are checked."""
        chosen = method_of(method)
        values = read_values(chosen, knobs)
        if entry is None:
            return _Method()
        sites = chosen.sites(self.models.sheet(entry.id), values)
        return _Method(sum(site.trainable for site in sites), len(virtual_ids(sites)))

    def _require_device(self) -> None:
        """Raise Refusal ``lease.busy`` with the name of the run that has the device, if one has."""
        try:
            self.engine.device("start").release()
        except Refusal as busy:
            names = {run.id: run.name for run in self.rows.index.list()}
            owner = str(busy.facts.get("owner"))
            raise Refusal(busy.key, **busy.facts | {"owner": names.get(owner, owner)}) from None

    def _look(
        self,
        entry: ModelEntry | None,
        home: Dataset,
        share: float,
        room: Room,
        problems: _Problems,
    ) -> _Rows:
        roll, counts = self.rolls.of(home.id), self.rows.rows.counts(home.id)
        version = self.rows.versions.current(home.id)
        measured = None
        if entry is not None and roll:
            measured = self.measures.of(entry, home.id, version, room)
        if isinstance(measured, StudioError):
            problems.found.append(measured)
            measured = None
        whys = _whys(roll, measured)
        splits = parted([(e.split, e.group) for e in roll], home.salt, share)
        taught = [
            (e.id, split)
            for e, split in zip(roll, splits, strict=True)
            if e.id not in whys and split is not Split.EXAM
        ]
        trains = [id for id, split in taught if split is Split.TRAIN]
        if not trains:
            problems.found.append(_nothing_trains(home, counts, whys))
        exam = [e.id for e in roll if e.split is Split.EXAM]
        return _Rows(
            total=counts.total,
            version=version,
            trains=len(trains),
            check=len(taught) - len(trains),
            exam=len(exam),
            left_out=[*self._unready(home, counts), *self._left_out(exam, whys)],
            measured=measured is not None,
            cut=len(measured.cut) if measured else 0,
            tokens=sum(map(measured.tokens.__getitem__, trains)) if measured else None,
        )

    def _unready(self, home: Dataset, counts: Counts) -> Iterator[Json]:
        for status in (Status.DRAFT, Status.FLAGGED):
            if counts.status[status]:
                found = self.rows.rows.listing(home.id, Query(status=status, limit=SHOWN))
                named = [
                    {"id": row.id, "number": number}
                    for row, number in zip(found.page.rows, found.numbers, strict=True)
                ]
                yield _reason(status.value, counts.status[status], named)

    def _left_out(self, exam: Sequence[str], whys: Mapping[str, Json]) -> Iterator[Json]:
        if exam:
            yield _reason("exam", len(exam), self._named(exam))
        by_reason: dict[str, list[str]] = {}
        for row, why in whys.items():
            by_reason.setdefault(_reason_of(why), []).append(row)
        for reason, ids in by_reason.items():
            yield _reason(reason, len(ids), self._named(ids), whys[ids[0]])

    def _named(self, ids: Sequence[str]) -> list[Json]:
        places = [(id, self.rows.rows.place(id)[1].number) for id in ids[:SHOWN]]
        return [{"id": id, "number": number} for id, number in places]

    def _seconds(
        self, entry: ModelEntry | None, method: str, rows: _Rows, passes: float
    ) -> float | None:
        """As long as the last run of this model and method took for so many word pieces."""
        if entry is None or not rows.tokens:
            return None
        for run in reversed(self.rows.index.list()):
            if (run.model, run.method) == (entry.id, method):
                with self.watching.at(run.id) as followed:
                    average = followed.average
                if average:
                    return round(rows.tokens * passes / average, 1)
        return None


def unready(counts: Counts) -> dict[str, int]:
    """How many rows are left out by their status."""
    return {status.value: n for status, n in counts.status.items() if n and status != "ready"}


def nothing_ready(home: Dataset, counts: Counts) -> UserMistake:
    """Why a dataset has no row to learn from."""
    if not counts.total:
        return UserMistake("rows.empty_dataset", dataset=home.name)
    if counts.status[Status.READY]:
        return UserMistake("rows.only_exam", dataset=home.name, rows=counts.status[Status.READY])
    waiting = unready(counts)
    return UserMistake(
        "rows.only_unready",
        dataset=home.name,
        drafts=waiting.get(Status.DRAFT, 0),
        flagged=waiting.get(Status.FLAGGED, 0),
    )


def _nothing_trains(home: Dataset, counts: Counts, whys: Mapping[str, Json]) -> UserMistake:
    """Why no row trains, as a start would say it."""
    if not whys:
        return nothing_ready(home, counts)
    row, why = next(iter(whys.items()))
    return UserMistake("rows.nothing_to_learn", rows=len(whys), reason=why, row=row)


def _whys(roll: Roll, measured: Measured | None) -> dict[str, Json]:
    """Why ready rows have nothing to learn, by the trainer's own word where it is known."""
    if measured is not None:
        return dict(measured.left_out)
    return {
        entry.id: entry.why
        for entry in roll
        if entry.why is not None and entry.split is not Split.EXAM
    }


def _reason_of(why: Json) -> str:
    key = from_json(why).key
    if key in _REASONS:
        return _REASONS[key]
    return (
        "nothing_to_learn" if key.startswith("rows.") or key == "tokens.no_answer" else "template"
    )


def _reason(reason: str, count: int, rows: list[Json], why: Json | None = None) -> Json:
    return {"reason": reason, "count": count, "rows": rows, "why": why}


def _require_room(folder: Path, needed: int, free: int) -> None:
    if free < needed:
        raise Refusal("disk.full", path=folder.name, needed=needed, free=free)
