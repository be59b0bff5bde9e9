"""The engine process: answers requests over two pipes, one at a time, each of them cancellable.

Holds at most one base model. Speaks :mod:`studio.core.wire`; what the operations do stands in
:mod:`studio.engine.operations`.
"""

import os
import threading
import traceback
from contextlib import suppress
from io import FileIO
from queue import SimpleQueue
from typing import Any

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
        self._is_alone = False
        self._bench = Bench()

    def serve(self) -> int:
        with self._out, suppress(BrokenPipeError):  # whoever asked is gone
            self._say({"hello": wire.VERSION})
            threading.Thread(target=self._listen, daemon=True).start()
            while (request := self._queue.get()) is not None:
                self._answer(int(request["id"]), str(request["op"]), dict(request["args"]))
        return 0

    def _listen(self) -> None:
        try:
            with os.fdopen(self._read_fd, "rb") as lines:
                for request in map(wire.message, lines):
                    if request["op"] == "cancel":
                        self._unwanted.add(request["args"]["id"])
                    else:
                        self._queue.put(request)
        finally:
            self._is_alone = True
            self._queue.put(None)

    def _answer(self, number: int, op: str, args: Json) -> None:
        try:
            self._say({"id": number, "result": self._work(number, op, args)})
        except Cancelled:
            self._say({"id": number, "result": None})
        except BrokenPipeError:
            raise
        except Exception as error:
            self._say({"id": number, "error": _in_words(error).as_json()})

    def _work(self, number: int, op: str, args: Json) -> Any:
        def unwanted() -> bool:
            return self._is_alone or number in self._unwanted

        if op not in OPERATIONS:
            raise Fault("engine.unknown_operation", op=op)
        events = OPERATIONS[op](self._bench, unwanted, **args)
        while True:
            try:
                event = next(events)
            except StopIteration as stop:  # what the generator returns is the result
                return stop.value
            if unwanted():
                raise Cancelled
            self._say({"id": number, "event": event})

    def _say(self, message: Json) -> None:
        line = wire.line(message)
        while line:
            line = line[self._out.write(line) :]


def _in_words(error: Exception) -> StudioError:
    """What ``error`` means to whoever asked; most of what it can be is our fault."""
    if isinstance(error, StudioError):
        return error
    if machine.is_out_of_memory(error):
        return Refusal("engine.no_memory")
    traceback.print_exception(error)
    problem = traceback.format_exception_only(error)[-1].strip()
    return Fault("engine.broke", problem=problem[:300])
