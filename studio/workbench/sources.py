"""Where base models come from, told by how a source is written. Reads no file."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from studio.core.errors import UserMistake

STARTER = "starter"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_SAMPLE = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A model's source. ``path`` is the folder or the file, None where there is neither."""

    text: str
    kind: Literal["starter", "folder", "gguf", "hub"]
    path: Path | None = None

    @property
    def id(self) -> str | None:
        """The name of its folder in the data folder; None for a folder, which stays where it is."""
        if self.kind == "hub":
            return self.text.replace("/", "--")
        if self.kind == "gguf" and self.path is not None:
            return _gguf_id(self.path)
        return STARTER if self.kind == "starter" else None


def read_source(text: str) -> Source:
    """What ``text`` names: ``starter``, a GGUF file, a folder, or a hub id.

    Raises UserMistake ``models.no_file`` and ``models.unknown_source``.
    """
    path = Path(text).expanduser()
    if text == STARTER:
        return Source(text, "starter")
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise UserMistake("models.no_file", file=text)
        return Source(text, "gguf", path.resolve())
    if folder := folder_of(text):
        return Source(text, "folder", folder)
    if is_hub_id(text):
        return Source(text, "hub")
    raise UserMistake("models.unknown_source", source=text)


def is_hub_id(text: str) -> bool:
    """Whether ``text`` is written like ``owner/name``."""
    return _HUB_ID.fullmatch(text) is not None


def folder_of(text: str) -> Path | None:
    """The folder that ``text`` names, if there is one."""
    path = Path(text).expanduser()
    return path.resolve() if path.is_dir() else None


def slug(name: str) -> str:
    """``name`` as part of a folder's name on every system."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "model"


def _gguf_id(path: Path) -> str:
    """A name that two different files do not share: by size, beginning and end."""
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}".encode())
    with open(path, "rb") as file:
        digest.update(file.read(_SAMPLE))
        file.seek(max(0, size - _SAMPLE))
        digest.update(file.read(_SAMPLE))
    return f"{slug(path.stem)}-{digest.hexdigest()[:8]}"
