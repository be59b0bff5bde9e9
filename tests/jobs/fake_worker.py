"""An engine that knows no model: each operation is a way to behave."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import FileIO
from queue import SimpleQueue
from typing import Any

from studio.core import wire
from studio.core.errors import Refusal, StudioError

Json = dict[str, Any]


class FakeWorker:
    """Reads requests in one thread and answers them in the other, as the real one does."""

    def __init__(self, requests: int, answers: int) -> None:
        self.requests, self.answers = requests, FileIO(answers, "wb")
        self.queue: SimpleQueue[Json | None] = SimpleQueue()
        self.cancelled: set[int] = set()

    def say(self, message: Json) -> None:
        self.answers.write(wire.line(message))

    def read(self) -> None:
        with os.fdopen(self.requests, "rb") as lines:
            for raw in lines:
                request = wire.message(raw)
                if request["op"] == "cancel":
                    self.cancelled.add(request["args"]["id"])
                else:
                    self.queue.put(request)
        self.queue.put(None)

    def serve(self) -> int:
        self.say({"hello": wire.VERSION})
        threading.Thread(target=self.read, daemon=True).start()
        while (request := self.queue.get()) is not None:
            try:
                events = getattr(self, request["op"])(request["id"], **request["args"])
                for event in events:
                    self.say({"id": request["id"], "event": event})
            except StudioError as error:
                self.say({"id": request["id"], "error": error.as_json()})
        return 0

    def echo(self, number: int, /, **args: Any) -> Iterator[Json]:
        yield from ()
        self.say({"id": number, "result": args})

    def count(self, number: int, to: int, pause: float = 0) -> Iterator[Json]:
        """Count, one event a number, until cancelled; the result says how far it came."""
        done = 0
        while done < to and number not in self.cancelled:
            yield {"number": done}
            done += 1
            time.sleep(pause)
        self.counted = done
        self.say({"id": number, "result": done})

    def last_count(self, number: int) -> Iterator[Json]:
        yield from ()
        self.say({"id": number, "result": self.counted})

    def refuse(self, number: int) -> Iterator[Json]:
        yield {"number": 0}
        raise Refusal("model.unknown", name="x")

    def crash(self, number: int, code: int) -> Iterator[Json]:
        """Die in the middle of a line."""
        yield {"number": 0}
        self.answers.write(b'{"id": 1, "even')
        print("last words", flush=True)
        os._exit(code)

    def kill(self, number: int, signal: int) -> Iterator[Json]:
        yield {"number": 0}
        os.kill(os.getpid(), signal)
        time.sleep(60)

    def babble(self, number: int, line: str) -> Iterator[Json]:
        """Write a line that is no message, and live on."""
        yield {"number": 0}
        self.answers.write(bytes.fromhex(line) + b"\n")
        time.sleep(60)

    def drone(self, number: int, length: int) -> Iterator[Json]:
        """Write one line of that length, and live on."""
        yield {"number": 0}
        while length > 0:
            length -= self.answers.write(b"x" * min(length, 1 << 20))
        time.sleep(60)

    def bear(self, number: int) -> Iterator[Json]:
        """Have a child that would live for long; the result is its number."""
        yield from ()
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.say({"id": number, "result": child.pid})

    def shut(self, number: int) -> Iterator[Json]:
        """Close the connection, and live on."""
        yield {"number": 0}
        self.answers.close()
        time.sleep(60)


def main(requests: int, answers: int) -> int:
    """A worker that keeps the rules."""
    print("the worker's output", flush=True)
    return FakeWorker(requests, answers).serve()


def old(requests: int, answers: int) -> int:
    """A worker of another version."""
    FileIO(answers, "wb").write(wire.line({"hello": wire.VERSION + 1}))
    time.sleep(60)
    return 0


def nameless(requests: int, answers: int) -> int:
    """A worker that does not say which version it is."""
    FileIO(answers, "wb").write(json.dumps({"id": 1}).encode() + b"\n")
    time.sleep(60)
    return 0


def mute(requests: int, answers: int) -> int:
    """A worker that never says a word."""
    time.sleep(60)
    return 0


def broken(requests: int, answers: int) -> int:
    """A worker that fails before its first word."""
    raise RuntimeError("a fake failure")


def killed(requests: int, answers: int) -> int:
    """A worker that is killed before its first word."""
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def vanishing(requests: int, answers: int) -> int:
    """A worker that ends before its first word, and prints none."""
    os._exit(3)
