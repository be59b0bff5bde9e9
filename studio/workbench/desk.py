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
from studio.store.atomic import write_json
from studio.store.data_folder import DataFolder
from studio.store.datasets import Datasets
from studio.store.models import Models

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """Ids of a model and a dataset, or None; ``mirror`` is a hub's address, "" the usual one."""

    model: str | None = None
    dataset: str | None = None
    mirror: str = ""
    offline: bool = False

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
_TYPES = {"model": str, "dataset": str, "mirror": str, "offline": bool}


@dataclass(frozen=True, slots=True)
class DeskService:
    """The desk of a data folder."""

    data: DataFolder
    models: Models
    datasets: Datasets
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def get(self) -> Json:
        """``{"model", "dataset", "mirror", "offline"}``.

        A model that is forgotten and a dataset in the trash read as None.
        """
        desk = self._read()
        return asdict(replace(desk, model=self._model(desk), dataset=self._dataset(desk)))

    def choose(
        self,
        *,
        model: str | None = None,
        dataset: str | None = None,
        mirror: str | None = None,
        offline: bool | None = None,
    ) -> Json:
        """Put something on the desk; None leaves as is, "" takes off. Returns :meth:`get`.

        Raises UserMistake for a model or dataset that is unknown, and ``desk.mirror``.
        """
        wanted: dict[str, str | bool | None] = {
            "model": self.models.get(model).id if model else model,
            "dataset": self.datasets.get(dataset).id if dataset else dataset,
            "mirror": _address(mirror) if mirror else mirror,
            "offline": offline,
        }
        given: Json = {name: value for name, value in wanted.items() if value is not None}
        with self._turn:
            write_json(self._path, asdict(replace(self._read(), **given)))
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
