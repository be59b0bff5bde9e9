"""The one engine of a workbench: started when it is first needed, and again if it has died."""

import threading
from typing import Any

from studio.jobs.engine_client import Answer, Engine
from studio.jobs.processes import Launcher
from studio.store.data_folder import DataFolder
from studio.store.locks import Held, Lock, owner


class EngineRoom:
    """Asks the engine, and takes the device lease for what needs the device."""

    def __init__(self, data: DataFolder, launcher: Launcher | None = None) -> None:
        self._data, self._launcher = data, launcher
        self._engine: Engine | None = None
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

    def device(self, purpose: str) -> Held:
        """Hold the device while something computes; raises Refusal ``lease.busy``."""
        return self._lease.acquire(purpose)

    def device_owner(self) -> dict[str, Any] | None:
        """Who has the device ({pid, purpose, …}), or None while it is free."""
        return owner(self._lease.path)

    def close(self) -> None:
        """End the engine, which gives all its memory back."""
        with self._door:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
