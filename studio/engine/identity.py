"""What a model is, to the byte: hashes of every file that loading reads.

A run keeps the identity of its base model, so that a changed model is noticed before it is
trained on. Knows nothing of what the files mean.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studio.engine.configuration import read_json
from studio.engine.model_files import read_files
from studio.engine.progress import Progress, Report, unheard
from studio.store.atomic import write_json

SOURCE = "source.json"
"""Where a downloaded or converted model keeps where it came from: ``{"kind", ...}``."""

Identity = dict[str, Any]
_CHUNK = 1 << 22


def identity(folder: Path, *, cache: Path | None = None, report: Report = unheard) -> Identity:
    """``{"kind": "folder"|"hub", "commit"?, "files": {name: [size, sha256]}, "hash"}``.

    ``hash`` is one over all files. With ``cache``, a JSON file, hashes are kept there and reused
    while a file's size and time of change stay the same.
    """
    files = read_files(folder)
    known = _read_cache(cache)
    hashed = _Hashing(report, sum(path.stat().st_size for path in files))
    kept = {path.name: hashed.entry(path, known.get(path.name)) for path in files}
    if cache is not None and kept != known:
        write_json(cache, kept)
    found = {name: [size, digest] for name, (size, _, digest) in kept.items()}
    return _origin(folder) | {"files": found, "hash": _over_all(found)}


class _Hashing:
    """Hashes files one after the other and says how far it is."""

    def __init__(self, report: Report, total: int) -> None:
        self._report = report
        self._total = total
        self._done = 0

    def entry(self, path: Path, known: list[Any] | None) -> list[Any]:
        """``[size, time of change in ns, sha256]``: what is ``known``, if it still holds."""
        at = path.stat()
        if known and known[:2] == [at.st_size, at.st_mtime_ns]:
            self._done += at.st_size
            return known
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                self._done += len(chunk)
                self._report(Progress("hash", self._done, self._total, "bytes"))
        return [at.st_size, at.st_mtime_ns, digest.hexdigest()]


def _read_cache(cache: Path | None) -> dict[str, list[Any]]:
    try:
        data = json.loads(cache.read_text(encoding="utf-8")) if cache else {}
    except (OSError, ValueError):
        data = {}
    entries = data.items() if isinstance(data, dict) else ()
    return {name: e for name, e in entries if isinstance(e, list) and len(e) == 3}


def _origin(folder: Path) -> Identity:
    source = folder / SOURCE
    data = read_json(source) if source.is_file() else {}
    if data.get("kind") == "hub":
        return {"kind": "hub", "commit": data["commit"]}
    return {"kind": "folder"}


def _over_all(files: Mapping[str, list[Any]]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode("utf-8")).hexdigest()
