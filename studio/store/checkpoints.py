"""Save points of one run: folders ``step-N`` that count only if every byte is what was written.

A manifest with sizes and SHA-256 makes a folder valid. Their order is that of the steps, never of
the clock. A folder ``step-N.older`` is what stood at N before it was saved again. Knows nothing of
what the files mean.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studio.core.errors import Fault
from studio.store.atomic import DISK, Disk, discard, ensure_folder, publishing, sweep, write_json

_MANIFEST = "manifest.json"
_NAME = re.compile(r"step-(?P<step>\d+)(?P<older>\.older)?")

Stamp = list[tuple[str, int, int]]
"""Name, bytes and time of change of each file of a folder."""

_PROVED: dict[Path, Stamp] = {}
"""Folders whose hashes were right, for as long as their stamp stays: hashing gigabytes is slow."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A valid save point: the state after ``step`` updates, in the folder ``path``."""

    step: int
    path: Path


class Checkpoints:
    """The save points in the folder ``path``; pruning leaves the ``keep`` newest valid ones."""

    def __init__(self, path: Path, keep: int = 2, *, disk: Disk = DISK) -> None:
        assert keep >= 1
        self.path, self.keep, self._disk = path, keep, disk

    @contextmanager
    def writing(self, step: int) -> Iterator[Path]:
        """A folder to write files into; when the block ends they are the save point of ``step``.

        It is then on the disk, and save points that are no longer needed are gone. If the block
        raises, nothing has changed. Raises Refusal ``disk.full``, and Fault ``checkpoint.damaged``
        if the disk does not give back what was written.
        """
        ensure_folder(self.path, disk=self._disk)
        sweep(self.path, disk=self._disk)
        final = self.path / f"step-{step}"
        older = self.path / f"step-{step}.older"
        self._make_way(final, older)
        with publishing(final, older=older, disk=self._disk) as folder:
            yield folder
            files = _files(folder)
            write_json(folder / _MANIFEST, {"step": step, "files": files}, disk=self._disk)
        if _sizes(final) != {name: facts["bytes"] for name, facts in files.items()}:
            raise Fault("checkpoint.damaged", step=step)
        _PROVED[final] = _stamp(final)
        self._prune()

    def tidy(self) -> None:
        """Remove what a dead process left half made, or had no more time to prune."""
        if self.path.is_dir():
            sweep(self.path, disk=self._disk)
            self._prune()

    def latest(self) -> Checkpoint | None:
        """The newest save point, by step, that is valid."""
        return next(self._valid(), None)

    def at(self, step: int) -> Checkpoint | None:
        """The save point of ``step``, if there is a valid one."""
        found = (path for number, path in self._folders() if number == step)
        return next((Checkpoint(step, path) for path in found if self._is_valid(path)), None)

    def steps(self) -> list[int]:
        """The steps of the valid save points, rising."""
        return sorted({checkpoint.step for checkpoint in self._valid()})

    def named(self) -> list[int]:
        """The steps of all that are there, rising; whether they are valid is not looked at."""
        return sorted({step for step, _ in self._folders()})

    @property
    def damaged(self) -> list[str]:
        """Names of the folders that should be save points and are not valid, newest first."""
        broken = [path for _, path in self._folders() if not self._is_valid(path)]
        return [path.name for path in broken if path.is_dir()]

    def _folders(self) -> list[tuple[int, Path]]:
        """Step and folder of all that are named like save points: newest first, before older."""
        named = [_NAME.fullmatch(path.name) for path in self.path.glob("step-*")]
        found = [(int(name["step"]), not name["older"], name.string) for name in named if name]
        return [(step, self.path / name) for step, _, name in sorted(found, reverse=True)]

    def _valid(self) -> Iterator[Checkpoint]:
        """The valid save points, newest first, one a step."""
        last = None
        for step, path in self._folders():
            if step != last and self._is_valid(path):
                last = step
                yield Checkpoint(step, path)

    def _is_valid(self, path: Path) -> bool:
        try:
            stamp = _stamp(path)
            if _PROVED.get(path) != stamp:
                name = _NAME.fullmatch(path.name)
                assert name is not None
                if _manifest(path) != {"step": int(name["step"]), "files": _files(path)}:
                    return False
                _PROVED[path] = stamp
        except (OSError, ValueError):
            return False
        return True

    def _make_way(self, final: Path, older: Path) -> None:
        """Leave at most one folder of this step: a valid one if there is any."""
        if older.exists():
            discard(older if self._is_valid(final) else final, disk=self._disk)

    def _prune(self) -> None:
        """Remove what is older than the newest ``keep`` valid ones, and what those replace."""
        kept = [checkpoint for checkpoint, _ in zip(self._valid(), range(self.keep), strict=False)]
        for step, path in self._folders():
            replaced = any(step == point.step and path != point.path for point in kept)
            if replaced or (len(kept) == self.keep and step < kept[-1].step):
                discard(path, disk=self._disk)


def _manifest(folder: Path) -> Any:
    return json.loads((folder / _MANIFEST).read_bytes())


def _files(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file below ``folder`` except the manifest, by its relative name."""
    return {
        name: {"bytes": size, "sha256": _sha256(folder / name)}
        for name, size in _sizes(folder).items()
    }


def _sizes(folder: Path) -> dict[str, int]:
    return {name: size for name, size, _ in _stamp(folder) if name != _MANIFEST}


def _stamp(folder: Path) -> Stamp:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        (path.relative_to(folder).as_posix(), (stat := path.stat()).st_size, stat.st_mtime_ns)
        for path in files
    ]


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
