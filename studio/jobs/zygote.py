"""A process that has imported the slow libraries, and forks jobs from there in a moment.

It runs no operation of theirs, so no thread of theirs works and no device is open: forking is
safe. It ends when the connection to its parent closes; what it forked lives on. Only on Linux.
"""

import gc
import importlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from studio.core.errors import Fault
from studio.jobs.identity import Identity
from studio.jobs.processes import Job, Launcher, Spawner, detach, fork, spawn
from studio.store.owners import LINUX

LIBRARIES = ("studio.engine", "torch", "transformers", "peft", "studio.jobs.keeper")
PATIENCE = 120.0
"""Seconds for the imports and one fork, on a cold disk."""

_GRACE, _BYTES, _DESCRIPTORS = 0.5, 64 * 1024, 8


def launcher(log: Path) -> Launcher:
    """What starts jobs fastest and safely on this machine; ``log`` takes the zygote's output."""
    return Zygote(LIBRARIES, log=log) if LINUX else Spawner()


class Zygote:
    """A launcher that forks. Threads may share it; ends with :meth:`close` or with us."""

    def __init__(self, libraries: Sequence[str], *, log: Path) -> None:
        self._turn = threading.Lock()
        self._log = log
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._connection.settimeout(PATIENCE)
        with theirs:
            job = Job("studio.jobs.zygote:serve", tuple(libraries), log, (theirs.fileno(),))
            self._process = spawn(job)

    @property
    def pid(self) -> int:
        """The zygote's process number."""
        return self._process.pid

    def launch(self, job: Job) -> Identity:
        """Fork ``job``; where the zygote has died, a fresh interpreter starts it.

        Raises Fault ``jobs.not_started`` if the zygote dies at it.
        """
        order = json.dumps(job.as_json()).encode()
        with self._turn:
            try:
                socket.send_fds(self._connection, [order], job.descriptors)
            except OSError:
                return Spawner().launch(job)
            try:
                identity = Identity.from_json(json.loads(self._connection.recv(_BYTES)))
            except (OSError, ValueError):
                identity = None
        if identity is None:
            raise Fault("jobs.not_started", log=str(self._log))
        return identity

    def close(self) -> None:
        """End the zygote; what it has started lives on."""
        self._connection.close()
        try:
            self._process.wait(timeout=_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(*given: str | int) -> int:
    """The zygote's whole life: import the libraries named first, then fork what is asked for."""
    *libraries, descriptor = given
    for library in libraries:
        importlib.import_module(str(library))
    gc.freeze()  # a collection in a fork would copy every page it looks at
    with socket.socket(fileno=int(descriptor)) as connection:
        while True:
            order, descriptors, _, _ = socket.recv_fds(connection, _BYTES, _DESCRIPTORS)
            if not order:
                return 0
            data = json.loads(order) | {"descriptors": descriptors}
            _start(Job.from_json(data), connection)
            for received in descriptors:
                os.close(received)


def _start(job: Job, connection: socket.socket) -> None:
    """Fork twice, so that the job is nobody's child and leaves nothing behind when it ends."""

    def middle() -> int:
        connection.send(json.dumps(detach(job).as_json()).encode())
        return 0

    _, status = os.waitpid(fork(middle), 0)
    if status:
        connection.send(b"null")
