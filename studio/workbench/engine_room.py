"""The one engine of a workbench: started when it is first needed, and again if it has died."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from studio.jobs.engine_client import Answer, Engine
from studio.jobs.processes import Launcher
from studio.store.data_folder import DataFolder
from studio.store.locks import Held, Lock, owner


class Asked(Protocol):
    """Whoever answers with events: the engine of a workbench, or one beside it."""

    def stream(self, op: str, /, **args: Any) -> Answer:
        """The events of ``op`` as they come, its result at the end."""
        ...


class EngineRoom:
    """Asks the engine, and takes the device lease for what needs the device."""

    def __init__(self, data: DataFolder, launcher: Launcher | None = None) -> None:
        self._data, self._launcher = data, launcher
        self._engine: Engine | None = None
        self._machine: dict[str, Any] | None = None
        self._door = threading.Lock()
        self._lease = Lock(data.locks / "device.lock")

    @property
    def _living(self) -> Engine:
        with self._door:
            if self._engine is None or not self._engine.is_alive:
                self._engine = Engine(log=self._data.root / "engine.log", launcher=self._launcher)
            return self._engine

    def call(self, op: str, /, **args: Any) -> Any:
        """The result of ``op``."""
        return self._living.call(op, **args)

    def stream(self, op: str, /, **args: Any) -> Answer:
        """The events of ``op`` as they come, its result at the end."""
        return self._living.stream(op, **args)

    @contextmanager
    def apart(self) -> Iterator[Asked]:
        """An engine beside the one, for what takes long and needs no device, such as a download.

        It keeps nobody waiting, outlives the start of a run, and is ended with the block.
        """
        with Engine(log=self._data.root / "models.log", launcher=self._launcher) as engine:
            yield engine

    @property
    def machine(self) -> dict[str, Any]:
        """What torch finds on this machine; asked once, so what is free in it may be old."""
        if self._machine is None:
            self._machine = self.call("machine_facts")
        return self._machine

    def device(self, purpose: str) -> Held:
        """Hold the device while something computes; raises Refusal ``lease.busy``."""
        return self._lease.acquire(purpose)

    def device_owner(self) -> dict[str, Any] | None:
        """Who has the device ({pid, purpose, …}), or None while it is free."""
        return owner(self._lease.path)

    @property
    def pid(self) -> int | None:
        """The process of the engine that runs; None while there is none."""
        engine = self._engine
        return engine.pid if engine is not None and engine.is_alive else None

    def rest(self) -> None:
        """End the engine if it has nothing to do."""
        engine = self._engine
        if engine is not None and engine.is_idle:
            self.close()

    def close(self) -> None:
        """End the engine, which gives all its memory back."""
        with self._door:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
