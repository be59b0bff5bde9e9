"""What the person works on: kept in the data folder, so that every window and start shows it.

Only a convenience: a file that is missing or damaged is the same as an empty desk.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from studio.core.errors import StudioError, UserMistake
from studio.core.knobs import Knob, read_knobs
from studio.core.recipe import TRAINING_KNOBS
from studio.methods import METHODS, method_of
from studio.store.atomic import write_json
from studio.store.data_folder import DataFolder
from studio.store.datasets import Datasets
from studio.store.models import Models

Json = dict[str, Any]

USUAL_METHOD = next(iter(METHODS))
"""What one starts with."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Ids of a model and a dataset, or None; ``mirror`` is a hub's address, "" the usual one.

    ``knobs`` holds, by method, what was chosen; the others are at their defaults. ``training`` is
    the same for the training knobs.
    """

    model: str | None = None
    dataset: str | None = None
    mirror: str = ""
    offline: bool = False
    method: str = USUAL_METHOD
    knobs: Json = field(default_factory=dict)
    training: Json = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The desk in ``data``; what is not of the right type is as if it were not there."""
        found = data if isinstance(data, Mapping) else {}
        desk = cls()
        for name, kind in _TYPES.items():
            if isinstance(found.get(name), kind):
                desk = replace(desk, **{name: found[name]})
        return desk


_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TYPES = {
    "model": str,
    "dataset": str,
    "mirror": str,
    "offline": bool,
    "method": str,
    "knobs": dict,
    "training": dict,
}


@dataclass(frozen=True, slots=True)
class DeskService:
    """The desk of a data folder."""

    data: DataFolder
    models: Models
    datasets: Datasets
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Json:
        """``{"model", "dataset", "mirror", "offline", "method", "knobs", "training"}``.

        A model that is forgotten and a dataset in the trash read as None, a method or value that
        there is no more as the usual one. ``knobs`` names every method.
        """
        desk = self._read()
        shown = replace(
            desk,
            model=self._model(desk),
            dataset=self._dataset(desk),
            method=desk.method if desk.method in METHODS else USUAL_METHOD,
            knobs={id: _good(m.knobs, desk.knobs.get(id)) for id, m in METHODS.items()},
            training=_good(TRAINING_KNOBS, desk.training),
        )
        return asdict(shown)

    def choose(
        self,
        *,
        model: str | None = None,
        dataset: str | None = None,
        mirror: str | None = None,
        offline: bool | None = None,
        method: str | None = None,
        knobs: dict[str, Any] | None = None,
        training: dict[str, Any] | None = None,
    ) -> Json:
        """Put something on the desk; None leaves as is, "" takes off. Returns :meth:`get`.

        ``knobs`` take the place of all that were chosen for the method that then lies there, and
        ``training`` of all training knobs. Raises UserMistake for a model, dataset, method or value
        that is none, and ``desk.mirror``.
        """
        wanted: Json = {
            "model": self.models.get(model).id if model else model,
            "dataset": self.datasets.get(dataset).id if dataset else dataset,
            "mirror": _address(mirror) if mirror else mirror,
            "offline": offline,
            "method": method_of(method).id if method else method,
            "training": None if training is None else _chosen(TRAINING_KNOBS, training),
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        with self._turn:
            desk = replace(self._read(), **given)
            if knobs is not None:
                home = METHODS.get(desk.method, METHODS[USUAL_METHOD])
                desk = replace(desk, knobs=desk.knobs | {home.id: _chosen(home.knobs, knobs)})
            write_json(self._path, asdict(desk))
        return self.get()

    @property
    def _path(self) -> Path:
        return self.data.root / "desk.json"

    def _read(self) -> Desk:
        try:
            return Desk.from_json(json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, RecursionError):
            return Desk()

    def _model(self, desk: Desk) -> str | None:
        try:
            return self.models.get(desk.model).id if desk.model else None
        except StudioError:
            return None

    def _dataset(self, desk: Desk) -> str | None:
        try:
            found = self.datasets.get(desk.dataset) if desk.dataset else None
        except StudioError:
            return None
        return found.id if found and found.trashed is None else None


def _chosen(knobs: tuple[Knob, ...], given: Json) -> Json:
    """``given`` as values, without what is left to the default; raises with every problem."""
    values = read_knobs(knobs, given)
    return {name: values[name] for name in values if given.get(name) is not None}


def _good(knobs: tuple[Knob, ...], kept: object) -> Json:
    """What in ``kept`` is still a value of one of ``knobs``."""
    values = kept if isinstance(kept, dict) else {}
    return {knob.name: values[knob.name] for knob in knobs if _is_good(knob, values)}


def _is_good(knob: Knob, values: Json) -> bool:
    try:
        return knob.name in values and knob.read(values[knob.name]) is not None
    except UserMistake:
        return False


def _address(mirror: str) -> str:
    """``mirror`` as it is kept, without a last slash; raises UserMistake ``desk.mirror``."""
    address = mirror.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        is_safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
        is_address = is_safe and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address or any(sign.isspace() for sign in address):
        raise UserMistake("desk.mirror", mirror=mirror[:80])
    return address
