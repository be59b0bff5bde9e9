"""The one SQLite file of a data folder, opened anew for each transaction.

Knows connections, durability and what can go wrong on a disk; knows no table. "Saved" means that
``write()`` has returned: every commit is then on the disk, and no error on the way is swallowed.
"""

import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from studio.core.errors import Fault, Refusal, UserMistake
from studio.store.migrations import migrate
from studio.store.schema import STEPS, Steps

PATIENCE = 30.0
"""Seconds to wait for another writer's short transaction."""

# EXTRA is FULL and a sync of the folder: without it a power cut right after a commit can bring the
# rollback journal back, and with it the state from before the commit. Journal mode DELETE, since
# WAL can corrupt a file with several connections in SQLite before 3.51.3. What people typed goes
# to no temporary file (temp_store) and does not linger in freed pages (secure_delete).
_PRAGMAS = (
    "synchronous=EXTRA",
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "cache_size=-65536",
    "trusted_schema=OFF",
)
_KEYS = {
    sqlite3.SQLITE_FULL: "store.disk_full",
    sqlite3.SQLITE_IOERR: "store.disk_failed",
    sqlite3.SQLITE_READONLY: "store.read_only",
    sqlite3.SQLITE_PERM: "store.read_only",
    sqlite3.SQLITE_CANTOPEN: "store.cannot_open",
    sqlite3.SQLITE_BUSY: "store.busy",
    sqlite3.SQLITE_LOCKED: "store.busy",
    sqlite3.SQLITE_CORRUPT: "store.damaged",
    sqlite3.SQLITE_NOTADB: "store.damaged",
}
_of_another_process: list[sqlite3.Connection] = []

# Writers of one process queue here: SQLite's own way of waiting, to ask again and again after
# ever longer pauses, can keep one of many waiting for seconds. A forked child has its own queue.
_turns: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)


class Database:
    """Transactions on ``path``; created if absent and brought to the newest schema at first use.

    Any number of threads and processes may hold one. To have one touches no file; each use raises
    Refusal ``store.*`` for what the disk or another program causes: full, failed, read-only,
    missing, damaged, newer, busy.
    """

    def __init__(
        self,
        path: Path,
        *,
        steps: Steps = STEPS,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path = path.absolute()
        self.now = clock
        self._steps, self._patience = steps, patience
        self._is_prepared, self._failed = False, False

    def prepare(self) -> None:
        """Create the file if it is absent, and bring it to the newest schema."""
        if self._is_prepared:
            return
        _create(self.path)
        with self._translated(), closing(self._connect()) as connection:
            migrate(connection, self.path, self._steps)
        self._is_prepared = True

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One short transaction that alone may write; it is on the disk once this returns."""
        if self._failed:
            raise Refusal("store.disk_failed", path=str(self.path))
        turn = _turns[os.getpid()]
        if not turn.acquire(timeout=self._patience):
            raise Refusal("store.busy", path=str(self.path))
        try:
            with self._transaction("BEGIN IMMEDIATE") as connection:
                yield connection
        finally:
            turn.release()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One state of the database, whatever others write meanwhile; nothing can be changed."""
        with self._transaction("BEGIN") as connection:
            connection.execute("PRAGMA query_only=ON")
            yield connection

    def vacuum(self) -> None:
        """Rebuild the file, so that no page holds what was deleted."""
        self.prepare()
        with self._translated(), closing(self._connect()) as connection:
            connection.execute("VACUUM")

    def problems(self) -> tuple[str, ...]:
        """What SQLite finds wrong with the file; nothing if all is well."""
        with self.read() as connection:
            found = [str(line[0]) for line in connection.execute("PRAGMA integrity_check")]
            found += [
                f"foreign key: {line[0]} {line[1]}"
                for line in connection.execute("PRAGMA foreign_key_check")
            ]
        return tuple(problem for problem in found if problem != "ok")

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: a file that was deleted or moved under us must not come back empty.
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode=rw",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
        )
        connection.row_factory = sqlite3.Row
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        process = os.getpid()
        self.prepare()
        with self._translated():
            connection = self._connect()
            try:
                connection.execute(begin)
                yield connection
                if os.getpid() == process:
                    connection.execute("COMMIT")
            finally:
                self._leave(connection, process)

    def _leave(self, connection: sqlite3.Connection, process: int) -> None:
        """Close, which rolls back what is not committed."""
        if os.getpid() == process:
            connection.close()
            return
        # In a forked child, even closing would end the parent's transaction and drop its locks.
        _of_another_process.append(connection)
        raise Fault("store.forked")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            refusal = self._refusal(error)
            if refusal is None:
                raise
            raise refusal from error
        except UnicodeEncodeError as error:
            # Half a character, from a broken paste or a hostile client: no file can hold it.
            raise UserMistake("store.half_character", position=error.start) from None

    def _refusal(self, error: sqlite3.Error) -> Refusal | None:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        key = _KEYS.get(code)
        if key is None:
            return None
        if code == sqlite3.SQLITE_IOERR:
            # After a failed fsync the kernel may call lost pages clean: trying again would lie.
            self._failed = True
        return Refusal(key, path=str(self.path), problem=str(error))


def _create(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise Refusal("store.cannot_open", path=str(path), problem=str(error.strerror)) from error
