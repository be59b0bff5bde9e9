"""The one engine of a workbench: started when it is first needed, and again if it has died."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from studio.jobs.engine_client import Answer, Engine
from studio.store.data_folder import DataFolder
from studio.store.locks import Held, Lock


class EngineRoom:
    """Asks the engine, and takes the device lease for what needs the device."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data
        self._engine: Engine | None = None
        self._door = threading.Lock()

    @property
    def engine(self) -> Engine:
        """The living engine."""
        with self._door:
            if self._engine is None or not self._engine.is_alive:
                self._engine = Engine(log=self._data.root / "engine.log")
            return self._engine

    def call(self, op: str, /, **args: Any) -> Any:
        """The result of ``op``."""
        return self.engine.call(op, **args)

    def stream(self, op: str, /, **args: Any) -> Answer:
        """The events of ``op`` as they come, its result at the end."""
        return self.engine.stream(op, **args)

    def device(self, purpose: str) -> AbstractContextManager[Held | None]:
        """Hold the device while something computes; raises Refusal ``lease.busy``."""
        return Lock(self._data.locks / "device.lock").acquire(purpose)

    def idle(self) -> AbstractContextManager[None]:
        """For work that needs no device."""
        return nullcontext()

    def close(self) -> None:
        """End the engine, which gives all its memory back."""
        with self._door:
            if self._engine is not None:
                self._engine.close()
                self._engine = None
