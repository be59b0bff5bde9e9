"""The folder that holds everything: where it is, what lies where in it. Reads no file in it."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import platformdirs

from studio.core.errors import Refusal, UserMistake

VARIABLE = "STUDIO_DATA_DIR"
_FOLDERS = ("models", "runs", "exports", "uploads", "locks")
_MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs"}


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The data folder ``root``; only its owner may enter it."""

    root: Path

    @classmethod
    def open(cls, chosen: Path | None = None, environ: Mapping[str, str] = os.environ) -> Self:
        """The folder that was chosen, else the environment's, else the system's usual place.

        Made if absent. Raises UserMistake ``folder.is_a_file`` and Refusal ``folder.unwritable``.
        """
        usual = platformdirs.user_data_path("finetune-studio", appauthor=False)
        root = Path(chosen or environ.get(VARIABLE) or usual).expanduser().absolute()
        try:
            _make(root)
        except (FileExistsError, NotADirectoryError):
            raise UserMistake("folder.is_a_file", path=str(root)) from None
        except OSError as error:
            raise Refusal(
                "folder.unwritable", path=str(root), problem=str(error.strerror)
            ) from error
        return cls(root)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "studio.db"

    @property
    def models(self) -> Path:
        """Converted base models, by id."""
        return self.root / "models"

    @property
    def runs(self) -> Path:
        """Run folders, by id."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """The only folder that the web server may serve."""
        return self.root / "exports"

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.root / "locks"

    @property
    def backups(self) -> Path:
        """Copies of the database from before each migration."""
        return self.root / "backups"

    @property
    def uploads(self) -> Path:
        """What a browser sent to be read; emptied when the web server starts."""
        return self.root / "uploads"

    @property
    def sheets(self) -> Path:
        """Layer shapes of base models, by the hash of their configuration."""
        return self.models / "sheets"

    def hashes_of(self, model: Path) -> Path:
        """Where the hashes of the files in the folder ``model`` are kept, to be read only once."""
        name = hashlib.sha256(os.fsencode(model)).hexdigest()[:16]
        return self.models / "hashes" / f"{name}.json"

    def network_file_system(self, mounts: Path = _MOUNTS) -> str | None:
        """The kind of network file system that the folder lies on, or None if none is known of.

        Locks and syncs are not to be relied on there, so that people should be warned. Only Linux
        has the list of ``mounts``.
        """
        if not mounts.exists():
            return None
        listed = mounts.read_text(encoding="utf-8", errors="replace")
        kind = file_system_of(self.root.resolve(), listed)
        return kind if kind in _NETWORK or kind.startswith("fuse.") else None


def _make(root: Path) -> None:
    ours = not root.exists() or not any(root.iterdir()) or (root / "studio.db").exists()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if ours:  # someone's own folder, named by mistake, keeps its permissions
        root.chmod(0o700)
    for name in _FOLDERS:
        (root / name).mkdir(mode=0o700, exist_ok=True)


def file_system_of(path: Path, mounts: str) -> str:
    """The file system's kind for ``path`` by ``mounts``, the text of /proc/self/mountinfo."""
    kinds = {}
    for line in mounts.splitlines():
        place, _, facts = line.partition(" - ")
        kinds[place.split(" ")[4].replace("\\040", " ")] = facts.split(" ")[0]
    holders = [place for place in (str(path), *map(str, path.parents)) if place in kinds]
    return kinds[holders[0]] if holders else ""
