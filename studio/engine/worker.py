"""The engine process: answers requests over two pipes, one at a time, each of them cancellable.

Holds at most one base model. Speaks :mod:`studio.core.wire`; what the operations do stands in
:mod:`studio.engine.operations`.
"""

import os
import threading
import traceback
from collections.abc import Iterator
from io import FileIO
from queue import SimpleQueue
from typing import Any

import torch

from studio.core import wire
from studio.core.errors import Fault, Refusal, StudioError
from studio.engine import machine
from studio.engine.operations import OPERATIONS, Bench, Cancelled
from studio.engine.silence import silence

Json = dict[str, Any]


def main(read_fd: int, write_fd: int) -> int:
    """Answer what comes in on ``read_fd`` until it ends."""
    silence()
    machine.use_threads()
    return _Worker(read_fd, write_fd).serve()


class _Worker:
    """Reads requests in one thread and works on them in the other."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._out = read_fd, FileIO(write_fd, "wb")
        self._queue: SimpleQueue[Json | None] = SimpleQueue()
        self._unwanted: set[int] = set()
        self._bench = Bench()

    def serve(self) -> int:
        self._say({"hello": wire.VERSION})
        threading.Thread(target=self._listen, daemon=True).start()
        while (request := self._queue.get()) is not None:
            self._answer(int(request["id"]), str(request["op"]), dict(request["args"]))
        return 0

    def _listen(self) -> None:
        with os.fdopen(self._read_fd, "rb") as lines:
            for raw in lines:
                request = wire.message(raw)
                if request["op"] == "cancel":
                    self._unwanted.add(request["args"]["id"])
                else:
                    self._queue.put(request)
        self._queue.put(None)

    def _answer(self, number: int, op: str, args: Json) -> None:
        def unwanted() -> bool:
            return number in self._unwanted

        try:
            if op not in OPERATIONS:
                raise Fault("engine.unknown_operation", op=op)
            result = self._run(number, OPERATIONS[op](self._bench, unwanted, **args))
            self._say({"id": number, "result": result})
        except Cancelled:
            self._say({"id": number, "result": None})
        except StudioError as error:
            self._say({"id": number, "error": error.as_json()})
        except (MemoryError, torch.OutOfMemoryError):
            self._say({"id": number, "error": Refusal("engine.no_memory").as_json()})
        except Exception as error:
            traceback.print_exc()
            problem = traceback.format_exception_only(error)[-1].strip()[:300]
            self._say({"id": number, "error": Fault("engine.broke", problem=problem).as_json()})

    def _run(self, number: int, events: Iterator[Json]) -> Any:
        """Pass the events on; the generator's return value is the result."""
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                return stop.value
            if number in self._unwanted:
                raise Cancelled
            self._say({"id": number, "event": event})

    def _say(self, message: Json) -> None:
        line = wire.line(message)
        while line:
            line = line[self._out.write(line) :]
