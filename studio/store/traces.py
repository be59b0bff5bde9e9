"""Finds what the files of a data folder hold of rows that are to be erased, and removes it.

Each function can be done again after it was cut off. Knows folders and texts, not the tables of
the database; only its old copies are asked whether a row is in them.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from studio.store.atomic import discard, write_bytes, write_json
from studio.store.data_folder import DataFolder
from studio.store.exports import export_of, listed_rows, remove_export

SOUGHT_BYTES = 12
"""Bytes (UTF-8) from which on a text is sought in files: twelve letters, four Chinese characters.
What is shorter stands in too many places to be a trace of one row."""

_WEIGHTS = {".safetensors", ".gguf", ".npy"}
_CACHES = ("tokens", "cache")
_ENCODINGS = ("utf-8", "utf-16-le", "gb18030")


@dataclass(frozen=True, slots=True)
class Gone:
    """What is to be erased: ids of rows, texts that no other row says, and these texts as bytes
    in every dress in which a file may hold them, longest first."""

    ids: frozenset[str]
    texts: tuple[str, ...]
    forms: tuple[bytes, ...]

    @classmethod
    def of(cls, ids: Iterable[str], texts: Iterable[str]) -> Self:
        """Of ``texts`` those that are long enough to be sought."""
        bare = {text.strip() for text in texts}
        sought = tuple(sorted(t for t in bare if len(t.encode("utf-8")) >= SOUGHT_BYTES))
        forms = {
            dress.encode(encoding)
            for text in sought
            for dress in _dresses(text)
            for encoding in _ENCODINGS
        }
        return cls(frozenset(ids), sought, tuple(sorted(forms, key=len, reverse=True)))

    def is_said_in(self, text: str) -> bool:
        """Whether ``text`` gives one of the texts away."""
        return any(gone in text for gone in self.texts)

    def is_held_in(self, data: bytes) -> bool:
        """Whether ``data`` holds one of the texts in whatever dress."""
        return any(form in data for form in self.forms)


def _dresses(text: str) -> Iterator[str]:
    yield text
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield json.dumps(text)[1:-1]
    yield text.replace('"', '""')


def clean_run(run: Path, gone: Gone) -> tuple[int, list[Path]]:
    """Take rows and texts out of a run folder; returns how many rows it held, and what changed.

    Cached tokens of a run that held a row are deleted as a whole.
    """
    held, changed = 0, []
    for path, clean, dropped in _traces(run, gone):
        write_bytes(path, clean)
        changed.append(path)
        held += dropped
    if held:
        caches = [path for path in run.iterdir() if path.name.startswith(_CACHES)]
        for path in caches:
            discard(path)
        changed += caches
    return held, changed


def has_traces(run: Path, gone: Gone) -> bool:
    """Whether :func:`clean_run` would find something."""
    return any(True for _ in _traces(run, gone))


def mark_run(run: Path, rows: int) -> None:
    """Write into a run folder that ``rows`` rows in all were erased that it had learned from."""
    if run.is_dir():
        write_json(run / "erased.json", {"rows": rows})


def clean_exports(folder: DataFolder, gone: Gone) -> list[Path]:
    """Delete exports, uploads and whatever else lies in the data folder, if a list of rows says
    that they hold one, or if a text stands in them."""
    ours = {folder.models, folder.runs, folder.locks, folder.backups}
    changed = []
    for top in sorted(folder.root.iterdir()):
        foreign = top.is_symlink() and top != folder.exports
        if foreign or top in ours or top.name.startswith(folder.database.name):
            continue
        for path in _files(top):
            export = export_of(path)
            if listed_rows(export) & gone.ids or gone.is_held_in(path.read_bytes()):
                remove_export(export)
                changed.append(export)
    return changed


def clean_backups(folder: DataFolder, gone: Gone) -> list[Path]:
    """Delete copies of the database that hold a row, or that cannot be asked."""
    held = [path for path in _files(folder.backups) if _copy_holds(path, gone)]
    for path in held:
        path.unlink()
    return held


def _files(place: Path) -> Iterator[Path]:
    """The files at or below ``place`` that may hold text; links are not followed."""
    if place.is_file() and not place.is_symlink():
        yield place
    for parent, folders, names in os.walk(place):
        folders.sort()
        for path in sorted(Path(parent, name) for name in names):
            if path.suffix not in _WEIGHTS and path.is_file() and not path.is_symlink():
                yield path


def _traces(run: Path, gone: Gone) -> Iterator[tuple[Path, bytes, int]]:
    """Each file with traces, its bytes without them, and how many of the rows it held."""
    for path in _files(run):
        data = path.read_bytes()
        if path.name == "rows.jsonl":
            lines = data.splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line)["id"] not in gone.ids]
            if len(kept) < len(lines):
                yield path, b"".join(kept), len(lines) - len(kept)
        elif gone.is_held_in(data):
            parts = data.splitlines(keepends=True) if path.suffix == ".jsonl" else [data]
            yield path, b"".join(_blanked(part, gone) for part in parts), 0


def _blanked(data: bytes, gone: Gone) -> bytes:
    """``data`` without texts; in JSON, strings that said one become empty."""
    if not gone.is_held_in(data):
        return data
    try:
        value = _blank(json.loads(data), gone)
        clean = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"
    except ValueError:
        clean = data
    for form in gone.forms:
        clean = clean.replace(form, b"")
    return clean


def _blank(value: Any, gone: Gone) -> Any:
    if isinstance(value, str):
        return "" if gone.is_said_in(value) else value
    if isinstance(value, list):
        return [_blank(item, gone) for item in value]
    if isinstance(value, Mapping):
        return {name: _blank(item, gone) for name, item in value.items()}
    return value


def _copy_holds(path: Path, gone: Gone) -> bool:
    asked = "SELECT 1 FROM rows WHERE id IN (SELECT value FROM json_each(?)) LIMIT 1"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
            return copy.execute(asked, (json.dumps(sorted(gone.ids)),)).fetchone() is not None
    except sqlite3.Error:
        return True
