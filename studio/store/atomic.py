"""The one place that makes files survive: written beside, synced, renamed, the folder synced.

A reader sees the old file or the new one, never a part, also after a power cut. What a dead
process left half done has its owner in its name; :func:`sweep` removes it. Knows nothing of what
the files mean.
"""

import errno
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from studio.core.errors import Refusal
from studio.store.owners import alive, current, of

if sys.platform != "win32":
    import fcntl

_FULL = {errno.ENOSPC, errno.EDQUOT}
_NAME = 4096
"""Bytes that a new name in a folder may take."""

_LEFTOVER = re.compile(r"\..+\.(?P<pid>\d+)-(?P<started>\d+)-[0-9a-f]{8}")


class Disk:
    """The calls by which anything reaches the disk; a test records them, or lets them fail."""

    def make_folder(self, path: Path) -> None:
        """Make one folder that only its owner may enter."""
        path.mkdir(mode=0o700)

    def write(self, path: Path, data: bytes) -> None:
        """Make a new file of ``data`` that only its owner may read; not yet synced."""
        with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)

    def append(self, descriptor: int, data: bytes) -> int:
        """Append to an open file; returns how many bytes were taken."""
        return os.write(descriptor, data)

    def sync(self, path: Path) -> None:
        """Put a file's bytes, or a folder's names, on the disk itself."""
        windows = os.name == "nt"
        if windows and path.is_dir():  # such folders cannot be synced, and need not be
            return
        descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
        try:
            sync_descriptor(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        """Give ``source`` the name ``target``; an old file of that name is replaced."""
        os.replace(source, target)

    def remove(self, path: Path) -> None:
        """Remove a file, or a folder with all that it holds."""
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


DISK = Disk()


def sync_descriptor(descriptor: int) -> None:
    """Put an open file's bytes on the disk itself."""
    if sys.platform == "darwin":  # where fsync stops at the drive's own memory
        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
    else:
        os.fsync(descriptor)


def write_bytes(path: Path, data: bytes, *, disk: Disk = DISK) -> None:
    """Make ``path`` hold ``data``, all or nothing. Raises Refusal ``disk.full``."""
    beside = _beside(path)
    with _removing_on_failure(beside), refusing_when_full(path, lambda: len(data)):
        disk.write(beside, data)
        disk.sync(beside)
        disk.rename(beside, path)
        disk.sync(path.parent)


def write_text(path: Path, text: str, *, disk: Disk = DISK) -> None:
    """Make ``path`` hold ``text`` in UTF-8, all or nothing. Raises Refusal ``disk.full``."""
    write_bytes(path, text.encode("utf-8"), disk=disk)


def write_json(path: Path, value: Any, *, disk: Disk = DISK) -> None:
    """Make ``path`` hold ``value`` as JSON, all or nothing. Raises Refusal ``disk.full``."""
    form = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
    write_text(path, form + "\n", disk=disk)


def append_line(
    descriptor: int, line: bytes, *, path: Path, durable: bool = False, disk: Disk = DISK
) -> None:
    """Append ``line`` to the open file ``path``, all or nothing; ``durable`` waits for the disk.

    Raises Refusal ``disk.full``; the file then ends as it did before.
    """
    end = os.fstat(descriptor).st_size
    with refusing_when_full(path, lambda: len(line)):
        try:
            written = 0
            while written < len(line):
                written += disk.append(descriptor, line[written:])
            if durable:
                sync_descriptor(descriptor)
        except BaseException:
            os.ftruncate(descriptor, end)
            raise


def ensure_folder(path: Path, *, disk: Disk = DISK) -> None:
    """Make a folder, and those above it, where they are missing."""
    if not path.is_dir():
        ensure_folder(path.parent, disk=disk)
        with refusing_when_full(path), suppress(FileExistsError):  # someone else was faster
            disk.make_folder(path)
            disk.sync(path.parent)


@contextmanager
def publishing(final: Path, *, older: Path | None = None, disk: Disk = DISK) -> Iterator[Path]:
    """A new folder to fill; it becomes ``final``, complete and synced, when the block ends.

    A ``final`` that stands already is first moved to ``older``; without ``older`` there must be
    none. If the block raises, nothing has changed. Raises Refusal ``disk.full``, also where a
    library inside the block met the full disk.
    """
    beside = _beside(final)
    with (
        _removing_on_failure(beside),
        refusing_when_full(final, lambda: _bytes_below(beside)),
    ):
        disk.make_folder(beside)
        yield beside
        _settle(beside, disk)
        if final.exists():
            assert older is not None, f"{final.name} is there already"
            disk.rename(final, older)
        disk.rename(beside, final)
        disk.sync(final.parent)


def discard(path: Path, *, disk: Disk = DISK) -> None:
    """Remove a file or folder, if it is there; a power cut leaves it whole, or to be swept."""
    if path.exists():
        beside = _beside(path)
        with refusing_when_full(path):
            disk.rename(path, beside)
            disk.sync(path.parent)
        disk.remove(beside)


def sweep(folder: Path, *, disk: Disk = DISK) -> list[str]:
    """Remove from ``folder`` what dead processes left half done; returns the names."""
    swept = []
    for entry in sorted(folder.iterdir()):
        leftover = _LEFTOVER.fullmatch(entry.name)
        if leftover and not _has_owner(int(leftover["pid"]), int(leftover["started"])):
            with suppress(FileNotFoundError):  # another process may sweep here, too
                disk.remove(entry)
            swept.append(entry.name)
    return swept


@contextmanager
def refusing_when_full(path: Path, needed: Callable[[], int] = lambda: _NAME) -> Iterator[None]:
    """Turn a full disk into a Refusal; ``needed`` counts at least the bytes that did not fit."""
    try:
        yield
    except Exception as error:
        if not _is_full(error):
            raise
        free = shutil.disk_usage(path.parent).free
        raise Refusal("disk.full", path=path.name, needed=needed(), free=free) from error


def _has_owner(pid: int, started: int) -> bool:
    found = of(pid)
    return found is not None and found.started == started and alive(found)


def _beside(final: Path) -> Path:
    owner = current()
    token = secrets.token_hex(4)
    return final.with_name(f".{final.name}.{owner.pid}-{owner.started}-{token}")


def _settle(folder: Path, disk: Disk) -> None:
    """Sync every file and folder below ``folder``, and close them to everyone else."""
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            os.chmod(Path(place, name), 0o600)
            disk.sync(Path(place, name))
        os.chmod(place, 0o700)
        disk.sync(Path(place))


@contextmanager
def _removing_on_failure(beside: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        DISK.remove(beside)
        raise


def _is_full(error: Exception) -> bool:
    """Whether ``error`` says "no space left"; safetensors says it in words only."""
    if isinstance(error, OSError):
        return error.errno in _FULL
    return f"(os error {errno.ENOSPC})" in str(error)


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
