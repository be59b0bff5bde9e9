"""The real server in a process of its own, over a data folder of the test."""

import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from studio.core.rows import Body, NewRow
from studio.store.data_folder import DataFolder
from studio.store.database import Database
from studio.store.datasets import Datasets
from studio.store.row_values import Query
from studio.store.rows import Rows

_WAY_IN = re.compile(r"http://\S+code=\S+")
_PATIENCE = 120


@dataclass
class Served:
    """`studio ui` over ``folder``; it can be killed and started again on the same port."""

    folder: Path
    port: int = field(default_factory=lambda: _free_port())
    language: str = "en"
    _process: subprocess.Popen[str] | None = None

    @property
    def has_started(self) -> bool:
        """Whether it was ever started."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> str:
        """Start it; returns the address that lets a browser in, once."""
        log = self.folder.parent / "ui.log"
        command = [sys.executable, "-m", "studio", "ui", "--no-browser", "--offline"]
        command += ["--port", str(self.port), "--lang", self.language]
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                [*command, "--data-dir", str(self.folder)],
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
            )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            if found := _WAY_IN.search(log.read_text(encoding="utf-8")):
                return found.group()
            time.sleep(0.02)
        raise AssertionError(log.read_text(encoding="utf-8"))

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        if self._process is not None and self._process.poll() is None:
            self._end(signal.SIGINT)

    def _end(self, how: int) -> None:
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(_PATIENCE)


@dataclass(frozen=True)
class Shelf:
    """The rows in a data folder, seen past the server."""

    folder: Path

    def fill(self, name: str, rows: list[NewRow]) -> str:
        """A new dataset with ``rows``; returns its id."""
        home = Datasets(self._database).create(name)
        if rows:
            Rows(self._database).add(home.id, rows, key=f"rows of {name}")
        return home.id

    def ids(self, dataset: str) -> list[str]:
        """All living rows, in their order."""
        return [row.id for row in Rows(self._database).living(dataset)]

    def bodies(self, dataset: str) -> list[Body]:
        """What all living rows hold, in their order."""
        return [row.body for row in Rows(self._database).living(dataset)]

    def revisions(self, dataset: str) -> list[int]:
        """How often all living rows were saved, in their order."""
        return [row.revision for row in Rows(self._database).living(dataset)]

    def tags(self, dataset: str) -> list[tuple[str, ...]]:
        """The tags of all living rows, in their order."""
        return [row.tags for row in Rows(self._database).living(dataset)]

    def responses(self, dataset: str) -> list[str]:
        """The answers of all living rows, in their order."""
        return [row.body.response for row in Rows(self._database).living(dataset)]

    def statuses(self, dataset: str) -> list[str]:
        """What was said of all living rows, in their order."""
        return [row.status.value for row in Rows(self._database).living(dataset)]

    def trashed(self, dataset: str) -> int:
        """How many rows lie in the trash."""
        return Rows(self._database).page(dataset, Query(trashed=True)).total

    def histories(self, dataset: str) -> list[str]:
        """Every answer that a row of the dataset has ever had."""
        rows = Rows(self._database)
        pasts = [past for row in rows.living(dataset) for past in rows.history(row.id)]
        return [past.row.body.response for past in pasts]

    @property
    def _database(self) -> Database:
        return Database(DataFolder.open(self.folder).database)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
