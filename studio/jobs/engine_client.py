"""The engine as its callers see it: a worker process that answers over two private pipes.

Threads may share an engine. One that has died answers nothing more: make a new one. Speaks
:mod:`studio.core.wire`; knows no operation and no model.
"""

import itertools
import os
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Self

from studio.core import wire
from studio.core.errors import Fault, Refusal, StudioError, from_json
from studio.jobs.endings import Beginning, memory_kills, problem
from studio.jobs.identity import KILL, has_ended, of, signal_tree
from studio.jobs.processes import Job, Launcher, spawn

PATIENCE = 180.0
"""Seconds until the first line: the imports, on a cold disk."""

_GRACE = 2.0

Json = dict[str, Any]


class Answer(Iterator[Json]):
    """The events of one answer as they come; after the last one, ``result``.

    Raises what the worker raised, or what ended the engine. An answer that is closed or forgotten
    before its end is cancelled in the worker.
    """

    def __init__(self, engine: "Engine", number: int, messages: "queue.SimpleQueue[Json]") -> None:
        self.result: Any = None
        self._engine, self._number, self._messages = engine, number, messages
        self._is_open = True

    def __next__(self) -> Json:
        if not self._is_open:
            raise StopIteration
        message = self._messages.get()
        if "event" in message:
            event: Json = message["event"]
            return event
        self._is_open = False
        self._engine.forget(self._number)
        if "error" in message:
            raise from_json(message["error"])
        self.result = message.get("result")
        raise StopIteration

    def close(self) -> None:
        """Want no more of it; whoever waits for the next event gets none. Any thread may."""
        if self._is_open:
            self._is_open = False
            self._engine.cancel(self._number)
            self._messages.put({})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class Engine:
    """A worker process that answers requests; ends with :meth:`close`, or with us."""

    def __init__(
        self,
        entry: str = "studio.engine.worker:main",
        *,
        log: Path,
        launcher: Launcher | None = None,
        patience: float = PATIENCE,
        count_kills: Callable[[], int | None] = memory_kills,
    ) -> None:
        """Start the worker, as our child or by ``launcher``, and wait for its first line.

        ``entry`` is called with a descriptor to read from and one to write to; ``log`` takes what
        it prints. Raises Fault ``engine.silent``, ``engine.version``, ``engine.garbled`` or
        ``engine.not_started``, Refusal ``engine.out_of_memory``.
        """
        self._log, self._beginning = log, Beginning.now(log, count_kills)
        self._numbers = itertools.count(1)
        # Cancelling happens wherever an answer is forgotten, so none of this may need a lock.
        self._answers: dict[int, queue.SimpleQueue[Json]] = {}
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._end: StudioError | None = None
        self._is_closing, self._has_greeted = False, False
        self._has_spoken = threading.Event()
        theirs, writing = os.pipe()
        reading, also_theirs = os.pipe()
        answers, requests = os.fdopen(reading, "rb"), FileIO(writing, "wb")
        try:
            self._start(Job(entry, (), log, (theirs, also_theirs)), launcher)
        except BaseException:
            answers.close()
            requests.close()
            raise
        finally:
            os.close(theirs)
            os.close(also_theirs)
        self._listener = threading.Thread(target=self._listen, args=(answers,), daemon=True)
        self._speaker = threading.Thread(target=self._speak, args=(requests,), daemon=True)
        self._listener.start()
        self._speaker.start()
        self._greet(patience)

    @property
    def pid(self) -> int:
        """The worker's process number."""
        return self._worker.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still answers."""
        return self._end is None

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return not self._answers

    def stream(self, op: str, /, **args: Any) -> Answer:
        """Ask for ``op``; its events as they come, then its result."""
        number = next(self._numbers)
        order = wire.line({"id": number, "op": op, "args": args})
        messages: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._answers[number] = messages
        self._outbox.put(order)
        if self._end is not None:
            messages.put({"error": self._end.as_json()})
        return Answer(self, number, messages)

    def call(self, op: str, /, **args: Any) -> Any:
        """Ask for ``op`` and wait for its result; its events are left aside."""
        with self.stream(op, **args) as answer:
            for _ in answer:
                pass
            return answer.result

    def forget(self, number: int) -> bool:
        """Take no more messages for this request; whether any could still have come."""
        return self._answers.pop(number, None) is not None

    def cancel(self, number: int) -> None:
        """Tell the worker that nobody waits for this answer."""
        if self.forget(number):
            order = {"id": next(self._numbers), "op": "cancel", "args": {"id": number}}
            self._outbox.put(wire.line(order))

    def close(self) -> None:
        """Kill the worker, which gives all its memory back; open answers end with a Refusal."""
        self._is_closing = True
        signal_tree(self._worker, KILL)
        self._listener.join()
        self._speaker.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, job: Job, launcher: Launcher | None) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        if launcher is not None:
            self._worker = launcher.launch(job)
            return
        self._child = spawn(job)
        worker = of(self._child.pid)
        assert worker is not None  # unreaped, it keeps its number
        self._worker = worker

    def _greet(self, patience: float) -> None:
        if not self._has_spoken.wait(patience):
            self.close()
            raise Fault("engine.silent", seconds=patience, log=str(self._log))
        if self._end is not None:
            self.close()
            raise self._end

    def _speak(self, requests: FileIO) -> None:
        with requests, suppress(BrokenPipeError):  # the listener tells of the end
            while (line := self._outbox.get()) is not None:
                while line:
                    line = line[requests.write(line) :]

    def _listen(self, answers: BinaryIO) -> None:
        """Hand out what the worker says, until it ends or breaks the rules of the wire."""
        broken: StudioError | None = None
        with answers:
            try:
                self._follow(_messages(answers))
            except StudioError as error:
                broken = error
            except (ValueError, KeyError, TypeError):
                broken = Fault("engine.garbled", log=str(self._log))
        self._end = self._reason(broken, self._reap(0 if broken else _GRACE))
        for messages in list(self._answers.values()):
            messages.put({"error": self._end.as_json()})
        self._outbox.put(None)
        self._has_spoken.set()

    def _follow(self, messages: Iterator[Json]) -> None:
        greeting = next(messages, None)
        if greeting is None:
            return
        if greeting["hello"] != wire.VERSION:
            raise Fault("engine.version", found=greeting["hello"], expected=wire.VERSION)
        self._has_greeted = True
        self._has_spoken.set()
        for message in messages:
            waiting = self._answers.get(message["id"])
            if waiting is not None:
                waiting.put(message)

    def _reap(self, grace: float) -> int | None:
        """The exit code of the worker, which may take ``grace`` seconds to end; None if unknown."""
        if self._child is not None:
            with suppress(subprocess.TimeoutExpired):
                return self._child.wait(grace)
        signal_tree(self._worker, KILL)
        if self._child is not None:
            self._child.wait()
        has_ended(self._worker, _GRACE)
        return None

    def _reason(self, broken: StudioError | None, code: int | None) -> StudioError:
        if self._is_closing:
            return Refusal("engine.closed")
        if broken is not None:
            return broken
        number = -code if code is not None and code < 0 else None
        if code in (-KILL, None) and self._beginning.memory_ran_out():
            return Refusal("engine.out_of_memory", log=str(self._log))
        if self._has_greeted and number == KILL:
            return Fault("engine.killed", log=str(self._log))
        key = "engine.died" if self._has_greeted else "engine.not_started"
        found = problem(code, number, self._log, self._beginning.size)
        return Fault(key, problem=found, log=str(self._log))


def _messages(answers: BinaryIO) -> Iterator[Json]:
    """The messages until the end; a line that death has cut off is left out."""
    while (raw := answers.readline(wire.LINE_LIMIT)).endswith(b"\n"):
        yield wire.message(raw)
    if len(raw) == wire.LINE_LIMIT:
        raise ValueError("line too long")
