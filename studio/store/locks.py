"""Locks that die with their holders: a lock file is held by open descriptors, not by its content.

Children that inherit the descriptor hold the lock too; it is free once the last of them has ended,
however it ended. The content only tells people who holds it. On Windows children hold nothing.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from studio.core.errors import Refusal
from studio.store.owners import current

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_TRIES, _PAUSE = 20, 0.005
"""Someone who only asks for the owner holds the lock for a moment; a holder keeps it longer."""

_BEYOND_CONTENT = 1 << 30


@dataclass(slots=True)
class Held:
    """A lock in hand. Ends with :meth:`release`, with a ``with`` block, or with the process."""

    _descriptor: int

    @classmethod
    def inherited(cls, descriptor: int, purpose: str) -> Self:
        """The lock that this process was started with; it signs as owner."""
        if sys.platform == "win32":  # where it is not handed on, but let go by the starter
            while not _take(descriptor):
                time.sleep(_PAUSE)
        held = cls(descriptor)
        held.sign(purpose)
        return held

    def fileno(self) -> int:
        """The descriptor that holds the lock; whoever inherits it holds the lock too."""
        return self._descriptor

    def sign(self, purpose: str) -> None:
        """Write this process down as the owner."""
        facts = current().as_json() | {"purpose": purpose}
        line = json.dumps(facts, ensure_ascii=False).encode("utf-8") + b"\n"
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, line)
        os.ftruncate(self._descriptor, len(line))

    def release(self) -> None:
        """Let go; processes that inherited the lock keep it. Doing it twice does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@dataclass(frozen=True, slots=True)
class Lock:
    """An exclusive lock on the file ``path``, which stays when the lock is free."""

    path: Path

    def acquire(self, purpose: str) -> Held:
        """Take the lock for ``purpose`` (shown to others).

        Raises Refusal ``lease.busy`` with the owner's purpose and pid if another holds it.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        for _ in range(_TRIES):
            if _take(descriptor):
                held = Held(descriptor)
                held.sign(purpose)
                return held
            time.sleep(_PAUSE)
        facts = _facts(descriptor)
        os.close(descriptor)
        raise Refusal("lease.busy", owner=facts.get("purpose", "?"), pid=facts.get("pid"))


def owner(path: Path) -> dict[str, Any] | None:
    """Who holds the lock at ``path`` ({pid, started, boot, purpose}), or None if it is free.

    Empty while the holder is only just writing itself down.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        return None if _take(descriptor) else _facts(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _BEYOND_CONTENT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _facts(descriptor: int) -> dict[str, Any]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        facts = json.loads(os.read(descriptor, 4096).split(b"\n")[0])
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
