"""A disk that notes what reaches it, and what a power cut after any part of that may leave.

The model is the least that file systems promise: a file's bytes are safe once the file is synced, a
name (made, changed or removed) once its folder is. What is not safe yet may be there, be missing,
or be there in part, whatever came before or after it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from studio.store.atomic import Disk
from studio.store.owners import current


@dataclass
class File:
    """A file's bytes: all that were written, and what is safe of them."""

    written: bytes
    safe: bytes = b""


@dataclass
class Folder:
    """A folder's names: those that are safe, and the changes since, each (gone, come, what)."""

    safe: "dict[str, File | Folder]" = field(default_factory=dict)
    changes: "list[tuple[str, str, File | Folder]]" = field(default_factory=list)

    def names(
        self, without: int | None = None, only: int | None = None
    ) -> dict[str, "File | Folder"]:
        """The names after all changes, after all but one, or after one alone."""
        names = dict(self.safe)
        for index, (gone, come, what) in enumerate(self.changes):
            if index != without and only in (None, index):
                names.pop(gone, None)
                if come:
                    names[come] = what
        return names


@dataclass(frozen=True)
class Deed:
    """One thing that reached the disk; paths are relative to the recorded folder."""

    kind: str
    path: str
    target: str = ""
    data: bytes = b""


class RecordingDisk(Disk):
    """Does everything, syncs nothing (the tests need no safe disk), and takes notes."""

    def __init__(self, root: Path) -> None:
        self.root, self.deeds = root, list[Deed]()
        self._known = {root}

    def make_folder(self, path: Path) -> None:
        super().make_folder(path)
        self._meet(path)

    def write(self, path: Path, data: bytes) -> None:
        super().write(path, data)
        self._note("write", path, data=data)

    def sync(self, path: Path) -> None:
        if path.is_file():  # someone else may have written it
            self._meet(path.parent)
            self._note("write", path, data=path.read_bytes())
        self._note("sync", path)

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._note("rename", source, target=self._name(target))

    def remove(self, path: Path) -> None:
        if path.is_dir():
            for child in sorted(path.iterdir()):
                self.remove(child)
            path.rmdir()
        else:
            path.unlink()
        self._note("remove", path)

    def _meet(self, folder: Path) -> None:
        if folder not in self._known:
            self._meet(folder.parent)
            self._known.add(folder)
            self._note("folder", folder)

    def _note(self, kind: str, path: Path, *, target: str = "", data: bytes = b"") -> None:
        self.deeds.append(Deed(kind, self._name(path), target, data))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def replay(deeds: list[Deed]) -> Folder:
    """The disk after these deeds."""
    root = Folder()
    for deed in deeds:
        _apply(root, deed)
    return root


def _apply(root: Folder, deed: Deed) -> None:
    place, _, name = deed.path.rpartition("/")
    folder = _find(root, place)
    assert isinstance(folder, Folder)
    if deed.kind == "sync":
        _make_safe(_find(root, deed.path))
        return
    names = folder.names()
    if deed.kind == "write" and name in names:
        file = names[name]
        assert isinstance(file, File)
        file.written = deed.data
    elif deed.kind == "write":
        folder.changes.append(("", name, File(deed.data)))
    elif deed.kind == "folder":
        folder.changes.append(("", name, Folder()))
    elif deed.kind == "rename":
        folder.changes.append((name, deed.target.rpartition("/")[2], names[name]))
    else:
        folder.changes.append((name, "", names[name]))


def _find(root: Folder, path: str) -> File | Folder:
    found: File | Folder = root
    for part in Path(path).parts:
        assert isinstance(found, Folder)
        found = found.names()[part]
    return found


def _make_safe(node: File | Folder) -> None:
    if isinstance(node, File):
        node.safe = node.written
    else:
        node.safe, node.changes = node.names(), []


State = frozenset[tuple[str, bytes | None]]
"""Files by their relative path, and folders with None."""


def remains(root: Folder) -> set[State]:
    """Every state that a power cut may leave."""
    states = set[State]()
    for part in (0.0, 0.5, 1.0):
        states.add(frozenset(_state(root, part=part)))
        states.add(frozenset(_state(root, part=part, only=-1)))
    for index in range(max(len(folder.changes) for folder in _folders(root))):
        states.add(frozenset(_state(root, part=0.5, without=index)))
        states.add(frozenset(_state(root, part=0.5, only=index)))
    return states


def lay(state: State, place: Path) -> None:
    """Make ``place`` what is left; whoever was at work then is dead."""
    place.mkdir()
    for name, data in sorted(state):
        path = place / _by_a_dead_process(name)
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)


def _folders(folder: Folder) -> Iterator[Folder]:
    yield folder
    for node in folder.names().values():
        if isinstance(node, Folder):
            yield from _folders(node)


def _state(
    folder: Folder,
    place: str = "",
    *,
    part: float,
    without: int | None = None,
    only: int | None = None,
) -> Iterator[tuple[str, bytes | None]]:
    for name, node in folder.names(without, only).items():
        if isinstance(node, Folder):
            yield place + name, None
            inside = f"{place}{name}/"
            yield from _state(node, inside, part=part, without=without, only=only)
        else:
            safe = node.written == node.safe
            length = len(node.written) if safe else int(len(node.written) * part)
            yield place + name, node.written[:length]


def _by_a_dead_process(name: str) -> str:
    owner = current()
    return name.replace(f"{owner.pid}-{owner.started}", "999999999-1")
