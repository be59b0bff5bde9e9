"""The append-only log of one run: a line per event, numbered, with the attempt that wrote it.

A line counts once its newline stands; what a crash left behind it is cut off by the next attempt.
Order is that of ``seq``; the clock is noted for people and decides nothing. A small file beside it
keeps room for what must be said on a full disk.
"""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from studio.core.errors import Refusal
from studio.core.events import Event
from studio.store.atomic import DISK, Disk, append_line, refusing_when_full, write_bytes

RESERVE = 4096
"""Bytes of the file that is given up when not one is left: a block of most file systems."""


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events in ``path``, in order; lines that are torn or damaged are left out."""
    for event, _ in _read(path):
        yield event


class EventReader:
    """Follows a log that is still being written."""

    def __init__(self, path: Path) -> None:
        self._path, self._end = path, 0

    def read(self) -> Iterator[dict[str, Any]]:
        """The events since the last call; a line that is not yet whole waits for the next."""
        for event, end in _read(self._path, self._end):
            self._end = end
            yield event


class EventLog:
    """The events of one run, open for appending by its one trainer."""

    def __init__(self, path: Path, *, disk: Disk = DISK) -> None:
        """Cut off what is torn at the end of ``path``. Raises Refusal ``disk.full``."""
        self._path, self._disk = path, disk
        self._reserve = path.with_name("reserve")
        self._seq, self._attempt, end = 0, 1, 0
        for event, line_end in _read(path):
            self._seq = max(self._seq, event["seq"])
            self._attempt = max(self._attempt, event["attempt"] + 1)
            end = line_end
        with refusing_when_full(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.ftruncate(self._descriptor, end)
            disk.sync(path.parent)
        self._keep_room()

    @property
    def attempt(self) -> int:
        """1, or one more than the last attempt that said anything."""
        return self._attempt

    def append(
        self, event: Event, *, durable: bool = False, urgent: bool = False
    ) -> dict[str, Any]:
        """Write one event down and return it as it stands there; ``durable`` waits for the disk.

        What is ``urgent`` may take the room that is kept for a full disk. Raises Refusal
        ``disk.full``, and ValueError for a number that JSON does not have.
        """
        numbers = {"seq": self._seq + 1, "attempt": self._attempt}
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        written = event.as_json() | numbers | {"at": moment}
        form = json.dumps(written, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        line = form.encode("utf-8") + b"\n"
        try:
            self._append(line, durable)
        except Refusal:
            if not urgent:
                raise
            self._disk.remove(self._reserve)
            self._append(line, durable)
        self._seq += 1
        self._keep_room()
        return written

    def _append(self, line: bytes, durable: bool) -> None:
        append_line(self._descriptor, line, path=self._path, durable=durable, disk=self._disk)

    def _keep_room(self) -> None:
        """Make the reserve, unless it is there or the disk has no room for it now."""
        if not self._reserve.exists():
            with suppress(Refusal):
                write_bytes(self._reserve, os.urandom(RESERVE), disk=self._disk)

    def close(self) -> None:
        """Close the file; what was appended stays."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(path: Path, end: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Each whole event after the first ``end`` bytes, with where in the file its line ends."""
    try:
        with open(path, "rb") as lines:
            lines.seek(end)
            for line in lines:
                end += len(line)
                event = _event(line)
                if event is not None:
                    yield event, end
    except FileNotFoundError:
        return


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    numbered = isinstance(event, dict) and isinstance(event.get("event"), str)
    if numbered and isinstance(event.get("seq"), int) and isinstance(event.get("attempt"), int):
        return dict(event)
    return None
